//! What rounding does to the mean of a layer's outputs, and so what its bias has to be corrected by.

use std::rc::Rc;

use drivetrain_contract::Result;

use super::observe::Observation;
use crate::onnx::{
    Grid, GridRange, SiteNumbers,
    observed::{Matrix, ObservedSite},
};

/// Adds to a site's numbers the correction of each of its layers.
pub(super) fn add_corrections(site: &ObservedSite<'_>, seen: &Observation, numbers: &mut SiteNumbers) -> Result<()> {
    let means = Means::new(site, seen, numbers)?;
    for matrix in &site.matrices {
        let correction = means.correction(matrix, numbers.weight_factors(site.width))?;
        numbers.corrections.insert(matrix.name.clone(), Rc::from(correction));
    }
    Ok(())
}

/// Means of a site's channels over the tokens that were kept; outliers, which are exact, count as 0.
struct Means {
    exact: Vec<f64>,
    /// Of what the rounded integers stand for, after smoothing.
    rounded: Vec<f64>,
}

impl Means {
    fn new(site: &ObservedSite<'_>, seen: &Observation, numbers: &SiteNumbers) -> Result<Self> {
        let width = site.width;
        let (step, zero) = numbers.step_and_zero(&site.name)?;
        let zero = f32::from(zero);
        let factors = numbers.input_factors(width).unwrap_or_else(|| vec![1.0; width]);
        let (mut exact, mut rounded) = (vec![0.0; width], vec![0.0; width]);
        for row in seen.rows.chunks_exact(width) {
            for (idx, (&x, &factor)) in row.iter().zip(&factors).enumerate() {
                let unit = (x * factor / step).round_ties_even().clamp(-zero, 255.0 - zero);
                exact[idx] += if factor == 0.0 { 0.0 } else { f64::from(x) };
                rounded[idx] += f64::from(unit * step);
            }
        }
        let n_rows = (seen.rows.len() / width).max(1) as f64;
        exact.iter_mut().chain(&mut rounded).for_each(|sum| *sum /= n_rows);
        Ok(Self { exact, rounded })
    }

    /// The mean of each output in floats less that in integers.
    fn correction(&self, matrix: &Matrix<'_>, factors: Option<Rc<[f32]>>) -> Result<Vec<f32>> {
        let outputs = matrix.stored.shape.first().copied().unwrap_or(0);
        let grid = Grid::of(&matrix.stored, outputs, factors, GridRange::default())?;
        let (mut difference, mut units) = (vec![0.0; outputs], Vec::new());
        matrix.stored.for_each_row_part(&mut |row, first, part| {
            units.clear();
            grid.round(row, first, part, &mut units);
            let step = f64::from(grid.steps[row]);
            for (idx, (&weight, &unit)) in part.iter().zip(&units).enumerate() {
                let (exact, rounded) = (self.exact[first + idx], self.rounded[first + idx]);
                difference[row] += exact * f64::from(weight) - rounded * f64::from(unit) * step;
            }
            Ok(())
        })?;
        Ok(difference.iter().map(|&difference| difference as f32).collect())
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use drivetrain_architectures::Checkpoint;
    use drivetrain_package::Package;

    use super::*;
    use crate::onnx::observed::trace;

    const CHANNELS: usize = 48;

    /// With the correction, integers give the mean of what floats give.
    #[test]
    fn corrected_outputs_have_the_right_mean() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/fixtures/models/bert-mean");
        let package = Package::open(Path::new(folder)).unwrap();
        let checkpoint = Checkpoint::open(&package).unwrap();
        let sites = trace(&package, &checkpoint).unwrap().observed_sites().unwrap();
        let site = &sites[0];
        assert_eq!((site.width, site.matrices.len()), (CHANNELS, 3));
        let rows: Vec<f32> = (0..20 * CHANNELS).map(|idx| ((idx * 7919) % 2003) as f32 / 500.0 - 1.0).collect();
        let seen = Observation { rows, ..Observation::new(CHANNELS, 0) };
        let divisors: Vec<f32> = (0..CHANNELS).map(|idx| 0.5 + idx as f32 / 50.0).collect();
        // So narrow that much is cut off.
        let mut numbers = SiteNumbers {
            smoothing: Some(Rc::from(divisors)),
            outliers: Rc::from([7]),
            range: Some((-0.5, 1.0)),
            ..SiteNumbers::default()
        };
        add_corrections(site, &seen, &mut numbers).unwrap();
        for matrix in &site.matrices {
            let (exact, rounded) = mean_outputs(matrix, &seen, &numbers);
            let correction = &numbers.corrections[&matrix.name];
            for ((exact, rounded), correction) in exact.iter().zip(&rounded).zip(correction.iter()) {
                assert!((exact - rounded - correction).abs() < 1e-4, "{exact} {rounded} {correction}");
            }
            assert!(correction.iter().any(|correction| correction.abs() > 1e-2));
        }
    }

    /// Mean of each output in floats, and in integers with outliers beside them, token by token.
    fn mean_outputs(matrix: &Matrix<'_>, seen: &Observation, numbers: &SiteNumbers) -> (Vec<f32>, Vec<f32>) {
        let (step, zero) = numbers.step_and_zero("test").unwrap();
        let factors = numbers.input_factors(CHANNELS).unwrap();
        let (weight_factors, mut weights) = (numbers.weight_factors(CHANNELS).unwrap(), Vec::new());
        matrix.stored.weights.read_f32(&matrix.stored.name, &mut weights).unwrap();
        let n_rows = (seen.rows.len() / CHANNELS) as f32;
        let outputs = weights.chunks_exact(CHANNELS).map(|weights| {
            let scaled = weights.iter().zip(weight_factors.iter()).map(|(weight, factor)| weight * factor);
            let unit = scaled.clone().fold(0.0f32, |largest, weight| largest.max(weight.abs())) / 127.0;
            let scaled: Vec<f32> = scaled.map(|weight| (weight / unit).round_ties_even() * unit).collect();
            let (mut exact, mut rounded) = (0.0, 0.0);
            for row in seen.rows.chunks_exact(CHANNELS) {
                for (idx, &x) in row.iter().enumerate() {
                    let value = (x * factors[idx] / step + f32::from(zero)).round_ties_even().clamp(0.0, 255.0);
                    exact += x * weights[idx] / n_rows;
                    rounded += (value - f32::from(zero)) * step * scaled[idx] / n_rows;
                    rounded += if idx == 7 { x * weights[idx] / n_rows } else { 0.0 };
                }
            }
            (exact, rounded)
        });
        outputs.unzip()
    }
}
