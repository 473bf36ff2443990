//! Principal component analysis of a table of vectors.

use drivetrain_contract::{Call, Error, Result};
use nalgebra::{DMatrix, SymmetricEigen};

use super::matrix::Matrix;

/// Rows taken together: enough for the matrix product to run at full speed, few enough to stay in the cache.
const BLOCK: usize = 1024;

/// Iterations allowed for each eigenvalue; the QR algorithm needs two or three.
const ITERATIONS_PER_EIGENVALUE: usize = 64;

/// What directions of greatest variance are taken around.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Centre {
    /// The mean of the rows, which moves to the origin.
    Mean,
    /// The origin: angles between sums of rows are kept as far as the directions allow.
    Origin,
}

/// Replaces the rows of `table`, all finite, by their coordinates along the `dims` directions of greatest variance,
/// greatest first, and gives the share of the variance that they explain.
///
/// Around the mean it is done as model2vec does it: rows are centred, the covariance is divided by `rows - 1`, and each
/// direction points so that the coordinate of greatest magnitude along it is positive, which makes the result
/// independent of the eigensolver. Everything is accumulated in 64-bit floats. `dims` is at most the number of columns.
pub(crate) fn reduce(table: &mut Matrix, dims: usize, centre: Centre, call: &dyn Call) -> Result<f64> {
    let mean = match centre {
        Centre::Mean => mean(table),
        Centre::Origin => vec![0.0; table.columns()],
    };
    let covariance = covariance(table, &mean, call)?;
    call.check()?;
    let (directions, explained) = leading_directions(covariance, dims)?;
    let columns = table.columns();
    table.shorten_rows(dims, BLOCK, |_, rows, out| {
        call.check()?;
        let coordinates = &directions * DMatrix::from_vec(columns, rows.len() / columns, centred(rows, &mean));
        out.extend(coordinates.as_slice().iter().map(|&coordinate| coordinate as f32));
        Ok(())
    })?;
    orient(table);
    Ok(explained)
}

fn mean(table: &Matrix) -> Vec<f64> {
    let mut sum = vec![0.0; table.columns()];
    for row in table.rows() {
        sum.iter_mut().zip(row).for_each(|(sum, &element)| *sum += f64::from(element));
    }
    let n_rows = table.n_rows().max(1) as f64;
    sum.iter_mut().for_each(|sum| *sum /= n_rows);
    sum
}

/// The rows minus the mean, row-major: the columns of a column-major matrix.
fn centred(rows: &[f32], mean: &[f64]) -> Vec<f64> {
    let mut centred = Vec::with_capacity(rows.len());
    for row in rows.chunks_exact(mean.len()) {
        centred.extend(row.iter().zip(mean).map(|(&element, mean)| f64::from(element) - mean));
    }
    centred
}

/// `[columns, columns]`.
fn covariance(table: &Matrix, mean: &[f64], call: &dyn Call) -> Result<DMatrix<f64>> {
    let columns = table.columns();
    let scale = 1.0 / table.n_rows().saturating_sub(1).max(1) as f64;
    let mut covariance = DMatrix::zeros(columns, columns);
    for rows in table.data().chunks(BLOCK * columns) {
        call.check()?;
        let block = DMatrix::from_vec(columns, rows.len() / columns, centred(rows, mean));
        // The product with an explicit transpose is the one nalgebra hands to an optimised kernel.
        covariance.gemm(scale, &block, &block.transpose(), 1.0);
    }
    Ok(covariance)
}

/// The eigenvectors of the largest eigenvalues as rows `[dims, columns]`, and the share of all eigenvalues that
/// belongs to them.
fn leading_directions(covariance: DMatrix<f64>, dims: usize) -> Result<(DMatrix<f64>, f64)> {
    let columns = covariance.ncols();
    let eigen = SymmetricEigen::try_new(covariance, f64::EPSILON, columns.saturating_mul(ITERATIONS_PER_EIGENVALUE))
        .ok_or_else(|| Error::internal(format!("the principal components of {columns} columns did not converge")))?;
    let mut order: Vec<usize> = (0..columns).collect();
    order.sort_by(|&a, &b| eigen.eigenvalues[b].total_cmp(&eigen.eigenvalues[a]));
    let variance = |columns: &[usize]| -> f64 { columns.iter().map(|&idx| eigen.eigenvalues[idx].max(0.0)).sum() };
    let (kept, total) = (variance(&order[..dims]), variance(&order));
    let explained = if total > 0.0 { kept / total } else { 1.0 };
    Ok((eigen.eigenvectors.select_columns(&order[..dims]).transpose(), explained))
}

