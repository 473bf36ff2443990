//! The table `[accuracy]`: what speed may cost.

mod max_loss;

pub(crate) use max_loss::MaxLoss;

use crate::profile::Sourced;

/// What speed may cost.
#[derive(Clone, Debug, PartialEq)]
pub struct Accuracy {
    /// The share of its quality that the model may lose against f32: 0.004 is 0.4 %.
    pub max_loss: Sourced<f64>,
}
