//! What calibration found out about sites, checked as it is used.

use std::rc::Rc;

use drivetrain_architectures::StoredWeight;
use drivetrain_contract::{Error, Result};

use super::form::{Activations, Int8, SiteForm, SiteNumbers};

impl Int8 {
    /// What is known of a site, if it is to be in integers.
    pub(crate) fn numbers_of(&self, site: &str) -> Option<SiteNumbers> {
        match (self.sites.get(site), self.activations) {
            (Some(SiteForm::Int8(numbers)), _) => Some(numbers.clone()),
            (None, Activations::Measured) => Some(SiteNumbers::default()),
            (Some(SiteForm::Float), _) | (None, Activations::Calibrated) => None,
        }
    }
}

impl SiteNumbers {
    /// What a unit of the calibrated activations stands for, and the unit that stands for 0.
    pub(crate) fn step_and_zero(&self, site: &str) -> Result<(f32, u8)> {
        let (low, high) = self.range.ok_or_else(|| Error::invalid(format!("`{site}` has no range")))?;
        if !(low.is_finite() && high.is_finite() && low <= high) {
            return Err(Error::invalid(format!("the range of `{site}` is {low} to {high}")));
        }
        // 0 must be among the numbers that can be written.
        let (low, high) = (low.min(0.0), high.max(0.0));
        let step = (high - low) / 255.0;
        if !step.is_normal() {
            return Ok((1.0, 0));
        }
        Ok((step, (-low / step).round() as u8))
    }

    /// The bias of the layer of matrix `weight` with what calibration adds to it; `None` where it adds nothing.
    pub(crate) fn corrected_bias(&self, weight: &str, bias: Option<&StoredWeight<'_>>) -> Result<Option<Vec<f32>>> {
        let Some(correction) = self.corrections.get(weight) else { return Ok(None) };
        let mut sum = correction.to_vec();
        if let Some(bias) = bias {
            let mut numbers = Vec::new();
            bias.weights.read_f32(&bias.name, &mut numbers)?;
            check_len(&bias.label, sum.len(), numbers.len())?;
            sum.iter_mut().zip(numbers).for_each(|(sum, number)| *sum += number);
        }
        Ok(Some(sum))
    }

    /// What each of the channels is multiplied by before it is rounded; `None` is 1 for all. Outliers are not to be
    /// among the integers.
    pub(crate) fn input_factors(&self, channels: usize) -> Option<Vec<f32>> {
        self.factors(channels, |divisor| 1.0 / divisor)
    }

    /// What the weights of each channel are multiplied by before they are rounded.
    pub(crate) fn weight_factors(&self, channels: usize) -> Option<Rc<[f32]>> {
        self.factors(channels, |divisor| divisor).map(Rc::from)
    }

    /// Fails unless what is known fits a site of so many channels.
    pub(crate) fn check(&self, site: &str, channels: usize) -> Result<()> {
        if let Some(divisors) = &self.smoothing {
            check_len(site, divisors.len(), channels)?;
            if let Some(divisor) = divisors.iter().find(|divisor| !(divisor.is_normal() && **divisor > 0.0)) {
                return Err(Error::invalid(format!("a divisor for smoothing `{site}` is {divisor}")));
            }
        }
        let ascending = self.outliers.windows(2).all(|pair| pair[0] < pair[1]);
        if !ascending || self.outliers.last().is_some_and(|&last| last >= channels) {
            let message = format!("the outliers of `{site}`, which has {channels} channels, are {:?}", self.outliers);
            return Err(Error::invalid(message));
        }
        Ok(())
    }

    fn factors(&self, channels: usize, of: impl Fn(f32) -> f32) -> Option<Vec<f32>> {
        if self.smoothing.is_none() && self.outliers.is_empty() {
            return None;
        }
        let mut factors: Vec<f32> = match &self.smoothing {
            Some(divisors) => divisors.iter().map(|&divisor| of(divisor)).collect(),
            None => vec![1.0; channels],
        };
        self.outliers.iter().for_each(|&outlier| factors[outlier] = 0.0);
        Some(factors)
    }
}

fn check_len(name: &str, found: usize, expected: usize) -> Result<()> {
    if found == expected {
        return Ok(());
    }
    Err(Error::invalid(format!("`{name}` is given {found} numbers, and has {expected}")))
}
