//! What an IR file says of its weights, compared with the file that holds them.
//!
//! Format: <https://docs.openvino.ai/2026/documentation/openvino-ir-format.html>: a constant has a `data` element whose
//! `offset` and `size` are bytes of the `.bin` file beside the `.xml` file. The engine maps that file and reads where
//! the graph says; beyond the end that may take the process down.

use std::{fs::File, io::Read, path::Path};

use drivetrain_contract::{Error, Result};

use crate::{
    beside::Beside,
    xml::{Problem, Tag, Tags, attribute},
};

/// Several times the text of today's largest models.
const MOST_BYTES: u64 = 64 << 20;

/// Several times the depth of graphs inside graphs; the engine goes down into each.
const MOST_DEPTH: usize = 64;

/// Fails unless the `.bin` file beside the graph is as long as the graph says.
pub(crate) fn check(xml: &Path) -> Result<()> {
    let needed = needed_bytes(&read(xml)?).map_err(|problem| {
        Error::model(format!("`{}` is not a whole graph: {problem}", xml.display())).with_hint(HINT)
    })?;
    if needed == 0 {
        return Ok(());
    }
    let bin = xml.with_extension("bin");
    let name = bin.file_name().unwrap_or_default().to_string_lossy();
    let Beside { path, length } = Beside::find(xml, &name)?;
    if length < needed {
        let (bin, xml) = (path.display(), xml.display());
        let message = format!("the weights `{bin}` are {length} bytes long, `{xml}` needs {needed}");
        return Err(Error::model(message).with_hint(HINT));
    }
    Ok(())
}

const HINT: &str = "get both files again, or convert the model again";

fn read(xml: &Path) -> Result<Vec<u8>> {
    let unreadable = |err| Error::io(format!("`{}` cannot be read", xml.display())).with_source(err);
    let mut bytes = Vec::new();
    File::open(xml).map_err(unreadable)?.take(MOST_BYTES + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() as u64 > MOST_BYTES {
        return Err(Error::model(format!("`{}` is too long for a graph", xml.display())));
    }
    Ok(bytes)
}

/// The end of the last constant.
///
/// Every `data` element with `offset` and `size` counts: constants are layers of more than one name, and nothing else
/// has both. Whether the rest is well formed is for the engine to say.
fn needed_bytes(xml: &[u8]) -> Result<u64, Problem> {
    // In the other encodings that the engine knows, every tag has zeros in it.
    if xml.contains(&0) {
        return Err("it is not XML in UTF-8");
    }
    let (mut needed, mut depth) = (0, 0usize);
    let mut tags = Tags::of(xml);
    while let Some(tag) = tags.next()? {
        match tag {
            Tag::Close => depth = depth.saturating_sub(1),
            Tag::Open { name, attributes, is_empty } => {
                depth += usize::from(!is_empty);
                if depth > MOST_DEPTH {
                    return Err("its elements are nested too deeply");
                }
                if name == b"data" {
                    needed = needed.max(end_of(attributes)?);
                }
            }
        }
    }
    Ok(needed)
}

fn end_of(attributes: &[u8]) -> Result<u64, Problem> {
    let (Some(offset), Some(size)) = (attribute(attributes, "offset")?, attribute(attributes, "size")?) else {
        return Ok(0);
    };
    let number = |digits| std::str::from_utf8(digits).ok()?.trim().parse::<u64>().ok();
    let end = number(offset).zip(number(size)).and_then(|(offset, size)| offset.checked_add(size));
    end.ok_or("it names weights beyond any file")
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    const XML: &str = r#"<?xml version="1.0"?><net name="m" version="11"><layers>
        <layer id="0" name="x" type="Parameter" version="opset1"><data shape="?,?" element_type="i64" /></layer>
        <layer id="1" name="size=&quot;9999" type="Const" version="opset1">
            <data element_type="f32" shape="3, 2" offset="8" size="24" /></layer>
        <layer id="2" name="c" type="Const" version="opset1"><data element_type="i32" offset="32" size="4"/></layer>
        <layer id="3" type="LRN"><data size="1000"/></layer></layers></net>"#;

    #[test]
    fn the_last_constant_says_how_long_the_weights_are() {
        assert_eq!(needed_bytes(XML.as_bytes()), Ok(36));
        assert_eq!(needed_bytes(b""), Ok(0));
        for bad in ["-1", "18446744073709551616", "18446744073709551615", "x", "", "&#49;"] {
            let xml = XML.replace("offset=\"32\"", &format!("offset=\"{bad}\""));
            assert!(needed_bytes(xml.as_bytes()).is_err(), "{bad}");
        }
    }

    #[test]
    fn constants_cannot_hide() {
        for hidden in [
            "<layer\ttype='Constant'><data\nsize = '4' offset='996'/></layer>",
            "<layer name='>' type=\"C&#111;nst\"><data x='>' offset='996' size='4'></data></layer>",
            "<a b='<data '/><data offset='996' size='4'/>",
        ] {
            assert_eq!(needed_bytes(hidden.as_bytes()), Ok(1000), "{hidden}");
        }
        let wide: Vec<u8> = XML.bytes().flat_map(|byte| [byte, 0]).collect();
        assert!(needed_bytes(&wide).is_err());
    }

    #[test]
    fn entities_and_depth_are_refused() {
        let bomb = format!("<!DOCTYPE n [<!ENTITY a \"&b;&b;\"><!ENTITY b \"x\">]>{XML}");
        assert!(needed_bytes(bomb.as_bytes()).unwrap_err().contains("document type"));
        let deep = "<a>".repeat(1_000_000);
        assert!(needed_bytes(deep.as_bytes()).unwrap_err().contains("nested"));
        assert_eq!(needed_bytes("<a></a>".repeat(1000).as_bytes()), Ok(0));
    }

    #[test]
    fn weights_that_are_missing_or_short_are_named() {
        let folder = tempfile::tempdir().unwrap();
        let xml = folder.path().join("openvino_model.xml");
        let bin = folder.path().join("openvino_model.bin");
        fs::write(&xml, XML).unwrap();
        let said = || check(&xml).unwrap_err().to_text();
        assert!(said().contains("openvino_model.bin") && said().contains("missing"), "{}", said());
        fs::write(&bin, [0; 35]).unwrap();
        assert!(said().contains("35 bytes long") && said().contains("needs 36"), "{}", said());
        fs::write(&bin, [0; 36]).unwrap();
        assert!(check(&xml).is_ok());
        fs::remove_file(&bin).unwrap();
        fs::create_dir(&bin).unwrap();
        assert!(said().contains("not a regular file"), "{}", said());
    }

    #[test]
    fn sizes_are_checked_before_memory_is_taken() {
        let folder = tempfile::tempdir().unwrap();
        let xml = folder.path().join("m.xml");
        // Sparse: the file takes no room on the disk.
        File::create(&xml).unwrap().set_len(1 << 40).unwrap();
        assert!(check(&xml).unwrap_err().message().contains("too long for a graph"));
    }
}
