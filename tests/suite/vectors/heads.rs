//! What sessions give that are not for embedding: scores of pairs, weights of words, vectors of tokens.

use std::{fs, num::NonZeroUsize, path::Path};

use drivetrain::{
    Profile,
    contract::{Backend, Batch, Inputs, NoCall, Output, OutputMut, PaddedBatch, Session, SessionOptions, TokenIds},
    convert::onnx::{ExportOptions, export},
    package::Package,
    plugin_host::{OpenOptions, Registry, SearchPath},
};
use drivetrain_tests::{Array, Fixture, Rig, fixtures_dir, max_abs_error, texts};
use tokenizers::{Encoding, Tokenizer, TruncationDirection, TruncationParams, TruncationStrategy};

use crate::vectors::copy_model;

/// Texts in a run.
const BATCH: usize = 8;

/// A fixture, exported and loaded by ONNX Runtime.
struct Loaded {
    fixture: Fixture,
    tokenizer: Tokenizer,
    session: Box<dyn Session>,
}

/// The tokens of a text or a pair of texts.
#[derive(Clone, Default)]
struct Tokens {
    ids: Vec<i64>,
    mask: Vec<i64>,
    types: Vec<i64>,
}

impl From<Encoding> for Tokens {
    fn from(encoding: Encoding) -> Self {
        let numbers = |numbers: &[u32]| numbers.iter().map(|&number| i64::from(number)).collect::<Vec<_>>();
        Self {
            ids: numbers(encoding.get_ids()),
            mask: vec![1; encoding.get_ids().len()],
            types: numbers(encoding.get_type_ids()),
        }
    }
}

impl Loaded {
    fn open(rig: &Rig, name: &str) -> Self {
        let fixture = Fixture::open(name);
        let folder = copy_model(rig, &fixture.dir);
        let graph = folder.join("onnx/model.onnx");
        export(&Package::open(&folder).unwrap(), &graph, &ExportOptions::default(), &mut |_| Ok(())).unwrap();
        let mut tokenizer = Tokenizer::from_file(folder.join("tokenizer.json")).unwrap();
        tokenizer.with_padding(None);
        Self { session: session(rig, &folder), tokenizer, fixture }
    }

    /// What the reference says, under a key.
    fn number(&self, key: &str) -> usize {
        self.fixture.expected[key].as_u64().unwrap() as usize
    }

    fn encode(&mut self, text: &str, pair: Option<&str>, max_length: usize) -> Tokens {
        let (direction, strategy) = (TruncationDirection::Right, TruncationStrategy::LongestFirst);
        let truncation = TruncationParams { direction, max_length, strategy, stride: 0 };
        self.tokenizer.with_truncation(Some(truncation)).unwrap();
        match pair {
            Some(pair) => self.tokenizer.encode((text, pair), true).unwrap().into(),
            None => self.tokenizer.encode(text, true).unwrap().into(),
        }
    }

    /// The output for each text, run in batches of mixed lengths: for vectors of tokens without those of padding.
    fn run(&mut self, output: Output, texts: &[Tokens]) -> Vec<Vec<f32>> {
        let info = self.session.describe().clone();
        let mut rows = Vec::new();
        for texts in texts.chunks(BATCH) {
            let length = texts.iter().map(|text| text.ids.len()).max().unwrap();
            let padded = |of: fn(&Tokens) -> &Vec<i64>| -> Vec<i64> {
                texts.iter().flat_map(|text| (0..length).map(|idx| of(text).get(idx).copied().unwrap_or(0))).collect()
            };
            let [ids, mask, types] = [padded(|text| &text.ids), padded(|text| &text.mask), padded(|text| &text.types)];
            let mut batch = PaddedBatch::new(texts.len(), length, TokenIds::I64(&ids), TokenIds::I64(&mask)).unwrap();
            if info.inputs.contains(Inputs::TOKEN_TYPE_IDS) {
                batch = batch.with_token_type_ids(TokenIds::I64(&types)).unwrap();
            }
            let batch = Batch::Padded(batch);
            let shape = self.session.output_shape(&batch, output).unwrap();
            let mut data = vec![0.0; shape.iter().product()];
            self.session.run(&batch, &mut [OutputMut::new(output, &shape, &mut data).unwrap()], &NoCall).unwrap();
            let per_text = data.len() / texts.len();
            for (text, row) in texts.iter().zip(data.chunks_exact(per_text)) {
                let kept = if shape.len() == 3 { text.ids.len() * shape[2] } else { per_text };
                rows.push(row[..kept].to_vec());
            }
        }
        rows
    }

    fn check(&self, what: &str, found: &[f32], reference: &Array) {
        assert_eq!(found.len(), reference.data.len(), "{} {what}", self.fixture.name);
        let largest = reference.data.iter().fold(0.0f32, |largest, value| largest.max(value.abs()));
        let error = max_abs_error(found, &reference.data);
        assert!(error <= 1e-4 * largest, "{} {what}: {error:e} where {largest} is the largest", self.fixture.name);
    }
}

