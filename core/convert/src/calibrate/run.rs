//! From a package and texts to the numbers of its integers.

use drivetrain_architectures::Checkpoint;
use drivetrain_contract::{Error, Output, Result};
use drivetrain_package::Package;

use super::{
    Accuracy, Samples,
    choose::{self, Choice, Weights},
    correct::add_corrections,
    observe::{Observation, Observer, groups},
    rows::for_each_row,
};
use crate::{
    Tools,
    onnx::{
        Activations, ExportOptions, Form, Int8, Int8Preset, SiteForm, export,
        observed::{ObservedSite, trace},
    },
};

/// Every so many texts, one is kept for trying the result.
const TRIED_TEXTS: usize = 6;

/// The part of the progress, in thousandths, before the result is tried.
const TRYING_PERMILLE: u32 = 800;

/// At most one site in so many goes back to floats.
const FLOAT_SITES: usize = 4;

/// What was found out about a model.
#[derive(Clone, Debug, PartialEq)]
pub struct Calibrated {
    /// The numbers of its integers, with calibrated ranges.
    pub int8: Int8,
    /// Every site, in the order of the model.
    pub sites: Vec<SiteReport>,
    /// On texts of the samples that it was not made from; `None` for a model without vectors of texts.
    pub accuracy: Option<Accuracy>,
}

/// What was found out about one site.
#[derive(Clone, Debug, PartialEq)]
pub struct SiteReport {
    /// What [`Int8::sites`] calls it.
    pub name: String,
    /// Expected squared error of a token's outputs behind the site, as a share of their square, when it is in integers.
    pub relative_error: f64,
    /// Whether it stays in floats because of its error.
    pub stays_float: bool,
}

impl Calibrated {
    /// The same for ranges that are measured at every run, as a preset has them: divisors and outliers serve there too.
    pub fn measured(&self, preset: Int8Preset) -> Int8 {
        let mut sites = self.int8.sites.clone();
        for site in sites.values_mut() {
            if let SiteForm::Int8(numbers) = site {
                numbers.range = None;
                // They correct what cutting off and rounding to the calibrated range does.
                numbers.corrections.clear();
            }
        }
        // Sites that calibration left in floats are worth as much here.
        Int8 { sites, ..preset.int8() }
    }
}

/// Finds out how the linear layers of a package's transformer are best rounded to 8-bit integers.
///
/// Sites stay in floats, those with the largest error first and a quarter of them at most, until the vectors of texts
/// that were kept apart come as close to those of the model in floats as `wanted`.
///
/// # Errors
/// As [`export`] for a package that cannot be run from its weights, [`drivetrain_contract::ErrorKind::Unsupported`] for
/// sessions that do not take padded tokens, [`drivetrain_contract::ErrorKind::Cancelled`] when the call says so, and
/// what sessions fail with.
pub fn calibrate(package: &Package, samples: &Samples, wanted: &Accuracy, tools: &mut Tools<'_>) -> Result<Calibrated> {
    let checkpoint = Checkpoint::open(package)?;
    let traced = trace(package, &checkpoint)?;
    let has_vectors = traced.has(Output::SentenceEmbedding);
    let sites = traced.observed_sites()?;
    drop(traced);
    if sites.is_empty() {
        return Err(Error::unsupported(format!("`{}` has no linear layers to calibrate", package.name())));
    }
    let (fitted, tried) = samples.split(TRIED_TEXTS);
    let mut calibrated = Calibrated { int8: Int8::default(), sites: Vec::new(), accuracy: None };
    calibrated.int8.activations = Activations::Calibrated;
    for group in groups(&sites, fitted.len()) {
        let done = calibrated.sites.len();
        let progress = |part: f64| {
            let share = (done as f64 + part * group.len() as f64) / sites.len() as f64;
            (share * f64::from(TRYING_PERMILLE)) as u32
        };
        let mut observer = Observer { package, checkpoint: &checkpoint, samples: &fitted, tools: &mut *tools };
        let seen = observer.observe(group, &|part| progress(part * 0.5))?;
        for (idx, (site, seen)) in group.iter().zip(&seen).enumerate() {
            tools.call.check()?;
            tools.call.progress(progress(0.5 + idx as f64 * 0.5 / group.len() as f64), "choosing ranges");
            calibrated.add(site, chosen(site, seen)?);
        }
    }
    if has_vectors {
        Trial { package, samples: &tried, tools }.refine(&mut calibrated, wanted)?;
    }
    Ok(calibrated)
}

