//! Graphs: ONNX with everything that refers to something else, and OpenVINO IR.

use std::path::Path;

use drivetrain::{
    Error,
    contract::{Artifact, ArtifactData, Precision, format},
};
use drivetrain_tests::wire::{int, part};

use crate::{
    case::{Target, put},
    run,
};

const ONNX: &str = "model.onnx";
const IR: &str = "openvino_model.xml";

#[test]
fn onnx() {
    run::run(&Target {
        name: "onnx",
        seeds: vec![(ONNX, graph())],
        mend: |bytes| bytes,
        prepare: |folder| put(&folder.join("model.onnx_data"), &[0; 64]),
        read: read_onnx,
    });
}

#[test]
fn openvino_ir() {
    run::run(&Target {
        name: "openvino-ir",
        seeds: vec![(IR, XML.into())],
        mend: |bytes| bytes,
        prepare: |folder| put(&folder.join("openvino_model.bin"), &[0; 32]),
        read: |folder| checked(format::OPENVINO_IR, &folder.join(IR)),
    });
}

pub(crate) fn read_onnx(folder: &Path) -> Result<String, Error> {
    checked(format::ONNX, &folder.join(ONNX))
}

fn checked(format: &str, path: &Path) -> Result<String, Error> {
    let data = ArtifactData::Path(path.to_owned());
    drivetrain_graphs::check(&Artifact { format: format.to_owned(), precision: Precision::F32, data })?;
    Ok(String::new())
}

/// Field numbers are those of `onnx.proto`.
fn graph() -> Vec<u8> {
    let node = |inputs: &[&str], output: &str, op: &str, more: &[u8]| {
        let inputs: Vec<u8> = inputs.iter().flat_map(|name| part(1, name)).collect();
        part(1, [inputs, part(2, output), part(4, op), more.to_vec()].concat())
    };
    let entry = |key: &str, value: &str| part(13, [part(1, key), part(2, value)].concat());
    let inner = [node(&["x", "w"], "inside", "Add", b""), part(12, part(1, "inside"))].concat();
    let branch = part(5, [part(1, "then_branch"), part(6, &inner)].concat());
    let constant = [int(1, 2), int(2, 7), part(7, [1, 2])].concat();
    let placed =
        [entry("location", "model.onnx_data"), entry("offset", "32"), entry("length", "24"), int(14, 1)].concat();
    let graph = [
        node(&["x", "w"], "b", "MatMul", b""),
        node(&["b", "", "c"], "y", "Clip", &part(7, "ai.onnx")),
        node(&["y"], "z", "f", &part(7, "local")),
        node(&["z"], "e", "If", &branch),
        node(&[], "c", "Constant", &part(5, [part(1, "value"), part(5, constant)].concat())),
        part(5, [int(1, 2), int(1, 3), int(2, 1), part(8, "w"), placed].concat()),
        part(5, [int(1, 3), int(2, 1), part(8, "v"), part(9, [0; 12])].concat()),
        part(15, [part(1, [int(1, 1), int(2, 1), part(4, [0; 4])].concat()), int(3, 9)].concat()),
        part(11, [part(1, "x"), part(2, part(1, int(1, 1)))].concat()),
        part(12, part(1, "y")),
    ];
    let body = part(7, [part(1, "i"), part(2, "o"), part(4, "Relu")].concat());
    let function = [part(1, "f"), part(4, "i"), part(5, "o"), body, part(10, "local")].concat();
    [int(1, 8), part(8, int(2, 17)), part(7, graph.concat()), part(25, function)].concat()
}

const XML: &str = r#"<?xml version="1.0"?>
<net name="rows" version="11">
  <layers>
    <layer id="0" name="input_ids" type="Parameter" version="opset1"><data shape="?,?" element_type="i64"/></layer>
    <layer id="1" name="table" type="Const" version="opset1">
      <data element_type="f32" shape="3, 2" offset="0" size="24"/>
      <output><port id="0" precision="FP32"><dim>3</dim><dim>2</dim></port></output>
    </layer>
    <!-- <layer> --><layer id="2" name="axis" type="Const"><data element_type='i64' offset='24' size='8'/></layer>
  </layers>
  <edges><edge from-layer="1" from-port="0" to-layer="3" to-port="0"/></edges>
</net>
"#;
