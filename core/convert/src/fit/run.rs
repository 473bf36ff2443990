//! The steps of a fitting in their order.

use std::{fmt, path::Path, time::Duration};

use drivetrain_contract::{Call, Error, Result};
use drivetrain_package::Package;
use rayon::ThreadPoolBuilder;

use super::{
    checkpoint::{Checkpoint, State},
    corpus::{Corpus, Cutter, TextsDigest},
    options::FitOptions,
    start,
    table::Table,
    teacher::{SingleTokens, Teacher, TextsOnce, TokenVectors},
    train::Course,
    vector_file::VectorFile,
    work::WorkFolder,
};
use crate::distill::{self, Centre, Distilled, FittedOn, Provenance, Vocabulary};

/// Texts the teacher is given at a time. What is on disk is always a multiple of it, so that a teacher that was
/// interrupted is asked the same questions.
const AT_ONCE: usize = 4096;

/// Where in the whole, in thousandths, each part begins and ends. On a processor the teacher takes most of the time.
const TOKENS: (u32, u32) = (0, 80);
const TEACHER: (u32, u32) = (80, 650);
const TRAINING: (u32, u32) = (650, 980);

/// What is to be fitted to what.
#[derive(Clone, Copy)]
pub struct FitJob<'a> {
    /// The transformer's package.
    pub package: &'a Package,
    /// Gives all texts, in the same order each time: it is asked twice.
    pub texts: &'a dyn Fn() -> Result<TextsOnce<'a>>,
    /// Where a folder is made for what has been done.
    pub work_dir: &'a Path,
    /// How.
    pub options: &'a FitOptions,
}

/// A fitted model, and how it came about.
#[derive(Debug)]
pub struct Fitted {
    /// The model.
    pub model: Distilled,
    /// How it went.
    pub report: FitReport,
    checkpoint: Checkpoint,
}

impl Fitted {
    /// Writes the package as [`Distilled::write`] does. The table with its moments, which was kept until here, is removed
    /// from the work folder then.
    ///
    /// # Errors
    /// Those of [`Distilled::write`].
    pub fn write(&self, dir: &Path) -> Result<()> {
        self.model.write(dir)?;
        self.checkpoint.remove();
        Ok(())
    }
}

/// How a fitting went.
#[derive(Clone, Debug, PartialEq)]
pub struct FitReport {
    /// Texts that were trained on.
    pub n_trained: usize,
    /// Texts that were held out.
    pub n_held_out: usize,
    /// Texts that were left out, since they hold no token of the vocabulary.
    pub n_unknown: usize,
    /// Loss of the texts held out, before training and after each epoch.
    pub losses: Vec<f64>,
    /// Epochs behind the table that was taken: a place in `losses`.
    pub best_epoch: usize,
}

/// Makes a static model that gives for texts what `teacher` gives, as far as a mean of token vectors can.
///
/// Memory: twelve bytes for each token of the vocabulary and dimension, up to eight more while an epoch's result is kept
/// or reduced, and four for each token of the texts. Disk, in a folder below the job's `work_dir`: two bytes for each
/// text and dimension, which stay, and up to sixteen for each token of the vocabulary and dimension, which go when the
/// model is written. `call` is asked before each batch whether to go on, and told about progress. When it is stopped or
/// killed, the same call goes on where it was.
///
/// # Errors
/// [`Invalid`](drivetrain_contract::ErrorKind::Invalid) for options or texts that leave nothing to train on and for
/// texts that change while they are read, [`Unsupported`](drivetrain_contract::ErrorKind::Unsupported) for a package
/// that holds no embedding transformer or a session that does not serve,
/// [`Model`](drivetrain_contract::ErrorKind::Model) for a broken tokenizer or a transformer that gives NaN,
/// [`Io`](drivetrain_contract::ErrorKind::Io) for a work folder that cannot be used,
/// [`Busy`](drivetrain_contract::ErrorKind::Busy) while another process does the same, and what teacher and texts fail
/// with.
pub fn fit(teacher: &mut dyn Teacher, job: &FitJob<'_>, call: &dyn Call) -> Result<Fitted> {
    let (package, options) = (job.package, job.options);
    options.check()?;
    distill::check_package(package)?;
    let vocabulary = Vocabulary::read(&package.tokenizer_json()?, package.tokenizer().pad_token.as_deref())?;
    let tokenizer_json = vocabulary.tokenizer_json()?;
    let (n_tokens, dim) = (vocabulary.tokens().len(), teacher.dim());
    let dims = distill::dims(options.table.dims, n_tokens, dim)?;
    let pool = ThreadPoolBuilder::new().num_threads(options.threads.get()).build();
    let pool = pool.map_err(|err| Error::internal("no threads to train with").with_source(err))?;

    call.progress(0, "texts");
    let cutter = Cutter::new(&vocabulary, &tokenizer_json, package.max_seq_length(), &pool)?;
    let corpus = Corpus::read((job.texts)()?, &cutter, options.held_out, call)?;
    let work = WorkFolder::open(job.work_dir, package, &corpus, teacher)?;
    let mut vectors = work.vectors(dim)?;
    let checkpoint = work.checkpoint(options);
    let mut state = match checkpoint.load(n_tokens, dim) {
        Some(state) => state,
        None => {
            let state = first_state(teacher, &vocabulary, options, &Part { call, span: TOKENS })?;
            checkpoint.save(&state)?;
            state
        }
    };
    ask(teacher, job, (&corpus, &mut vectors), &Part { call, span: TEACHER })?;
    let course = Course::new(&corpus, &vectors, options)?;
    pool.install(|| course.run(&mut state, &checkpoint, &Part { call, span: TRAINING }))?;

    let (model, report) = finish(job, (tokenizer_json, dims), (corpus, state), call)?;
    call.progress(1000, "done");
    Ok(Fitted { model, report, checkpoint })
}

