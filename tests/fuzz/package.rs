//! The JSON files of a package.

use std::{fs, path::Path};

use drivetrain::{Error, package::Package};
use drivetrain_tests::fixtures_dir;

use crate::{
    case::{Target, put},
    run,
};

const FILES: [&str; 6] = [
    "config.json",
    "modules.json",
    "sentence_bert_config.json",
    "config_sentence_transformers.json",
    "tokenizer_config.json",
    "2_Dense/config.json",
];

#[test]
fn packages() {
    let model = fixtures_dir().join("models/bert-mean-dense");
    let seed = |file| (file, fs::read(model.join(file)).expect("a fixture's file"));
    run::run(&Target {
        name: "package",
        seeds: FILES.map(seed).into(),
        mend: |bytes| bytes,
        prepare: |folder| {
            for file in
                ["1_Pooling/config.json", "3_Normalize/config.json", "tokenizer.json", "2_Dense/model.safetensors"]
            {
                let whole = fixtures_dir().join("models/bert-mean-dense").join(file);
                put(&folder.join(file), &fs::read(whole).unwrap_or_default());
            }
        },
        read: read_package,
    });
}

pub(crate) fn read_package(folder: &Path) -> Result<String, Error> {
    let package = Package::open(folder)?;
    Ok(format!("{:?} {:?} {:?}", package.task(), package.max_seq_length(), package.modules()))
}