fn session(rig: &Rig, folder: &Path) -> Box<dyn Session> {
    let registry = Registry::discover(&SearchPath::default());
    let config = Profile::build(&[]).unwrap().backend_config("onnxruntime");
    let data_dir = rig.home().to_path_buf();
    let backend = registry.get("onnxruntime").unwrap().open(OpenOptions { config, data_dir }).unwrap();
    let options = SessionOptions::new("cpu", NonZeroUsize::MIN);
    backend.create_session(&Package::open(folder).unwrap().model(), &options, &NoCall).unwrap()
}

fn all_texts() -> Vec<String> {
    texts(&fixtures_dir().join("texts.json"))
}

#[test]
fn cross_encoders_give_the_logits_of_the_reference() {
    let Some(rig) = Rig::new() else { return };
    let texts = all_texts();
    for name in ["cross-bert", "cross-bert-3labels", "cross-deberta-v2", "cross-modernbert", "cross-xlm-roberta"] {
        let mut loaded = Loaded::open(&rig, name);
        let pairs: Vec<[usize; 2]> = serde_json::from_value(loaded.fixture.expected["pairs"].clone()).unwrap();
        let max_length = loaded.number("max_length");
        let tokens: Vec<Tokens> =
            pairs.iter().map(|&[a, b]| loaded.encode(&texts[a], Some(&texts[b]), max_length)).collect();
        assert_eq!(loaded.session.describe().labels, loaded.number("num_labels"), "{name}");
        let logits = loaded.run(Output::Logits, &tokens).concat();
        loaded.check("logits", &logits, &loaded.fixture.array("logits"));
    }
}

#[test]
fn sparse_models_give_the_weights_of_the_reference() {
    let Some(rig) = Rig::new() else { return };
    for name in ["splade-bert", "splade-distilbert"] {
        let mut loaded = Loaded::open(&rig, name);
        let max_length = loaded.number("max_seq_length");
        let tokens: Vec<Tokens> = all_texts().iter().map(|text| loaded.encode(text, None, max_length)).collect();
        assert_eq!(loaded.session.describe().vocabulary, 900);
        let scores = loaded.run(Output::VocabScores, &tokens).concat();
        loaded.check("embeddings", &scores, &loaded.fixture.array("embeddings"));
    }
}

#[test]
fn late_interaction_models_give_the_vectors_of_the_reference() {
    let Some(rig) = Rig::new() else { return };
    for name in ["colbert-bert", "colbert-modernbert", "colbert-plain"] {
        let mut loaded = Loaded::open(&rig, name);
        assert_eq!(loaded.session.describe().hidden, loaded.number("dim"), "{name}");
        for kind in ["query", "document"] {
            let tokens: Vec<Tokens> = all_texts().iter().map(|text| colbert_tokens(&mut loaded, kind, text)).collect();
            let vectors = loaded.run(Output::LastHiddenState, &tokens);
            for (idx, (tokens, vectors)) in tokens.iter().zip(&vectors).enumerate() {
                let kept = if kind == "query" { vectors.clone() } else { without_skipped(&loaded, tokens, vectors) };
                let array = format!("{kind}.{idx}");
                loaded.check(&array, &kept, &loaded.fixture.array(&array));
            }
        }
    }
}

/// A query or document with its prompt; queries are filled up with mask tokens where the model wants that.
fn colbert_tokens(loaded: &mut Loaded, kind: &str, text: &str) -> Tokens {
    let prompt = loaded.fixture.expected["prompts"][kind].as_str().unwrap_or_default().to_owned();
    let max_length = loaded.number(&format!("{kind}_length"));
    let mut tokens = loaded.encode(&format!("{prompt}{text}"), None, max_length);
    let expansion = &loaded.fixture.expected["query_expansion"];
    if kind == "query" && expansion.is_object() {
        let mask_id = loaded.tokenizer.token_to_id("[MASK]").unwrap();
        tokens.ids.resize(max_length, mask_id.into());
        tokens.mask.resize(max_length, expansion["attend"].as_bool().unwrap().into());
        tokens.types.resize(max_length, 0);
    }
    tokens
}

/// The vectors of tokens that the model's list of words to skip does not name.
fn without_skipped(loaded: &Loaded, tokens: &Tokens, vectors: &[f32]) -> Vec<f32> {
    let list = fs::read(loaded.fixture.dir.join("2_MultiVectorMask/config.json")).unwrap();
    let list: serde_json::Value = serde_json::from_slice(&list).unwrap();
    let words = list["skiplist_words"].as_array().unwrap().iter().filter_map(|word| word.as_str());
    let skipped: Vec<i64> = words.filter_map(|word| loaded.tokenizer.token_to_id(word)).map(i64::from).collect();
    let dim = vectors.len() / tokens.ids.len();
    let kept = tokens.ids.iter().zip(vectors.chunks_exact(dim)).filter(|(id, _)| !skipped.contains(id));
    kept.flat_map(|(_, vector)| vector.to_vec()).collect()
}
