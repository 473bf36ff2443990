//! The graph as text: the XML file of the pair.
//!
//! The shapes of values between inputs and outputs are left out: readers infer them, whatever the file says.

use std::fmt::Write;

use super::graph::{Layer, Value};
use crate::onnx::{ElementType, Tensor};

/// Version of the format.
const VERSION: u32 = 11;

/// Constants begin at multiples of this, a line of a processor's cache, so that an engine can compute with a mapped
/// file.
const ALIGNMENT: u64 = 64;

/// Where each constant lies in the file of weights.
#[derive(Debug)]
pub(super) struct Places {
    offsets: Vec<u64>,
    /// Length of the file.
    pub(super) total: u64,
}

impl Places {
    /// One constant after the other, in the order of the layers.
    pub(super) fn of(layers: &[Layer<'_>]) -> Self {
        let mut places = Self { offsets: Vec::with_capacity(layers.len()), total: 0 };
        for layer in layers {
            let offset = places.total.next_multiple_of(ALIGNMENT);
            places.offsets.push(offset);
            if let Some(tensor) = &layer.tensor {
                places.total = offset + tensor.n_bytes();
            }
        }
        places
    }

    /// Each constant with its place.
    pub(super) fn tensors<'l, 'a>(
        &'l self,
        layers: &'l [Layer<'a>],
    ) -> impl Iterator<Item = (u64, &'l Tensor<'a>)> + use<'l, 'a> {
        let places = self.offsets.iter().zip(layers);
        places.filter_map(|(&offset, layer)| Some((offset, layer.tensor.as_ref()?)))
    }
}

/// The XML file: layers, the edges between them, and what a reader should know of where they come from.
pub(super) fn document(name: &str, layers: &[Layer<'_>], places: &Places, facts: &[(&str, String)]) -> String {
    let mut xml =
        format!("<?xml version=\"1.0\"?>\n<net name=\"{}\" version=\"{VERSION}\">\n<layers>\n", Escaped(name));
    for (id, (layer, &offset)) in layers.iter().zip(&places.offsets).enumerate() {
        put(&mut xml, format_args!("{}", Element { id, layer, offset }));
    }
    xml.push_str("</layers>\n<edges>\n");
    for (id, layer) in layers.iter().enumerate() {
        for (port, input) in layer.inputs.iter().enumerate() {
            let Value { layer: from, port: from_port } = *input;
            // The ports of a layer's outputs are counted on from those of its inputs.
            let from_port = from_port + layers[from].inputs.len();
            let edge =
                format_args!("from-layer=\"{from}\" from-port=\"{from_port}\" to-layer=\"{id}\" to-port=\"{port}\"");
            put(&mut xml, format_args!("<edge {edge}/>\n"));
        }
    }
    xml.push_str("</edges>\n<rt_info>\n<drivetrain>\n");
    for (key, value) in facts {
        put(&mut xml, format_args!("<{key} value=\"{}\"/>\n", Escaped(value)));
    }
    xml.push_str("</drivetrain>\n</rt_info>\n</net>\n");
    xml
}

/// What the format calls a type: in attributes, and at ports.
pub(super) fn type_names(element_type: ElementType) -> (&'static str, &'static str) {
    match element_type {
        ElementType::F32 => ("f32", "FP32"),
        ElementType::F16 => ("f16", "FP16"),
        ElementType::Bf16 => ("bf16", "BF16"),
        ElementType::I64 => ("i64", "I64"),
        ElementType::I32 => ("i32", "I32"),
        ElementType::I8 => ("i8", "I8"),
        ElementType::U8 => ("u8", "U8"),
        ElementType::Bool => ("boolean", "BOOL"),
    }
}

fn put(xml: &mut String, text: std::fmt::Arguments<'_>) {
    // Writing to a string fails for no text.
    let _ = xml.write_fmt(text);
}

/// A layer as an element of the document.
struct Element<'l, 'a> {
    id: usize,
    layer: &'l Layer<'a>,
    /// Where its constant lies.
    offset: u64,
}

impl std::fmt::Display for Element<'_, '_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { id, layer, offset } = self;
        let operation = layer.operation;
        let (name, opset) = (Escaped(&layer.name), operation.opset);
        writeln!(f, "<layer id=\"{id}\" name=\"{name}\" type=\"{}\" version=\"opset{opset}\">", operation.name)?;
        if let Some(tensor) = &layer.tensor {
            let extents: Vec<String> = tensor.dims.iter().map(usize::to_string).collect();
            let (element_type, _) = type_names(tensor.element_type());
            let (shape, size) = (extents.join(", "), tensor.n_bytes());
            writeln!(
                f,
                "<data element_type=\"{element_type}\" shape=\"{shape}\" offset=\"{offset}\" size=\"{size}\"/>"
            )?;
        } else if !layer.attributes.is_empty() {
            write!(f, "<data")?;
            layer.attributes.iter().try_for_each(|(key, value)| write!(f, " {key}=\"{value}\""))?;
            writeln!(f, "/>")?;
        }
        if layer.decompresses {
            writeln!(f, "<rt_info><attribute name=\"decompression\" version=\"0\"/></rt_info>")?;
        }
        if !layer.inputs.is_empty() {
            write!(f, "<input>")?;
            (0..layer.inputs.len()).try_for_each(|port| write!(f, "<port id=\"{port}\"/>"))?;
            writeln!(f, "</input>")?;
        }
        if !layer.outputs.is_empty() {
            write!(f, "<output>")?;
            for (idx, output) in layer.outputs.iter().enumerate() {
                let (port, (_, precision)) = (layer.inputs.len() + idx, type_names(output.element_type));
                write!(f, "<port id=\"{port}\" precision=\"{precision}\"")?;
                match output.names.is_empty() {
                    true => write!(f, "/>")?,
                    false => write!(f, " names=\"{}\"/>", output.names.join(","))?,
                }
            }
            writeln!(f, "</output>")?;
        }
        writeln!(f, "</layer>")
    }
}

/// Text as the value of an attribute.
struct Escaped<'t>(&'t str);

impl std::fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for c in self.0.chars() {
            match c {
                '&' => f.write_str("&amp;")?,
                '<' => f.write_str("&lt;")?,
                '>' => f.write_str("&gt;")?,
                '"' => f.write_str("&quot;")?,
                // XML 1.0 has no way to say these.
                c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => f.write_char('\u{fffd}')?,
                c => f.write_char(c)?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_text_can_be_an_attribute() {
        assert_eq!(Escaped("a<b> & \"c\"\0\n'é'").to_string(), "a&lt;b&gt; &amp; &quot;c&quot;\u{fffd}\u{fffd}'é'");
    }
}
