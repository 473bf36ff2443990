//! From an order to an artifact with its record.

use std::{
    collections::BTreeMap,
    fmt,
    path::{Path, PathBuf},
    time::Instant,
};

use drivetrain_contract::{Artifact, ArtifactData, Call, Error, ErrorKind, Result};
use drivetrain_package::{ArtifactCheck, ArtifactRecord, ArtifactRecords, Package};

use super::{
    order::{Ingredients, Order},
    place::{Move, Place, Unfinished, rejected, target_name, unrejected},
    source::{samples_sha256, source_sha256},
    space::Needs,
};
use crate::{
    ArtifactEngine, Target, Tools,
    calibrate::{Accuracy, Calibrated, Samples, calibrate},
    check::{Reference, bounds},
    convert,
};

/// Makes artifacts of one package, and learns what several of them need only once.
pub struct Maker<'m> {
    package: &'m Package,
    engine: &'m mut dyn ArtifactEngine,
    scratch: &'m Path,
    call: &'m dyn Call,
    samples: Option<Samples>,
    source_sha256: Option<String>,
    calibrated: Option<Calibrated>,
    /// Or why there is none.
    reference: Option<Result<Reference, String>>,
}

/// What came of an order.
#[derive(Clone, Debug, PartialEq)]
pub struct Made {
    /// The graph, under its own name or that of a rejected one.
    pub path: PathBuf,
    /// What is known of it.
    pub record: ArtifactRecord,
    /// Whether it was made now; it was up to date otherwise.
    pub is_new: bool,
}

impl Made {
    /// Whether it is kept under a name that nothing loads, since it is not exact enough.
    pub fn is_rejected(&self) -> bool {
        matches!(self.record.check, ArtifactCheck::Rejected(_))
    }
}

impl<'m> Maker<'m> {
    /// For a package in a folder; `scratch` takes graphs that are needed for a while, each about the size of the model
    /// in 32-bit floats.
    pub fn new(
        package: &'m Package,
        engine: &'m mut dyn ArtifactEngine,
        scratch: &'m Path,
        call: &'m dyn Call,
    ) -> Self {
        Self { package, engine, scratch, call, samples: None, source_sha256: None, calibrated: None, reference: None }
    }

    /// The same with texts to calibrate with.
    #[must_use]
    pub fn with_samples(mut self, samples: Option<Samples>) -> Self {
        self.samples = samples;
        self
    }

    /// Makes an artifact, unless it is up to date.
    ///
    /// It waits for other processes that make artifacts in the same folder.
    ///
    /// # Errors
    /// As [`convert`] and [`calibrate`]; [`ErrorKind::Io`] where there is too little room or the folder cannot be
    /// written; [`ErrorKind::Model`] for an artifact that engines refuse. The target is then as it was before. An
    /// artifact that is not exact enough is no error: [`Made::is_rejected`].
    pub fn make(&mut self, order: &Order) -> Result<Made> {
        let name = target_name(&order.path)?;
        let ingredients = self.ingredients(order.target)?;
        let place = Place::take(&order.path, self.call)?;
        let mut records = ArtifactRecords::read(place.folder());
        if !order.force
            && let Some(made) = standing(&place, &mut records, (order, name, &ingredients))?
        {
            return self.check_later(&place, records, (order, made));
        }
        let runs_models = !order.skip_check || self.learns(order.target);
        Needs::of(self.package, order.target, runs_models)?.check(place.folder(), self.scratch)?;
        let started = Instant::now();
        let unfinished = place.begin()?;
        let mut record = ingredients.into_record(bounds(order.target));
        self.convert(order.target, &unfinished.path().join(name), &mut record)?;
        record.files = unfinished.files(name)?;
        record.seconds = started.elapsed().as_secs_f64();
        record.check = self.check(order, &unfinished.path().join(name))?;
        if let ArtifactCheck::Unchecked { reason } = &mut record.check {
            // Nobody knows the name it has meanwhile.
            *reason = reason.replace(&*unfinished.path().to_string_lossy(), &place.folder().to_string_lossy());
        }
        settle(&place, records, &unfinished, (name, record))
    }

