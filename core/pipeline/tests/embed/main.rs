//! The pipeline around a session whose results can be computed by hand.

mod memory;
mod refusals;
mod streams;
mod table;

use std::{num::NonZeroUsize, path::PathBuf};

use drivetrain_contract::{Capabilities, NoCall, Outputs};
use drivetrain_package::Package;
use drivetrain_pipeline::{EmbedOptions, Embedder, Embeddings, Prompt};
use table::{HIDDEN, Table, normalised, normalised_mean, token_vector};
use tokenizers::Tokenizer;

fn fixtures() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/fixtures"))
}

pub(crate) fn package(name: &str) -> Package {
    Package::open(&fixtures().join("models").join(name)).unwrap()
}

fn texts() -> Vec<String> {
    serde_json::from_slice(&std::fs::read(fixtures().join("texts.json")).unwrap()).unwrap()
}

pub(crate) fn options() -> EmbedOptions {
    EmbedOptions {
        batch_tokens: Some(300),
        max_batch: 7,
        threads: NonZeroUsize::new(3).unwrap(),
        ..EmbedOptions::default()
    }
}

fn embed(package: &Package, table: &Table, options: &EmbedOptions) -> Embeddings {
    let mut embedder = Embedder::new(package, Box::new(table.clone()), options).unwrap();
    embedder.embed(&texts(), &NoCall).unwrap()
}

/// Token ids of the fixture texts after `prompt`, straight from the library.
fn token_ids(package: &Package, prompt: &str) -> Vec<Vec<u32>> {
    let tokenizer = Tokenizer::from_bytes(package.tokenizer_json().unwrap()).unwrap();
    let limit = package.max_seq_length().unwrap();
    let ids = |text: &String| {
        let mut ids = tokenizer.encode(format!("{prompt}{text}"), true).unwrap().get_ids().to_vec();
        if ids.len() > limit {
            ids.drain(limit - 1..ids.len() - 1);
        }
        ids
    };
    texts().iter().map(ids).collect()
}

fn token_vectors(ids: &[u32]) -> Vec<Vec<f32>> {
    ids.iter().enumerate().map(|(at, &id)| token_vector(id, at)).collect()
}

#[track_caller]
fn check(found: &Embeddings, expect: impl Iterator<Item = Vec<f32>>) {
    let mut rows = 0;
    for (idx, (found, expect)) in found.rows().zip(expect).enumerate() {
        assert_eq!(found.len(), expect.len());
        let error = found.iter().zip(&expect).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(error < 2e-6, "text {idx}: error {error}");
        rows += 1;
    }
    assert_eq!(rows, found.len());
    assert_eq!(rows, texts().len());
}

#[test]
fn every_kind_of_input_and_output_gives_the_same_vectors_in_order() {
    let package = package("bert-mean");
    let graph = Outputs::SENTENCE_EMBEDDING | Outputs::LAST_HIDDEN_STATE;
    let both = Capabilities::PADDED_IN | Capabilities::PACKED_IN;
    for table in [
        Table::padded(),
        Table::padded().narrow(),
        Table::packed(),
        Table::packed().narrow(),
        Table::new(Capabilities::PADDED_IN, graph),
        Table::new(Capabilities::PACKED_IN, Outputs::SENTENCE_EMBEDDING),
        Table::new(both, graph),
    ] {
        let expect = token_ids(&package, "");
        check(&embed(&package, &table, &options()), expect.iter().map(|ids| normalised_mean(&token_vectors(ids))));
    }
}

#[test]
fn batches_keep_within_their_limits_and_go_from_long_to_short() {
    let table = Table::padded();
    embed(&package("bert-mean"), &table, &options());
    let runs = table.runs.lock().unwrap();
    assert_eq!(runs.iter().map(|(texts, _)| texts).sum::<usize>(), texts().len());
    assert!(runs.iter().all(|&(texts, tokens)| texts <= 7 && (tokens <= 300 || texts == 1)), "{runs:?}");
    assert!(runs.iter().map(|(texts, tokens)| tokens / texts).is_sorted_by(|a, b| a >= b), "{runs:?}");
}

