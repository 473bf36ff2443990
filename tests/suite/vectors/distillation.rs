//! A static model distilled from the real transformer keeps what model2vec's keeps.

use std::path::PathBuf;

use drivetrain::{
    contract::NoCall,
    convert::distill::{DistillOptions, TableType, distill},
};
use drivetrain_tests::Rig;

use crate::vectors::{Wanted, engine, minilm::sts_benchmark};

fn distilled(rig: &Rig, table_type: TableType) -> PathBuf {
    let teacher = engine(rig, &rig.minilm(), Wanted::default()).unwrap();
    let options = DistillOptions { dims: Some(256), table_type, ..DistillOptions::default() };
    let folder = rig.cache().join(table_type.name());
    let distilled = teacher.with_session(|session| distill(session, teacher.package(), &options, &NoCall));
    distilled.unwrap().write(&folder).unwrap();
    folder
}

/// model2vec's own distillation reaches 0.661.
#[test]
fn distilled_models_keep_their_ranking() {
    let Some(rig) = Rig::new() else { return };
    let half = engine(&rig, &distilled(&rig, TableType::F16), Wanted::default()).unwrap();
    let bytes = engine(&rig, &distilled(&rig, TableType::I8), Wanted::default()).unwrap();
    let (half, bytes_correlation) = (sts_benchmark(&half), sts_benchmark(&bytes));
    assert!(half >= 0.655, "{half}");
    assert!((half - bytes_correlation).abs() <= 0.003, "{half} {bytes_correlation}");
}

/// The model in the program was fitted to other texts than those of the benchmark.
#[test]
fn the_builtin_model_ranks_better_than_a_distilled_one() {
    let Some(rig) = Rig::new() else { return };
    let builtin = Wanted { profile: "model = \"builtin\"", ..Wanted::default() };
    let builtin = engine(&rig, &rig.minilm(), builtin).unwrap();
    assert_eq!(builtin.dim(), 256);
    let facts = &builtin.package().config()["drivetrain"];
    assert_eq!(facts["distilled_from"], "all-MiniLM-L6-v2");
    assert!(facts["fitted_on"]["texts"].as_u64() > Some(50_000), "{facts}");
    let correlation = sts_benchmark(&builtin);
    assert!(correlation >= 0.76, "{correlation}");
}
