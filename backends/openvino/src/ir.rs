//! What an IR file says of its weights, compared with the file that holds them.
//!
//! Format: <https://docs.openvino.ai/2026/documentation/openvino-ir-format.html>: a layer of type `Const` has a `data`
//! element whose `offset` and `size` are bytes of the `.bin` file beside the `.xml` file.

use std::{
    fs::{self, File},
    io::Read,
    path::Path,
};

use drivetrain_contract::{Error, Result};

/// Graphs of today's largest models are some tens of megabytes of text.
const MOST_BYTES: u64 = 1 << 30;

/// Fails unless the `.bin` file beside the graph is as long as the graph says.
///
/// The engine maps the file and reads where the graph says; beyond the end that may take the process down.
pub(crate) fn check_weights(xml: &Path) -> Result<()> {
    let needed = needed_bytes(&read(xml)?)
        .ok_or_else(|| Error::model(format!("`{}` names weights beyond any file", xml.display())))?;
    if needed == 0 {
        return Ok(());
    }
    let bin = xml.with_extension("bin");
    let way_out = "get both files again, or convert the model again";
    let metadata = fs::metadata(&bin).map_err(|err| {
        Error::model(format!("the weights `{}` of `{}` are missing", bin.display(), xml.display()))
            .with_source(err)
            .with_hint(way_out)
    })?;
    if !metadata.is_file() || metadata.len() < needed {
        let message = format!(
            "the weights `{}` are {} bytes long, `{}` needs {needed}",
            bin.display(),
            metadata.len(),
            xml.display()
        );
        return Err(Error::model(message).with_hint(way_out));
    }
    Ok(())
}

fn read(xml: &Path) -> Result<Vec<u8>> {
    let unreadable = |err| Error::io(format!("`{}` cannot be read", xml.display())).with_source(err);
    let mut bytes = Vec::new();
    File::open(xml).map_err(unreadable)?.take(MOST_BYTES + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() as u64 > MOST_BYTES {
        return Err(Error::model(format!("`{}` is too long for a graph", xml.display())));
    }
    Ok(bytes)
}

/// The end of the last constant; `None` where that is beyond 64 bits.
///
/// A scan for two kinds of tags suffices: whether the rest is well formed is for the engine to say.
fn needed_bytes(xml: &[u8]) -> Option<u64> {
    let mut needed = 0;
    let mut in_constant = false;
    for tag in xml.split(|&byte| byte == b'<').skip(1) {
        let tag = tag.split(|&byte| byte == b'>').next().unwrap_or_default();
        if tag.starts_with(b"layer ") {
            in_constant = attribute(tag, b" type=\"") == Some(b"Const");
        } else if in_constant && tag.starts_with(b"data ") {
            let number = |name| match attribute(tag, name) {
                None => Some(0),
                Some(digits) => std::str::from_utf8(digits).ok()?.trim().parse::<u64>().ok(),
            };
            needed = needed.max(number(b" offset=\"")?.checked_add(number(b" size=\"")?)?);
        }
    }
    Some(needed)
}

/// The value after `key`, which is a name with what stands around it.
fn attribute<'a>(tag: &'a [u8], key: &[u8]) -> Option<&'a [u8]> {
    let start = tag.windows(key.len()).position(|window| window == key)? + key.len();
    tag[start..].split(|&byte| byte == b'"').next()
}

#[cfg(test)]
mod tests {
    use super::*;

    const XML: &str = r#"<?xml version="1.0"?><net name="m" version="11"><layers>
        <layer id="0" name="x" type="Parameter" version="opset1"><data shape="?,?" element_type="i64" /></layer>
        <layer id="1" name="size=&quot;9999" type="Const" version="opset1">
            <data element_type="f32" shape="3, 2" offset="8" size="24" /></layer>
        <layer id="2" name="c" type="Const" version="opset1"><data element_type="i32" offset="32" size="4"/></layer>
        <layer id="3" type="Crop"><data offset="1000" size="1000"/></layer></layers></net>"#;

    #[test]
    fn the_last_constant_says_how_long_the_weights_are() {
        assert_eq!(needed_bytes(XML.as_bytes()), Some(36));
        assert_eq!(needed_bytes(b""), Some(0));
        assert_eq!(needed_bytes(b"<<<>\xff<layer type=\"Const\"<data "), Some(0));
        for bad in ["-1", "18446744073709551616", "18446744073709551615", "x", ""] {
            let xml = XML.replace("offset=\"32\"", &format!("offset=\"{bad}\""));
            assert_eq!(needed_bytes(xml.as_bytes()), None, "{bad}");
        }
    }

    #[test]
    fn weights_that_are_missing_or_short_are_named() {
        let folder = tempfile::tempdir().unwrap();
        let xml = folder.path().join("openvino_model.xml");
        let bin = folder.path().join("openvino_model.bin");
        fs::write(&xml, XML).unwrap();
        let said = || check_weights(&xml).unwrap_err().to_text();
        assert!(said().contains("openvino_model.bin") && said().contains("missing"), "{}", said());
        fs::write(&bin, [0; 35]).unwrap();
        assert!(said().contains("35 bytes long") && said().contains("needs 36"), "{}", said());
        fs::write(&bin, [0; 36]).unwrap();
        assert!(check_weights(&xml).is_ok());
        fs::remove_file(&bin).unwrap();
        fs::create_dir(&bin).unwrap();
        assert!(check_weights(&xml).is_err());
    }
}