/// Turns every column whose element of greatest magnitude is negative.
fn orient(table: &mut Matrix) {
    let mut extremes = vec![0.0_f32; table.columns()];
    for row in table.rows() {
        for (extreme, &element) in extremes.iter_mut().zip(row) {
            if element.abs() > extreme.abs() {
                *extreme = element;
            }
        }
    }
    for row in table.rows_mut() {
        for (element, extreme) in row.iter_mut().zip(&extremes) {
            if *extreme < 0.0 {
                *element = -*element;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use drivetrain_contract::{ErrorKind, NoCall};

    use super::*;

    /// Points on an ellipse in a plane of three-dimensional space, away from the origin.
    fn ellipse(n_points: usize) -> Matrix {
        let (long, short) = ([0.6, 0.8, 0.0], [-0.8, 0.6, 0.0]);
        let mut data = Vec::new();
        for point in 0..n_points {
            let (sin, cos) = (point as f64 / n_points as f64 * std::f64::consts::TAU).sin_cos();
            data.extend((0..3).map(|axis| (7.0 + 3.0 * cos * long[axis] + sin * short[axis]) as f32));
        }
        Matrix::from_rows(3, data)
    }

    #[test]
    fn coordinates_lie_along_the_axes_of_the_data() {
        // More points than one block, so that the blocks have to add up.
        let n_points = 2 * BLOCK + 300;
        let mut table = ellipse(n_points);
        let explained = reduce(&mut table, 2, Centre::Mean, &NoCall).unwrap();
        assert!((explained - 1.0).abs() < 1e-9, "{explained}");
        for (point, row) in table.rows().enumerate() {
            let (sin, cos) = (point as f64 / n_points as f64 * std::f64::consts::TAU).sin_cos();
            assert!((f64::from(row[0].abs()) - (3.0 * cos).abs()).abs() < 1e-4, "point {point}: {row:?}");
            assert!((f64::from(row[1].abs()) - sin.abs()).abs() < 1e-4, "point {point}: {row:?}");
        }
    }

    #[test]
    fn one_dimension_explains_its_share() {
        let explained = reduce(&mut ellipse(360), 1, Centre::Mean, &NoCall).unwrap();
        assert!((explained - 0.9).abs() < 1e-6, "{explained}");
    }

    #[test]
    fn the_greatest_coordinate_is_positive() {
        let mut table = Matrix::from_rows(1, vec![0.0, 0.0, -9.0, 1.0]);
        reduce(&mut table, 1, Centre::Mean, &NoCall).unwrap();
        assert!(table.data()[2] > 0.0 && table.data()[3] < 0.0, "{:?}", table.data());
    }

    #[test]
    fn all_dimensions_keep_all_distances() {
        let columns = 40;
        let mut state = 1_u64;
        let mut random = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (state >> 40) as f32 / (1 << 24) as f32 - 0.5
        };
        let original = Matrix::from_rows(columns, (0..columns * 90).map(|_| random()).collect());
        let mut turned = original.clone();
        reduce(&mut turned, columns, Centre::Mean, &NoCall).unwrap();
        let distance = |table: &Matrix, a: usize, b: usize| -> f32 {
            let rows: Vec<&[f32]> = table.rows().collect();
            rows[a].iter().zip(rows[b]).map(|(x, y)| (x - y) * (x - y)).sum()
        };
        for (a, b) in [(0, 1), (5, 60), (88, 89)] {
            assert!((distance(&original, a, b) - distance(&turned, a, b)).abs() < 1e-4);
        }
    }

    #[test]
    fn angles_are_kept_around_the_origin() {
        // In the plane of the first two axes, far from the origin.
        let mut table = Matrix::from_rows(3, vec![9.0, 1.0, 0.0, 9.0, -1.0, 0.0, 7.0, 2.0, 0.0, 8.0, 0.0, 0.0]);
        let original = table.clone();
        reduce(&mut table, 2, Centre::Origin, &NoCall).unwrap();
        let dot = |table: &Matrix, a: usize, b: usize| -> f32 {
            let rows: Vec<&[f32]> = table.rows().collect();
            rows[a].iter().zip(rows[b]).map(|(x, y)| x * y).sum()
        };
        for (a, b) in [(0, 0), (0, 1), (1, 2), (2, 3)] {
            assert!((dot(&original, a, b) - dot(&table, a, b)).abs() < 1e-3, "{a} {b}");
        }
    }

    #[test]
    fn points_without_variance_do_not_fail() {
        let mut table = Matrix::from_rows(2, vec![5.0; 8]);
        assert_eq!(reduce(&mut table, 1, Centre::Mean, &NoCall).unwrap(), 1.0);
        assert_eq!(table.data(), [0.0; 4]);
    }

    #[test]
    fn cancellation_is_noticed() {
        struct Stopped;
        impl Call for Stopped {
            fn is_cancelled(&self) -> bool {
                true
            }
        }
        assert_eq!(reduce(&mut ellipse(10), 1, Centre::Mean, &Stopped).unwrap_err().kind(), ErrorKind::Cancelled);
    }
}
