//! How vectors and rankings are compared.

/// The largest difference of two numbers in the same place. A NaN is infinitely wrong.
///
/// # Panics
/// When the lengths differ.
pub fn max_abs_error(a: &[f32], b: &[f32]) -> f32 {
    assert_eq!(a.len(), b.len(), "vectors of different length");
    let error = |(x, y): (&f32, &f32)| if x.is_nan() || y.is_nan() { f32::INFINITY } else { (x - y).abs() };
    a.iter().zip(b).map(error).fold(0.0, f32::max)
}

/// Spearman's rank correlation, ties sharing their mean rank (as `scipy.stats.spearmanr`).
///
/// # Panics
/// When the lengths differ.
pub fn spearman(a: &[f64], b: &[f64]) -> f64 {
    assert_eq!(a.len(), b.len(), "rankings of different length");
    pearson(&ranks(a), &ranks(b))
}

fn pearson(a: &[f64], b: &[f64]) -> f64 {
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
    let (mean_a, mean_b) = (mean(a), mean(b));
    let covariance = |x: &[f64], mean_x: f64, y: &[f64], mean_y: f64| {
        x.iter().zip(y).map(|(x, y)| (x - mean_x) * (y - mean_y)).sum::<f64>()
    };
    covariance(a, mean_a, b, mean_b) / (covariance(a, mean_a, a, mean_a) * covariance(b, mean_b, b, mean_b)).sqrt()
}

fn ranks(values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|&i, &j| values[i].total_cmp(&values[j]));
    let mut ranks = vec![0.0; values.len()];
    let mut first = 0;
    while first < order.len() {
        let tied = order[first..].iter().take_while(|&&idx| values[idx] == values[order[first]]).count();
        let mean_rank = first as f64 + (tied as f64 - 1.0) / 2.0;
        order[first..first + tied].iter().for_each(|&idx| ranks[idx] = mean_rank);
        first += tied;
    }
    ranks
}
