//! The model in 32-bit floats, and what is compared with it.

use drivetrain_contract::{Call, Result};
use drivetrain_package::{Figures, Package};

use super::{
    figures::Likeness,
    given::{Given, main_output},
    sample::sample,
};
use crate::{
    Opened, Tools,
    calibrate::{Question, Samples},
    onnx::{ExportOptions, export},
};

/// What the model gives of the sample in 32-bit floats.
#[derive(Debug)]
pub struct Reference {
    samples: Samples,
    given: Given,
}

impl Reference {
    /// Exports the model's weights as they are and runs each text alone, so that neither padding nor the other texts of
    /// a batch can matter.
    ///
    /// # Errors
    /// As [`export`] and [`sample`], and what the engine fails with.
    pub fn of(package: &Package, tools: &mut Tools<'_>) -> Result<Self> {
        let (path, call) = (tools.scratch.join("reference.onnx"), tools.call);
        let exported = export(package, &path, &ExportOptions::default(), &mut |_| call.check())?;
        let mut session = tools.engine.open(&path, call)?;
        let samples = sample(package)?;
        let output = main_output(session.describe().outputs)?;
        let given = Given::of(&mut *session, &samples, (Question { output, is_alone: true }, call))?;
        drop(session);
        // Weights of large models are in a file of their own.
        for path in exported.data_path.iter().chain([&path]) {
            if let Err(err) = std::fs::remove_file(path) {
                log::debug!("`{}` stays for a while: {err}", path.display());
            }
        }
        Ok(Self { samples, given })
    }

    /// How what an artifact gives compares.
    ///
    /// # Errors
    /// [`drivetrain_contract::ErrorKind::Unsupported`] for a session that lacks what the model is for,
    /// [`drivetrain_contract::ErrorKind::Model`] for one that gives other shapes or numbers that are not finite, and
    /// what it fails with.
    pub fn compare(&self, opened: &mut Opened, call: &dyn Call) -> Result<Figures> {
        let output = self.given.output;
        let found = Given::of(&mut *opened.session, &self.samples, (Question { output, is_alone: false }, call))?;
        let Likeness { cosines, max_abs_error, top10_overlap } = Likeness::of(&found, &self.given)?;
        Ok(Figures {
            engine: opened.engine.clone(),
            output: output.name().to_owned(),
            n_texts: self.samples.len(),
            mean_cosine: cosines.mean_cosine,
            min_cosine: cosines.min_cosine,
            max_abs_error,
            top10_overlap,
        })
    }
}
