//! The real all-MiniLM-L6-v2.

use std::fs;

use drivetrain::Engine;
use drivetrain_tests::{Array, Rig, fixtures_dir, max_abs_error, spearman, texts};

use crate::vectors::{Wanted, engine};

#[test]
fn minilm_equals_the_reference() {
    let Some(rig) = Rig::new() else { return };
    let folder = fixtures_dir().join("reference/all-MiniLM-L6-v2");
    let reference = Array::read(&folder.join("all-MiniLM-L6-v2.safetensors"), "embeddings");
    let texts = texts(&folder.join("texts.json"));
    let engine = engine(&rig, &rig.minilm(), Wanted::default()).unwrap();
    let embeddings = engine.embed(&texts).unwrap();
    assert_eq!([embeddings.len(), embeddings.dim()], reference.shape);
    let error = max_abs_error(embeddings.as_slice(), &reference.data);
    assert!(error <= 2e-5, "{error:e}");
}

/// The reference library's figure is 0.8203.
#[test]
fn minilm_ranks_the_sts_benchmark_as_the_reference_does() {
    let Some(rig) = Rig::new() else { return };
    let correlation = sts_benchmark(&engine(&rig, &rig.minilm(), Wanted::default()).unwrap());
    assert!((correlation - 0.8203).abs() <= 0.0005, "{correlation}");
}

/// Spearman's correlation of cosines and human scores on the STS benchmark's test set.
pub(crate) fn sts_benchmark(engine: &Engine) -> f64 {
    let table = fs::read_to_string(fixtures_dir().join("sts/stsb-en-test.tsv")).unwrap();
    let (mut scores, mut sentences) = (Vec::new(), Vec::new());
    for line in table.lines() {
        let [score, a, b] = line.split('\t').collect::<Vec<_>>()[..] else { panic!("no triple: {line}") };
        // A header, if there is one, has no number.
        let Ok(score) = score.parse::<f64>() else { continue };
        scores.push(score);
        sentences.extend([a, b]);
    }
    assert_eq!(scores.len(), 1379);
    let embeddings = engine.embed(&sentences).unwrap();
    let cosines: Vec<f64> =
        (0..scores.len()).map(|pair| cosine(embeddings.row(2 * pair), embeddings.row(2 * pair + 1))).collect();
    spearman(&scores, &cosines)
}

fn cosine(a: &[f32], b: &[f32]) -> f64 {
    let dot = |x: &[f32], y: &[f32]| x.iter().zip(y).map(|(&x, &y)| f64::from(x) * f64::from(y)).sum::<f64>();
    dot(a, b) / (dot(a, a) * dot(b, b)).sqrt()
}
