//! `drivetrain compare`: two files of vectors, row by row.

use crate::{
    args::CompareArgs,
    exit::{Blame, CommandError},
    input::Matrix,
    output::print,
};

/// How alike two rows are.
#[derive(Clone, Copy, Debug, PartialEq)]
struct RowDifference {
    row: usize,
    cosine: f64,
    max_abs_error: f64,
}

pub(crate) fn run(args: &CompareArgs) -> anyhow::Result<()> {
    let (a, b) = (Matrix::read_npy(&args.a)?, Matrix::read_npy(&args.b)?);
    if (a.n_rows(), a.n_columns()) != (b.n_rows(), b.n_columns()) {
        let shapes = format!("[{}, {}] and [{}, {}]", a.n_rows(), a.n_columns(), b.n_rows(), b.n_columns());
        let message = format!("`{}` and `{}` have different shapes: {shapes}", args.a.display(), args.b.display());
        return Err(CommandError::new(Blame::Input, message).into());
    }
    let mut rows: Vec<RowDifference> =
        a.rows().zip(b.rows()).enumerate().map(|(row, (a, b))| difference(row, a, b)).collect();
    print(&report(&mut rows, args.worst))
}

fn difference(row: usize, a: &[f32], b: &[f32]) -> RowDifference {
    let dot = |x: &[f32], y: &[f32]| x.iter().zip(y).map(|(&x, &y)| f64::from(x) * f64::from(y)).sum::<f64>();
    let norms = (dot(a, a) * dot(b, b)).sqrt();
    // Two zero vectors are the same vector; a zero and another one have nothing in common.
    let same = a == b;
    let cosine = if same {
        1.0
    } else if norms == 0.0 {
        0.0
    } else {
        dot(a, b) / norms
    };
    // `max` would drop a NaN, which is the worst error there is.
    let max_abs_error = a
        .iter()
        .zip(b)
        .map(|(&x, &y)| (f64::from(x) - f64::from(y)).abs())
        .fold(0.0, |worst: f64, error| if error.is_nan() || worst.is_nan() { f64::NAN } else { worst.max(error) });
    RowDifference { row, cosine, max_abs_error }
}

fn report(rows: &mut [RowDifference], n_worst: usize) -> String {
    let n_rows = rows.len();
    if n_rows == 0 {
        return "0 rows\n".to_owned();
    }
    let mean = rows.iter().map(|row| row.cosine).sum::<f64>() / n_rows as f64;
    // NaN sorts as the least alike.
    let key = |row: &RowDifference| if row.cosine.is_nan() { f64::NEG_INFINITY } else { row.cosine };
    rows.sort_by(|a, b| key(a).total_cmp(&key(b)).then(b.max_abs_error.total_cmp(&a.max_abs_error)));
    let worst_error = rows
        .iter()
        .map(|row| row.max_abs_error)
        .fold(0.0, |worst: f64, error| if error.is_nan() || worst.is_nan() { f64::NAN } else { worst.max(error) });
    let mut text = format!(
        "rows           {n_rows}\ncosine min     {:.7}\ncosine mean    {mean:.7}\nmax abs error  {worst_error:.3e}\n",
        rows[0].cosine
    );
    text.push_str("worst rows\n");
    for row in rows.iter().take(n_worst) {
        text.push_str(&format!(
            "  {:>8}  cosine {:.7}  max abs error {:.3e}\n",
            row.row, row.cosine, row.max_abs_error
        ));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_compared_by_angle_and_by_number() {
        let row = difference(0, &[1.0, 0.0], &[0.0, 1.0]);
        assert_eq!((row.cosine, row.max_abs_error), (0.0, 1.0));
        assert_eq!(difference(0, &[0.0, 0.0], &[0.0, 0.0]).cosine, 1.0);
        assert_eq!(difference(0, &[0.0, 0.0], &[1.0, 0.0]).cosine, 0.0);
        assert!((difference(0, &[1.0, 2.0], &[2.0, 4.0]).cosine - 1.0).abs() < 1e-12);
    }

    #[test]
    fn the_worst_rows_come_first_and_nan_is_the_worst() {
        let row = |row, cosine| RowDifference { row, cosine, max_abs_error: 0.5 };
        let text = report(&mut [row(0, 0.9), row(1, f64::NAN), row(2, 0.1)], 2);
        let worst: Vec<&str> = text.lines().skip(5).map(|line| line.trim().split(' ').next().unwrap()).collect();
        assert_eq!(worst, ["1", "2"], "{text}");
    }
}
