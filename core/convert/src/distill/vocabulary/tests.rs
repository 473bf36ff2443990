//! Pruning of tokenizers of every kind.

use drivetrain_contract::ErrorKind;

use super::*;

fn added(id: u32, content: &str) -> Value {
    json!({"id": id, "content": content, "single_word": false, "lstrip": false, "rstrip": false,
           "normalized": false, "special": true})
}

fn tokenizer(model: &Value, added_tokens: &[Value]) -> Value {
    json!({"version": "1.0", "truncation": null, "padding": null, "added_tokens": added_tokens, "normalizer": null,
           "pre_tokenizer": {"type": "Whitespace"}, "post_processor": null, "decoder": null, "model": model})
}

fn word_piece() -> Value {
    let vocab = json!({"[PAD]": 0, "[unused0]": 1, "[unused12]": 2, "[UNK]": 4, "[CLS]": 5, "[SEP]": 6, "[unusedx]": 7,
                       "un": 8, "##used": 9, "dog": 20});
    let model = json!({"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##",
                       "max_input_chars_per_word": 100, "vocab": vocab});
    let mut json = tokenizer(&model, &[added(0, "[PAD]"), added(4, "[UNK]"), added(5, "[CLS]"), added(6, "[SEP]")]);
    json["post_processor"] = json!({"type": "BertProcessing", "sep": ["[SEP]", 6], "cls": ["[CLS]", 5]});
    json["padding"] = json!({"strategy": "BatchLongest", "direction": "Right", "pad_to_multiple_of": null, "pad_id": 0,
                             "pad_type_id": 0, "pad_token": "[PAD]"});
    json["truncation"] = json!({"max_length": 3, "strategy": "LongestFirst", "stride": 0, "direction": "Right"});
    json
}

fn read(json: &Value) -> Result<Vocabulary> {
    Vocabulary::read(json.to_string().as_bytes(), None)
}

/// The rows kept, and that the pruned tokenizer cuts `text` into the same tokens as the original does.
fn check(json: &Value, text: &str, expect: &[&str]) -> Value {
    let vocabulary = read(json).unwrap();
    let tokens: Vec<&str> = vocabulary.tokens().iter().map(|(token, _)| &**token).collect();
    assert_eq!(tokens, expect);
    let pruned = vocabulary.tokenizer_json().unwrap();
    let load = |json: &str| Tokenizer::from_str(json).unwrap();
    let (before, after) = (load(&json.to_string()), load(&pruned));
    let cut = |tokenizer: &Tokenizer| tokenizer.encode(text, false).unwrap().get_tokens().to_vec();
    assert_eq!(cut(&after), cut(&before));
    for (row, token) in expect.iter().enumerate() {
        assert_eq!(after.token_to_id(token), Some(row as u32), "{token}");
    }
    serde_json::from_str(&pruned).unwrap()
}

#[test]
fn word_piece_loses_special_tokens_and_unused_slots() {
    let mut source = word_piece();
    source["truncation"] = Value::Null;
    let pruned = check(&source, "unused dog zebra", &["[PAD]", "[UNK]", "[unusedx]", "un", "##used", "dog"]);
    for gone in ["post_processor", "padding", "truncation"] {
        assert!(pruned[gone].is_null(), "{gone}");
    }
    assert_eq!(pruned["added_tokens"], json!([added(0, "[PAD]"), added(1, "[UNK]")]));
}

#[test]
fn tokens_are_framed_as_the_tokenizer_frames_a_text() {
    let frame = |json: &Value| read(json).unwrap().frame().unwrap();
    assert_eq!(frame(&word_piece()), Frame { before: vec![5], after: vec![6] });
    let mut bare = word_piece();
    bare["post_processor"] = Value::Null;
    assert_eq!(frame(&bare), Frame { before: vec![], after: vec![] });
    let end = |repeats: usize| {
        let mut json = word_piece();
        let (ids, tokens) = ([6, 5].repeat(repeats), ["a", "b"].repeat(repeats));
        json["post_processor"] = json!({"type": "TemplateProcessing", "pair": [],
            "single": [{"Sequence": {"id": "A", "type_id": 0}}, {"SpecialToken": {"id": "end", "type_id": 0}}],
            "special_tokens": {"end": {"id": "end", "ids": ids, "tokens": tokens}}});
        json
    };
    assert_eq!(frame(&end(1)), Frame { before: vec![], after: vec![6, 5] });
    assert_eq!(read(&end(50_000)).unwrap().frame().unwrap_err().kind(), ErrorKind::Unsupported);
}

