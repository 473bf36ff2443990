//! The grid that a matrix is rounded to: 8-bit integers with a step for each row.

use std::rc::Rc;

use drivetrain_contract::Result;

use super::{schema::ElementType, stored::Stored};

/// How a stored matrix `[rows, columns]` becomes 8-bit integers.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Grid {
    /// What one unit of each row stands for.
    pub(crate) steps: Vec<f32>,
    /// What each column is multiplied by before it is rounded.
    factors: Option<Rc<[f32]>>,
    range: GridRange,
}

/// The integers of a grid.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct GridRange {
    /// `0..=255` around 128 instead of `-127..=127`.
    pub(crate) is_unsigned: bool,
    /// 7 bits instead of 8.
    pub(crate) is_reduced: bool,
}

impl GridRange {
    /// The integer that stands for 0.
    pub(crate) fn zero(self) -> u8 {
        if self.is_unsigned { 128 } else { 0 }
    }

    pub(crate) fn element_type(self) -> ElementType {
        if self.is_unsigned { ElementType::U8 } else { ElementType::I8 }
    }

    /// The largest distance from zero.
    fn limit(self) -> f32 {
        if self.is_reduced { 63.0 } else { 127.0 }
    }
}

impl Grid {
    /// The finest grid that every number of the matrix fits into: one pass over it.
    pub(crate) fn of(stored: &Stored<'_>, rows: usize, factors: Option<Rc<[f32]>>, range: GridRange) -> Result<Self> {
        let mut grid = Self { steps: vec![0.0; rows], factors, range };
        stored.for_each_row_part(&mut |row, first_column, part| {
            let largest = grid.scaled(first_column, part).map(f32::abs).fold(grid.steps[row], f32::max);
            grid.steps[row] = largest;
            Ok(())
        })?;
        // Below the smallest normal number a quotient loses bits, or becomes infinite.
        let step = |largest: &f32| if *largest < f32::MIN_POSITIVE * 256.0 { 1.0 } else { largest / range.limit() };
        grid.steps = grid.steps.iter().map(step).collect();
        Ok(grid)
    }

    pub(crate) fn range(&self) -> GridRange {
        self.range
    }

    /// Part of a row as integers around 0, appended to `out`.
    pub(crate) fn round(&self, row: usize, first_column: usize, part: &[f32], out: &mut Vec<f32>) {
        let (step, limit) = (self.steps[row], self.range.limit());
        out.extend(
            self.scaled(first_column, part).map(|number| (number / step).round_ties_even().clamp(-limit, limit)),
        );
    }

    fn scaled(&self, first_column: usize, part: &[f32]) -> impl Iterator<Item = f32> {
        let factor = move |at: usize| self.factors.as_deref().map_or(1.0, |factors| factors[first_column + at]);
        part.iter().enumerate().map(move |(at, number)| number * factor(at))
    }
}
