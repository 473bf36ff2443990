//! Static models made from the real transformer: a distilled one keeps what model2vec's keeps, the built-in one more.

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
    let [half, bytes] = [TableType::F16, TableType::I8]
        .map(|table_type| sts_benchmark(&engine(&rig, &distilled(&rig, table_type), Wanted::default()).unwrap()));
    assert!(half >= 0.655, "{half}");
    assert!((half - bytes).abs() <= 0.003, "{half} {bytes}");
}

/// It is fitted, to texts of other kinds than these: `docs/static-models.md` promises what is asked here, and the
/// transformer reaches 0.8203.
#[test]
fn the_builtin_model_ranks_as_its_page_says() {
    let Some(rig) = Rig::new() else { return };
    let builtin = Wanted { profile: "model = \"builtin\"", ..Wanted::default() };
    let builtin = engine(&rig, &rig.minilm(), builtin).unwrap();
    assert_eq!(builtin.dim(), 256);
    let correlation = sts_benchmark(&builtin);
    assert!((correlation - 0.7645).abs() <= 0.001, "{correlation}");
}