#[test]
fn unigram_keeps_scores_and_the_unknown_piece() {
    let vocab =
        json!([["<s>", 0.0], ["<pad>", 0.0], ["</s>", 0.0], ["<unk>", 0.0], ["a", -1.0], ["b", -2.0], ["ab", -4.0]]);
    let model = json!({"type": "Unigram", "unk_id": 3, "byte_fallback": false, "vocab": vocab});
    let specials = [added(0, "<s>"), added(1, "<pad>"), added(2, "</s>"), added(3, "<unk>"), added(7, "<mask>")];
    let mut source = tokenizer(&model, &specials);
    let pruned = check(&source, "ab z bba", &["<unk>", "a", "b", "ab"]);
    assert_eq!(pruned["model"]["unk_id"], 0);
    assert_eq!(pruned["model"]["vocab"][2], json!(["b", -2.0]));
    source["padding"] = json!({"strategy": "BatchLongest", "direction": "Right", "pad_to_multiple_of": null,
                               "pad_id": 1, "pad_type_id": 0, "pad_token": "<pad>"});
    check(&source, "ab", &["<pad>", "<unk>", "a", "b", "ab"]);
}

#[test]
fn byte_pairs_lose_the_merges_that_cannot_happen() {
    let vocab = json!({"a": 0, "b": 1, "ab": 2, "abb": 3, "<s>": 4, "Ġa": 5, "Ġ": 6});
    let model = json!({"type": "BPE", "unk_token": null, "continuing_subword_prefix": null, "end_of_word_suffix": null,
        "dropout": null, "fuse_unk": false, "byte_fallback": false, "vocab": vocab,
        "merges": [["a", "b"], ["ab", "b"], ["Ġ", "a"]]});
    let mut source = tokenizer(&model, &[added(3, "abb"), added(4, "<s>"), added(9, "<pad>")]);
    source["pre_tokenizer"] = json!({"type": "Sequence", "pretokenizers": [
        {"type": "Digits", "individual_digits": true},
        {"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": true}]});
    let pruned = check(&source, " a", &["a", "b", "ab", "Ġa", "Ġ"]);
    assert_eq!(pruned["model"]["merges"], json!([["a", "b"], ["Ġ", "a"]]));
    assert_eq!(pruned["pre_tokenizer"]["pretokenizers"][1]["add_prefix_space"], true);
    // A padding token that is only an added token gets a row like any other.
    let vocabulary = Vocabulary::read(source.to_string().as_bytes(), Some("<pad>")).unwrap();
    assert_eq!(vocabulary.tokens().last().unwrap().0, "<pad>");
    assert!(vocabulary.tokenizer_json().unwrap().contains("\"<pad>\":5"));
}

#[test]
fn broken_tokenizers_are_errors() {
    let only_special = json!({"type": "WordLevel", "unk_token": "<unk>", "vocab": {"<s>": 0}});
    let cases = [
        b"".to_vec(),
        b"{".to_vec(),
        b"[]".to_vec(),
        b"\xff\xfe".to_vec(),
        b"{\"model\": 7}".to_vec(),
        tokenizer(&only_special, &[added(0, "<s>")]).to_string().into_bytes(),
        [b"[".repeat(100_000), b"]".repeat(100_000)].concat(),
    ];
    for case in cases {
        let err = Vocabulary::read(&case, None).err().expect("an error");
        assert_eq!(err.kind(), ErrorKind::Model, "{err}");
    }
}
