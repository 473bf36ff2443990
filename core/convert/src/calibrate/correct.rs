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