    /// Checks what is there and could not be checked when it was made.
    fn check_later(
        &mut self,
        place: &Place,
        mut records: ArtifactRecords,
        (order, mut made): (&Order, Made),
    ) -> Result<Made> {
        if order.skip_check || made.record.check.figures().is_some() {
            return Ok(made);
        }
        made.record.check = self.check(order, &made.path)?;
        let name = target_name(&order.path)?;
        if made.is_rejected() {
            let kept = rejected(name);
            let to_kept = |file: &str| (place.folder().join(file), rejected(file));
            put(place, &mut records, (name, &kept), &mut made.record, to_kept)?;
            made.path = place.folder().join(kept);
        } else {
            records.artifacts.insert(name.to_owned(), made.record.clone());
            place.write(&records)?;
        }
        Ok(made)
    }

    /// Everything that decides what the artifact will be.
    fn ingredients(&mut self, target: Target) -> Result<Ingredients> {
        let source_sha256 = match &self.source_sha256 {
            Some(known) => known.clone(),
            None => {
                let folder = self.package.files().dir().ok_or_else(|| not_in_a_folder(self.package))?;
                self.source_sha256.insert(source_sha256(folder, self.call)?).clone()
            }
        };
        let samples = self.samples.as_ref().filter(|_| target.gains_from_texts());
        let mut options = BTreeMap::new();
        if let Target::OnnxInt8(preset) = target {
            options.insert("preset".to_owned(), preset.name().to_owned());
        }
        if let Some(samples) = samples {
            options.insert("samples".to_owned(), samples.len().to_string());
        }
        Ok(Ingredients {
            target: target.name().to_owned(),
            tool: concat!("drivetrain ", env!("CARGO_PKG_VERSION")).to_owned(),
            source_sha256,
            options,
            calibration_sha256: samples.map(samples_sha256),
        })
    }

    /// Whether a target is made by running models.
    fn learns(&self, target: Target) -> bool {
        matches!(target, Target::Optimized(_)) || (target.gains_from_texts() && self.samples.is_some())
    }

    fn convert(&mut self, target: Target, path: &Path, record: &mut ArtifactRecord) -> Result<()> {
        if self.learns(target) {
            record.facts.insert("engine".to_owned(), self.engine.graph_engine()?);
        }
        let mut tools = Tools { engine: &mut *self.engine, scratch: self.scratch, call: self.call };
        if target.gains_from_texts()
            && let Some(samples) = &self.samples
            && self.calibrated.is_none()
        {
            self.calibrated = Some(calibrate(self.package, samples, &Accuracy::INT8, &mut tools)?);
        }
        let calibrated = self.calibrated.as_ref();
        convert(self.package, target, path, calibrated, &mut tools)?;
        if let Some(calibrated) = calibrated.filter(|_| target.gains_from_texts()) {
            let n_float = calibrated.sites.iter().filter(|site| site.stays_float).count();
            record.facts.insert("float_sites".to_owned(), format!("{n_float} of {}", calibrated.sites.len()));
        }
        Ok(())
    }

    fn check(&mut self, order: &Order, path: &Path) -> Result<ArtifactCheck> {
        let unchecked = |reason: String| Ok(ArtifactCheck::Unchecked { reason });
        if order.skip_check {
            return unchecked("it was to be left out".to_owned());
        }
        let reference = match &self.reference {
            Some(known) => known,
            None => {
                let mut tools = Tools { engine: &mut *self.engine, scratch: self.scratch, call: self.call };
                let reference = or_why_not(Reference::of(self.package, &mut tools))?;
                self.reference.insert(reference)
            }
        };
        let reference = match reference {
            Ok(reference) => reference,
            Err(why) => return unchecked(why.clone()),
        };
        let artifact = Artifact {
            format: order.target.format().to_owned(),
            precision: order.target.computed_in(),
            data: ArtifactData::Path(std::path::absolute(path).unwrap_or_else(|_| path.to_owned())),
        };
        self.call.progress(0, "checking");
        let opened = self.engine.open_artifact(&artifact, &self.package.description_json(), self.call);
        let figures = or_why_not(opened.and_then(|mut opened| reference.compare(&mut opened, self.call)))?;
        Ok(match figures {
            Err(reason) => ArtifactCheck::Unchecked { reason },
            Ok(figures) if figures.meet(&bounds(order.target)) => ArtifactCheck::Passed(figures),
            Ok(figures) if order.accept => ArtifactCheck::Accepted(figures),
            Ok(figures) => ArtifactCheck::Rejected(figures),
        })
    }
}

