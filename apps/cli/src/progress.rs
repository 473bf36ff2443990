//! Progress bars, on a terminal only.

use std::io::IsTerminal;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// A bar over `length` bytes; hidden when standard error is no terminal or nobody wants to be told.
pub(crate) fn bytes(length: u64, quiet: bool) -> ProgressBar {
    bar(length, quiet, "{msg} {wide_bar} {bytes}/{total_bytes} {eta}")
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
