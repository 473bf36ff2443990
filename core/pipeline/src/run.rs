//! Running a session into a buffer that is reused.

use drivetrain_contract::{AlignedBuf, Batch, Call, Error, ErrorKind, Output, OutputMut, Result, Session};

/// A session and the memory for one output.
pub(crate) struct Runner {
    pub(crate) session: Box<dyn Session>,
    buffer: AlignedBuf<f32>,
}

impl Runner {
    pub(crate) fn new(session: Box<dyn Session>) -> Self {
        Self { session, buffer: AlignedBuf::new() }
    }

    /// Gives back what memory can be had again.
    pub(crate) fn trim(&mut self) -> Result<()> {
        self.buffer = AlignedBuf::new();
        self.session.trim()
    }

    /// Computes `output`, which must have the shape `expect`.
    ///
    /// # Errors
    /// Those of the session, and [`ErrorKind::Model`] when the output has another shape.
    pub(crate) fn run(
        &mut self,
        batch: &Batch<'_>,
        (output, expect): (Output, Vec<usize>),
        call: &dyn Call,
    ) -> Result<&[f32]> {
        call.check()?;
        let shape = self.session.output_shape(batch, output)?;
        if shape != expect {
            let name = output.name();
            return Err(Error::model(format!(
                "output `{name}` has shape {shape:?}, not {expect:?} as the package says"
            ))
            .with_hint("the model file and the package's configuration do not belong together"));
        }
        let elements = shape.iter().try_fold(1usize, |product, &extent| product.checked_mul(extent));
        let elements = elements.ok_or_else(|| {
            Error::new(ErrorKind::OutOfMemory, format!("output `{}` of shape {shape:?} is too large", output.name()))
        })?;
        self.buffer.try_reset(elements)?;
        self.session.run(batch, &mut [OutputMut::new(output, &shape, &mut self.buffer)?], call)?;
        Ok(&self.buffer)
    }
}