impl fmt::Debug for Maker<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Maker").field("package", &self.package.name()).finish_non_exhaustive()
    }
}

/// The artifact, if it is there and made of the same ingredients. A rejected one is given its name if it is accepted
/// now.
fn standing(
    place: &Place,
    records: &mut ArtifactRecords,
    (order, name, ingredients): (&Order, &str, &Ingredients),
) -> Result<Option<Made>> {
    let is_same =
        |record: &ArtifactRecord| Ingredients::of(record) == *ingredients && record.is_complete(place.folder());
    let made = |name: &str, record| Made { path: place.folder().join(name), record, is_new: false };
    if let Some(record) = records.artifacts.get(name).filter(|record| is_same(record)) {
        return Ok(Some(made(name, record.clone())));
    }
    let kept = rejected(name);
    let Some(record) = records.artifacts.get(&kept).filter(|record| is_same(record)) else { return Ok(None) };
    let mut record = record.clone();
    match record.check.clone() {
        ArtifactCheck::Rejected(figures) if order.accept => {
            record.check = ArtifactCheck::Accepted(figures);
            let from_kept = |name: &str| (place.folder().join(name), unrejected(name).to_owned());
            put(place, records, (&kept, name), &mut record, from_kept)?;
            Ok(Some(made(name, record)))
        }
        _ => Ok(Some(made(&kept, record))),
    }
}

/// Gives what was made the name it deserves.
fn settle(
    place: &Place,
    mut records: ArtifactRecords,
    unfinished: &Unfinished,
    (name, mut record): (&str, ArtifactRecord),
) -> Result<Made> {
    let kept = rejected(name);
    let is_rejected = matches!(record.check, ArtifactCheck::Rejected(_));
    if let Some(earlier) = records.artifacts.get(&kept) {
        place.remove(&earlier.files);
    }
    let name = if is_rejected { kept.clone() } else { name.to_owned() };
    let new_name = |name: &str| if is_rejected { rejected(name) } else { name.to_owned() };
    let from_unfinished = |file: &str| (unfinished.path().join(file), new_name(file));
    put(place, &mut records, (&kept, &name), &mut record, from_unfinished)?;
    Ok(Made { path: place.folder().join(name), record, is_new: true })
}

/// Moves an artifact's files to their places and writes its record.
///
/// What was said of another artifact by that name is taken back first: whoever is killed on the way must not leave it
/// beside other files.
fn put(
    place: &Place,
    records: &mut ArtifactRecords,
    (old, new): (&str, &str),
    record: &mut ArtifactRecord,
    places: impl Fn(&str) -> (PathBuf, String),
) -> Result<()> {
    let n_known = records.artifacts.len();
    records.artifacts.retain(|name, _| name != old && name != new);
    if records.artifacts.len() < n_known {
        place.write(records)?;
    }
    let mut moves = Vec::new();
    for file in &mut record.files {
        let (from, to) = places(&file.name);
        file.name.clone_from(&to);
        moves.push(Move { from, to });
    }
    place.publish(&moves)?;
    records.artifacts.insert(new.to_owned(), record.clone());
    place.write(records)
}

/// Turns errors that only say that something cannot be done here into a reason for leaving it out.
fn or_why_not<T>(result: Result<T>) -> Result<Result<T, String>> {
    use ErrorKind::{Busy, Dependency, DeviceLost, NotFound, OutOfMemory, Unsupported};
    match result {
        Ok(value) => Ok(Ok(value)),
        Err(err) => match err.kind() {
            Busy | Dependency | DeviceLost | NotFound | OutOfMemory | Unsupported => Ok(Err(err.to_text())),
            _ => Err(err),
        },
    }
}

fn not_in_a_folder(package: &Package) -> Error {
    Error::unsupported(format!("`{}` is not in a folder, and cannot be converted", package.name()))
}