/// Makes a model of the best table.
fn finish(
    job: &FitJob<'_>,
    (tokenizer_json, dims): (String, usize),
    (corpus, state): (Corpus, State),
    call: &dyn Call,
) -> Result<(Distilled, FitReport)> {
    call.progress(TRAINING.1, "principal components");
    let report = FitReport {
        n_trained: corpus.train.len(),
        n_held_out: corpus.held_out.len(),
        n_unknown: corpus.n_unknown(),
        best_epoch: state.best_epoch(),
        losses: state.losses,
    };
    let mut rows = match state.best {
        Some(best) => best,
        None => state.table.vectors()?,
    };
    drop(state.table);
    let options = job.options;
    let explained_variance = distill::reduce(&mut rows, dims, Centre::Origin, call)?;
    let table = distill::Table::encode(&rows, options.table.table_type)?;
    let fitted_on = FittedOn {
        n_texts: report.n_trained + report.n_held_out,
        texts_sha256: corpus.sha256,
        epochs: report.best_epoch,
        seed: options.seed,
        held_out_loss: report.losses[report.best_epoch],
    };
    let provenance = Provenance {
        source: job.package.name().to_owned(),
        sif_coefficient: options.table.sif_coefficient,
        explained_variance,
        fitted_on: Some(fitted_on),
    };
    Ok((Distilled::new(tokenizer_json, table, provenance), report))
}

/// What training begins with.
fn first_state(
    teacher: &mut dyn Teacher,
    vocabulary: &Vocabulary,
    options: &FitOptions,
    call: &dyn Call,
) -> Result<State> {
    let (batch_size, dim) = (options.table.batch_size, teacher.dim());
    let TokenVectors(mut vectors) = teacher.single_tokens(SingleTokens { vocabulary, batch_size, dim, call })?;
    start::prepare(&mut vectors, options.table.sif_coefficient);
    Ok(State { table: Table::new(&vectors)?, losses: Vec::new(), best: None })
}

/// Asks the teacher for the vectors of all texts that are not in the file.
fn ask(
    teacher: &mut dyn Teacher,
    job: &FitJob<'_>,
    (corpus, vectors): (&Corpus, &mut VectorFile),
    call: &dyn Call,
) -> Result<()> {
    let n_texts = corpus.n_texts();
    let kept = vectors.n_rows().min(n_texts);
    // Whole if it is; else what the end of the last question left.
    vectors.truncate(if kept == n_texts { n_texts } else { kept - kept % AT_ONCE })?;
    if vectors.n_rows() == n_texts {
        return Ok(());
    }
    let mut digest = TextsDigest::default();
    let mut texts = (job.texts)()?;
    let mut n_read = 0;
    loop {
        call.check()?;
        let batch: Vec<String> = texts.by_ref().take(AT_ONCE).collect::<Result<_>>()?;
        for text in &batch {
            digest.add(text);
        }
        n_read += batch.len();
        if batch.is_empty() || n_read > n_texts {
            break;
        }
        if n_read > vectors.n_rows() {
            call.progress((vectors.n_rows() as f64 / n_texts as f64 * 1000.0) as u32, "teacher vectors");
            let found = teacher.embed(&batch, call)?;
            if found.len() != batch.len() * vectors.dim() {
                let message = format!("{} numbers came back for {} texts", found.len(), batch.len());
                return Err(Error::internal(message));
            }
            vectors.append(found)?;
        }
    }
    if n_read != n_texts || digest.finish() != corpus.sha256 {
        // What was computed belongs to other texts than those the folder is named after.
        vectors.truncate(0)?;
        return Err(Error::invalid("the texts changed while they were read").with_hint("begin again"));
    }
    Ok(())
}

/// A part of the whole, with its progress.
struct Part<'a> {
    call: &'a dyn Call,
    /// Where it begins and ends, in thousandths.
    span: (u32, u32),
}

impl Call for Part<'_> {
    fn is_cancelled(&self) -> bool {
        self.call.is_cancelled()
    }

    fn time_left(&self) -> Option<Duration> {
        self.call.time_left()
    }

    fn progress(&self, permille: u32, phase: &str) {
        let (from, to) = self.span;
        self.call.progress(from + permille.min(1000) * (to - from) / 1000, phase);
    }
}

impl fmt::Debug for FitJob<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { package, work_dir, options, .. } = self;
        f.debug_struct("FitJob")
            .field("package", &package.name())
            .field("work_dir", work_dir)
            .field("options", options)
            .finish_non_exhaustive()
    }
}
