//! A static model distilled from the real transformer keeps what model2vec's keeps.

use std::path::PathBuf;

use drivetrain::{
    contract::NoCall,
    convert::distill::{DistillOptions, TableType, distill},
};
use drivetrain_tests::{Rig, max_abs_error};

use crate::vectors::{Wanted, engine, minilm::sts_benchmark};

fn distilled(rig: &Rig, table_type: TableType) -> PathBuf {
    let teacher = engine(rig, &rig.minilm(), Wanted::default()).unwrap();
    let options = DistillOptions { dims: Some(256), table_type, ..DistillOptions::default() };
    let folder = rig.cache().join(table_type.name());
    let distilled = teacher.with_session(|session| distill(session, teacher.package(), &options, &NoCall));
    distilled.unwrap().write(&folder).unwrap();
    folder
}

/// model2vec's own distillation reaches 0.661; the model in the program is the one that the command makes today, up to
/// the last bits of a float.
#[test]
fn distilled_models_keep_their_ranking_and_the_builtin_model_is_one() {
    let Some(rig) = Rig::new() else { return };
    let half = engine(&rig, &distilled(&rig, TableType::F16), Wanted::default()).unwrap();
    let bytes = engine(&rig, &distilled(&rig, TableType::I8), Wanted::default()).unwrap();
    let (half, bytes_correlation) = (sts_benchmark(&half), sts_benchmark(&bytes));
    assert!(half >= 0.655, "{half}");
    assert!((half - bytes_correlation).abs() <= 0.003, "{half} {bytes_correlation}");

    let texts = ["a text becomes a vector", "Zebra crossings aren't coloured.", "αβγ 東京 42", ""];
    let builtin = Wanted { profile: "model = \"builtin\"", ..Wanted::default() };
    let builtin = engine(&rig, &rig.minilm(), builtin).unwrap();
    let (fresh, builtin) = (bytes.embed(&texts).unwrap(), builtin.embed(&texts).unwrap());
    assert_eq!((fresh.dim(), builtin.dim()), (256, 256));
    let error = max_abs_error(fresh.as_slice(), builtin.as_slice());
    assert!(error <= 2e-3, "{error:e}");
}