#[test]
fn a_text_alone_has_the_vector_it_has_in_a_batch() {
    for name in ["bert-mean", "bert-max-raw", "bert-weightedmean", "bert-mean-dense"] {
        let package = package(name);
        let together = embed(&package, &Table::padded(), &options());
        let mut embedder = Embedder::new(&package, Box::new(Table::padded()), &options()).unwrap();
        for (text, row) in texts().iter().zip(together.rows()) {
            assert_eq!(embedder.embed(&[text], &NoCall).unwrap().row(0), row, "{name}: {text:?}");
        }
    }
}

#[test]
fn prompts_are_put_before_texts_and_the_default_applies() {
    let package = package("bert-prompts");
    let query = package.prompts().get("query").unwrap();
    for (prompt, text) in [
        (Prompt::Named("query".into()), query),
        (Prompt::Text("any: ".into()), "any: "),
        (Prompt::Default, ""),
        (Prompt::None, ""),
    ] {
        let found = embed(&package, &Table::padded(), &EmbedOptions { prompt, ..options() });
        check(&found, token_ids(&package, text).iter().map(|ids| normalised_mean(&token_vectors(ids))));
    }
}

#[test]
fn an_excluded_prompt_is_seen_by_the_model_but_not_pooled() {
    let package = package("bert-prompts-excluded");
    let query = package.prompts().get("query").unwrap();
    // `[CLS]` and the words of the prompt, without `[SEP]`.
    let skip = token_ids(&package, query)[12].len() - 1;
    let expect = || token_ids(&package, query).into_iter().map(|ids| normalised_mean(&token_vectors(&ids)[skip..]));
    let both = Outputs::SENTENCE_EMBEDDING | Outputs::LAST_HIDDEN_STATE;
    for table in [Table::padded(), Table::packed(), Table::new(Capabilities::PADDED_IN, both)] {
        check(&embed(&package, &table, &options()), expect());
        check(&embed(&package, &table, &EmbedOptions { prompt: Prompt::Named("query".into()), ..options() }), expect());
        let none = embed(&package, &table, &EmbedOptions { prompt: Prompt::Named("document".into()), ..options() });
        check(&none, token_ids(&package, "").iter().map(|ids| normalised_mean(&token_vectors(ids))));
    }
}

#[test]
fn dense_layers_follow_pooling() {
    let package = package("bert-mean-dense");
    let weights = package.module_weights("2_Dense").unwrap();
    let (mut weight, mut bias) = (Vec::new(), Vec::new());
    weights.read_f32("linear.weight", &mut weight).unwrap();
    weights.read_f32("linear.bias", &mut bias).unwrap();
    let expect = token_ids(&package, "").into_iter().map(|ids| {
        let tokens = token_vectors(&ids);
        let mean = |at: usize| tokens.iter().map(|token| token[at]).sum::<f32>() / tokens.len() as f32;
        let row =
            |row: &[f32], bias: &f32| (row.iter().enumerate().map(|(at, w)| w * mean(at)).sum::<f32>() + bias).tanh();
        normalised(&weight.chunks(HIDDEN).zip(&bias).map(|(w, bias)| row(w, bias)).collect::<Vec<f32>>())
    });
    let found = embed(&package, &Table::padded(), &options());
    assert_eq!(found.dim(), 32);
    check(&found, expect);
}

#[test]
fn truncation_of_the_dimension_keeps_the_first_numbers_as_they_are() {
    let package = package("bert-mean");
    let full = embed(&package, &Table::padded(), &options());
    for dim in [1, 16, HIDDEN] {
        let found = embed(&package, &Table::padded(), &EmbedOptions { truncate_dim: Some(dim), ..options() });
        assert_eq!(found.dim(), dim);
        check(&found, full.rows().map(|row| row[..dim].to_vec()));
    }
}

