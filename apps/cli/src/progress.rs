//! Progress bars, on a terminal only.

use std::{
    io::IsTerminal,
    sync::Arc,
    time::{Duration, Instant},
};

use drivetrain::files::Counts;
use indicatif::{HumanCount, ProgressBar, ProgressDrawTarget, ProgressStyle};

/// A bar over `length` bytes; hidden when standard error is no terminal or nobody wants to be told.
pub(crate) fn bytes(length: u64, quiet: bool) -> ProgressBar {
    bar(length, quiet, "{msg} {wide_bar} {bytes}/{total_bytes} {eta}")
}

/// What goes on, where nobody knows how far it is.
pub(crate) fn spinner(quiet: bool) -> ProgressBar {
    let spinner = bar(0, quiet, "{spinner} {msg}  {elapsed}");
    spinner.enable_steady_tick(Duration::from_millis(100));
    spinner
}

/// A bar over thousandths.
pub(crate) fn permille(quiet: bool) -> ProgressBar {
    bar(1000, quiet, "{msg} {wide_bar} {percent}% {eta}")
}

fn bar(length: u64, quiet: bool, template: &str) -> ProgressBar {
    let visible = !quiet && std::io::stderr().is_terminal();
    let target = if visible { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
    let bar = ProgressBar::with_draw_target(Some(length), target);
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
    bar
}

/// How far a stream of texts has come: how many, how fast, and how long it will take where the length of the input is
/// known.
pub(crate) struct TextsWatch {
    bar: ProgressBar,
    counts: Arc<Counts>,
    started: Instant,
    /// Records of the input before the first text.
    before: u64,
    n_texts: u64,
    n_tokens: u64,
}

impl TextsWatch {
    /// For an input of so many bytes, if that is known, of which the first records are passed over.
    pub(crate) fn new((n_bytes, before): (Option<u64>, u64), counts: Arc<Counts>, quiet: bool) -> Self {
        let bar = match n_bytes {
            Some(n_bytes) => bar(n_bytes, quiet, "{wide_bar} {percent}%  {msg}  {eta} left"),
            None => bar(0, quiet, "{spinner} {msg}  {elapsed}"),
        };
        Self { bar, counts, started: Instant::now(), before, n_texts: 0, n_tokens: 0 }
    }

    /// Takes note of texts that are done, and their tokens where those are known.
    pub(crate) fn saw(&mut self, n_texts: usize, n_tokens: u64) {
        if self.n_texts == 0 && self.before > 0 {
            // What was passed over on the way here says nothing about the rest.
            self.bar.set_position(self.bytes_done());
            self.bar.reset_eta();
        }
        self.n_texts += n_texts as u64;
        self.n_tokens += n_tokens;
        self.bar.set_position(self.bytes_done());
        let seconds = self.started.elapsed().as_secs_f64().max(1e-3);
        let rate = |count: u64| HumanCount((count as f64 / seconds) as u64);
        let tokens = match self.n_tokens {
            0 => String::new(),
            n_tokens => format!("  {} tokens/s", rate(n_tokens)),
        };
        self.bar.set_message(format!("{} texts  {}/s{tokens}", HumanCount(self.n_texts), rate(self.n_texts)));
    }

    /// Bytes that the texts done stand for: reading is ahead of them.
    fn bytes_done(&self) -> u64 {
        let share = (self.before + self.n_texts) as f64 / self.counts.n_records().max(1) as f64;
        (self.counts.n_bytes() as f64 * share.min(1.0)) as u64
    }

    pub(crate) fn finish(&self) {
        self.bar.finish_and_clear();
    }
}