impl Calibrated {
    fn add(&mut self, site: &ObservedSite<'_>, choice: Choice) {
        let Choice { numbers, relative_error } = choice;
        log::debug!("{}: error {relative_error:.1e}, outliers {:?}", site.name, numbers.outliers);
        self.sites.push(SiteReport { name: site.name.clone(), relative_error, stays_float: false });
        self.int8.sites.insert(site.name.clone(), SiteForm::Int8(numbers));
    }

    /// Puts the site with the largest error back to floats, if there may be more of them.
    fn give_up_worst(&mut self) -> bool {
        let n_float = self.sites.iter().filter(|site| site.stays_float).count();
        let in_integers = self.sites.iter_mut().filter(|site| !site.stays_float);
        let worst = in_integers.max_by(|a, b| a.relative_error.total_cmp(&b.relative_error));
        let Some(worst) = worst.filter(|_| (n_float + 1) * FLOAT_SITES <= self.int8.sites.len()) else { return false };
        worst.stays_float = true;
        self.int8.sites.insert(worst.name.clone(), SiteForm::Float);
        true
    }
}

fn chosen(site: &ObservedSite<'_>, seen: &Observation) -> Result<Choice> {
    let (mut rows, mut matrix_rows) = (Vec::new(), Vec::new());
    for matrix in &site.matrices {
        matrix.stored.weights.read_f32(&matrix.stored.name, &mut matrix_rows)?;
        rows.extend_from_slice(&matrix_rows);
    }
    let mut choice = choose::choose(seen, Weights { rows: &rows, channels: site.width });
    add_corrections(site, seen, &mut choice.numbers)?;
    Ok(choice)
}

/// Trying integers on texts they were not made from.
struct Trial<'t, 'r> {
    package: &'t Package,
    samples: &'t Samples,
    tools: &'t mut Tools<'r>,
}

impl Trial<'_, '_> {
    fn refine(&mut self, calibrated: &mut Calibrated, wanted: &Accuracy) -> Result<()> {
        self.tools.call.progress(TRYING_PERMILLE, "trying the result");
        let reference = self.vectors(Form::F32)?;
        loop {
            self.tools.call.check()?;
            let found = self.vectors(Form::Int8(calibrated.int8.clone()))?;
            let accuracy = Accuracy::of(&found, &reference)?;
            calibrated.accuracy = Some(accuracy);
            if accuracy.meets(wanted) || !calibrated.give_up_worst() {
                return Ok(());
            }
            log::info!("mean cosine {:.5}, least {:.5}", accuracy.mean_cosine, accuracy.min_cosine);
        }
    }

    /// The vectors of the texts, by the model in a form.
    fn vectors(&mut self, form: Form) -> Result<Vec<Vec<f32>>> {
        let path = self.tools.scratch.join("tried.onnx");
        let options = ExportOptions { form, ..ExportOptions::default() };
        export(self.package, &path, &options, &mut |_| self.tools.call.check())?;
        let mut session = self.tools.engine.open(&path, self.tools.call)?;
        let mut vectors = vec![Vec::new(); self.samples.len()];
        for_each_row(&mut *session, self.samples, self.tools.call, &mut |idx, vector| {
            vectors[idx] = vector.to_vec();
            Ok(())
        })?;
        Ok(vectors)
    }
}