#[test]
fn texts_go_as_they_are_to_a_session_that_tokenises() {
    let package = package("static-wordpiece");
    let table = Table::new(Capabilities::TEXT_IN, Outputs::SENTENCE_EMBEDDING);
    let found = embed(&package, &table, &EmbedOptions { prompt: Prompt::Text("p: ".into()), ..options() });
    let prompted: Vec<String> = texts().iter().map(|text| format!("p: {text}")).collect();
    check(&found, prompted.iter().map(|text| normalised(&token_vector(text.len() as u32, 0))));
    assert_eq!(*table.seen.lock().unwrap(), prompted);
    assert!(table.runs.lock().unwrap().iter().all(|&(texts, _)| texts <= 7));
}

#[test]
fn long_texts_go_alone_to_a_session_that_tokenises() {
    let package = package("static-wordpiece");
    let table = Table::new(Capabilities::TEXT_IN, Outputs::SENTENCE_EMBEDDING);
    let mut embedder = Embedder::new(&package, Box::new(table.clone()), &EmbedOptions::default()).unwrap();
    let long = "long ".repeat(1 << 20);
    assert_eq!(embedder.embed(&["a", &long, "b", "c"], &NoCall).unwrap().len(), 4);
    assert_eq!(table.runs.lock().unwrap().iter().map(|(texts, _)| *texts).collect::<Vec<_>>(), [1, 1, 2]);
    assert_eq!(table.seen.lock().unwrap()[1], long);
}

#[test]
fn padding_and_truncation_keep_to_the_sides_of_the_package() {
    let package = left_sided();
    let tokenizer = Tokenizer::from_bytes(package.tokenizer_json().unwrap()).unwrap();
    let ids = texts().into_iter().map(|text| {
        let mut ids = tokenizer.encode(text, true).unwrap().get_ids().to_vec();
        ids.drain(1..1.max(ids.len().saturating_sub(19)));
        ids
    });
    let last: Vec<Vec<f32>> = ids.map(|ids| token_vectors(&ids).pop().unwrap()).collect();
    let table =
        Table { info: drivetrain_contract::SessionInfo { hidden: 0, ..Table::padded().info }, ..Table::padded() };
    check(&embed(&package, &table, &options()), last.into_iter());
    let lengths: Vec<usize> = table.runs.lock().unwrap().iter().map(|(texts, tokens)| tokens / texts).collect();
    assert_eq!(lengths.iter().max(), Some(&20), "{lengths:?}");
}

/// Last token, left padding, left truncation at 20 tokens.
fn left_sided() -> Package {
    static FILES: [(&str, &[u8]); 6] = [
        ("tokenizer.json", include_bytes!("../../../../tests/fixtures/models/bert-mean/tokenizer.json")),
        ("config.json", br#"{"model_type": "bert", "hidden_size": 48, "max_position_embeddings": 64}"#),
        ("tokenizer_config.json", br#"{"padding_side": "left", "truncation_side": "left", "pad_token": "[PAD]"}"#),
        ("sentence_bert_config.json", br#"{"max_seq_length": 20}"#),
        (
            "modules.json",
            br#"[{"idx": 0, "name": "0", "path": "", "type": "sentence_transformers.models.Transformer"},
                {"idx": 1, "name": "1", "path": "1_Pooling", "type": "sentence_transformers.models.Pooling"}]"#,
        ),
        ("1_Pooling/config.json", br#"{"word_embedding_dimension": 48, "pooling_mode_lasttoken": true}"#),
    ];
    Package::from_memory("left", &FILES).unwrap()
}

#[test]
fn no_texts_give_no_vectors() {
    let mut embedder = Embedder::new(&package("bert-mean"), Box::new(Table::padded()), &options()).unwrap();
    let none = embedder.embed::<String>(&[], &NoCall).unwrap();
    assert!(none.is_empty() && none.dim() == HIDDEN && none.rows().next().is_none());
}
