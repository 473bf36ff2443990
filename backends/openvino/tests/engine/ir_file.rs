//! A small IR: a row of a table for each id.

use std::path::{Path, PathBuf};

/// Bytes of the weights: a table of 3 × 2 floats and an axis.
pub(crate) const WEIGHTS: usize = 32;

/// Writes `openvino_model.xml` and its weights into a folder and gives the path of the graph.
pub(crate) fn write(folder: &Path) -> PathBuf {
    let path = folder.join("openvino_model.xml");
    std::fs::write(&path, XML).unwrap();
    let floats = [1.0f32, 2.0, 3.0, 4.0, 5.0, 6.0].map(f32::to_le_bytes).concat();
    std::fs::write(path.with_extension("bin"), [&floats[..], &0i64.to_le_bytes()].concat()).unwrap();
    path
}

const XML: &str = r#"<?xml version="1.0"?>
<net name="rows" version="11">
  <layers>
    <layer id="0" name="input_ids" type="Parameter" version="opset1">
      <data shape="?,?" element_type="i64"/>
      <output><port id="0" precision="I64" names="input_ids"><dim>-1</dim><dim>-1</dim></port></output>
    </layer>
    <layer id="1" name="table" type="Const" version="opset1">
      <data element_type="f32" shape="3, 2" offset="0" size="24"/>
      <output><port id="0" precision="FP32"><dim>3</dim><dim>2</dim></port></output>
    </layer>
    <layer id="2" name="axis" type="Const" version="opset1">
      <data element_type="i64" shape="" offset="24" size="8"/>
      <output><port id="0" precision="I64"/></output>
    </layer>
    <layer id="3" name="rows" type="Gather" version="opset8">
      <data batch_dims="0"/>
      <input>
        <port id="0" precision="FP32"><dim>3</dim><dim>2</dim></port>
        <port id="1" precision="I64"><dim>-1</dim><dim>-1</dim></port>
        <port id="2" precision="I64"/>
      </input>
      <output>
        <port id="3" precision="FP32" names="alias,last_hidden_state,zz"><dim>-1</dim><dim>-1</dim><dim>2</dim></port>
      </output>
    </layer>
    <layer id="4" name="out" type="Result" version="opset1">
      <input><port id="0" precision="FP32"><dim>-1</dim><dim>-1</dim><dim>2</dim></port></input>
    </layer>
  </layers>
  <edges>
    <edge from-layer="1" from-port="0" to-layer="3" to-port="0"/>
    <edge from-layer="0" from-port="0" to-layer="3" to-port="1"/>
    <edge from-layer="2" from-port="0" to-layer="3" to-port="2"/>
    <edge from-layer="3" from-port="3" to-layer="4" to-port="0"/>
  </edges>
</net>
"#;
