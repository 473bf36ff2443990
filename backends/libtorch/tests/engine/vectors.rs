//! Every architecture and head, in every precision, against the reference library.

use drivetrain_contract::{Output, Precision};

use crate::{
    fixture::{Fixture, Texts, cosines, max_abs_error},
    session,
};

#[test]
fn embeddings_equal_the_reference_alone_and_in_a_batch() {
    for fixture in Fixture::all("embed") {
        let mut session = session(&fixture, Precision::F32).unwrap();
        let (texts, reference) = (fixture.texts(), fixture.vectors());
        let together = texts.run(&mut *session, Output::SentenceEmbedding).unwrap();
        let tolerance = fixture.tolerance(&reference);
        let error = max_abs_error(&together, &reference);
        assert!(error <= tolerance, "{}: {error:e} is more than {tolerance:e}", fixture.name);
        let dim = session.describe().dim;
        for (idx, row) in together.chunks_exact(dim).enumerate() {
            let alone = texts.one(idx).run(&mut *session, Output::SentenceEmbedding).unwrap();
            let error = max_abs_error(&alone, row);
            assert!(error <= tolerance, "{}, text {idx}: alone differs by {error:e}", fixture.name);
        }
    }
}

#[test]
fn half_precisions_stay_close() {
    for precision in [Precision::Bf16, Precision::F16] {
        for fixture in Fixture::all("embed") {
            let mut session = session(&fixture, precision).unwrap();
            let vectors = fixture.texts().run(&mut *session, Output::SentenceEmbedding).unwrap();
            let (least, mean) = cosines(&vectors, &fixture.vectors(), session.describe().dim);
            let name = &fixture.name;
            assert!(least >= 0.99 && mean >= 0.999, "{name} in {precision}: least {least}, mean {mean}");
            assert!(least < 1.0 - 1e-12, "{name} in {precision} is as exact as f32");
        }
    }
}

fn check_head(name: &str, output: Output, (array, row): (&str, usize), texts: &Texts) {
    let fixture = Fixture::open(name);
    let mut session = session(&fixture, Precision::F32).unwrap();
    let found = texts.run(&mut *session, output).unwrap();
    let expected = &fixture.array(array)[row * found.len()..][..found.len()];
    let largest = expected.iter().fold(0.0f32, |largest, x| largest.max(x.abs()));
    let error = max_abs_error(&found, expected);
    assert!(error <= 1e-4 * largest, "{name}: {error:e}");
}

/// Pair 35 of every fixture that scores pairs, and text 3 of the others, as their own tokenizers cut them.
#[test]
fn heads_equal_the_reference() {
    let rerank = |name, ids: &[i64], second| {
        check_head(name, Output::Logits, ("logits", 35), &Texts { ids: vec![ids.to_vec()], second });
    };
    rerank("cross-bert", &[2, 10, 13, 3, 13, 1, 14, 3], 4);
    rerank("cross-bert-3labels", &[2, 10, 13, 3, 13, 1, 14, 3], 4);
    rerank("cross-deberta-v2", &[0, 5, 53, 168, 2, 2, 315, 770, 195, 2], 0);
    rerank("cross-modernbert", &[2, 17, 21, 3, 21, 19, 22, 3], 0);
    rerank("cross-xlm-roberta", &[0, 5, 53, 168, 2, 2, 315, 770, 195, 2], 0);

    let other = |name, output, at, ids: &[i64]| check_head(name, output, at, &Texts::of(&[ids]));
    let ids = [2, 586, 875, 684, 748, 382, 591, 603, 36, 641, 308, 42, 819, 36, 838, 382, 11, 3];
    other("splade-bert", Output::VocabScores, ("embeddings", 3), &ids);
    let ids = [2, 586, 875, 684, 748, 313, 591, 603, 36, 641, 308, 42, 819, 36, 838, 313, 11, 3];
    other("splade-distilbert", Output::VocabScores, ("embeddings", 3), &ids);
    let ids = [2, 517, 297, 280, 532, 265, 786, 284, 310, 297, 425, 73, 274, 784, 297, 798, 93, 18, 3];
    other("colbert-plain", Output::LastHiddenState, ("query.3", 0), &ids);
}

/// The backend runs whatever the architectures know: one that is not tested above is a test to be written.
#[test]
fn every_task_of_the_fixtures_is_tested() {
    let names = |task| -> Vec<String> { Fixture::all(task).into_iter().map(|fixture| fixture.name).collect() };
    let crosses = ["cross-bert", "cross-bert-3labels", "cross-deberta-v2", "cross-modernbert", "cross-xlm-roberta"];
    assert_eq!(names("rerank"), crosses);
    assert_eq!(names("sparse"), ["splade-bert", "splade-distilbert"]);
}

#[test]
fn equal_inputs_give_equal_bits() {
    let fixture = Fixture::open("bert-mean");
    for precision in [Precision::F32, Precision::Bf16] {
        let mut session = session(&fixture, precision).unwrap();
        let texts = fixture.texts();
        let first = texts.run(&mut *session, Output::SentenceEmbedding).unwrap();
        for _ in 0..5 {
            let again = texts.run(&mut *session, Output::SentenceEmbedding).unwrap();
            assert!(first.iter().zip(&again).all(|(a, b)| a.to_bits() == b.to_bits()));
        }
    }
}
