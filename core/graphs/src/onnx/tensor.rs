//! A tensor of a graph: its shape against its bytes, and where those are.

use std::{
    collections::HashMap,
    io::{Read, Seek},
    path::Path,
};

use super::{
    names,
    wire::{Problem, Span, Value, Wire},
};
use crate::beside::Beside;

/// Many times what any tensor has.
const MOST_AXES: usize = 64;

/// Most files that hold weights: exporters once wrote one for each tensor.
const MOST_FILES: usize = 1 << 14;

/// Most numbers of a tensor that is stored without its zeros: engines write them all out.
const MOST_SPARSE_ELEMENTS: u64 = 1 << 28;

/// The files beside a graph that hold its weights.
#[derive(Debug)]
pub(crate) struct Weights<'g> {
    /// `None` for a graph in memory, which has no files beside it.
    graph: Option<&'g Path>,
    /// Bytes of each file by the name the graph gives it.
    lengths: HashMap<String, u64>,
}

impl<'g> Weights<'g> {
    pub(crate) fn of(graph: Option<&'g Path>) -> Self {
        Self { graph, lengths: HashMap::new() }
    }

    fn length(&mut self, name: &str) -> Result<u64, Problem> {
        if let Some(&length) = self.lengths.get(name) {
            return Ok(length);
        }
        let graph = self.graph.ok_or_else(|| Problem::broken(format!("it takes weights from the file `{name}`")))?;
        if self.lengths.len() == MOST_FILES {
            return Err(Problem::broken(format!("its weights are in more than {MOST_FILES} files")));
        }
        let Beside { length, .. } = Beside::find(graph, name).map_err(Problem::Weights)?;
        self.lengths.insert(name.to_owned(), length);
        Ok(length)
    }
}

/// Reads a tensor and checks it; gives its name.
pub(crate) fn read<R: Read + Seek>(
    wire: &mut Wire<R>,
    message: Span,
    weights: &mut Weights<'_>,
) -> Result<Vec<u8>, Problem> {
    let mut tensor = Tensor::default();
    while let Some(field) = wire.field(message)? {
        match (field.number, field.value) {
            (1, Value::Int(extent)) => tensor.shape.add(extent)?,
            (1, Value::Bytes(packed)) => {
                while let Some(extent) = wire.packed(packed)? {
                    tensor.shape.add(extent)?;
                }
            }
            (2, Value::Int(element_type)) => tensor.element_type = element_type,
            // Numbers in fields of their own types, packed or one by one, and texts.
            (4 | 5 | 7 | 10 | 11, Value::Int(_)) => tensor.n_typed += 1,
            (4 | 5 | 7 | 10 | 11, Value::Fixed(n_bytes)) => tensor.n_typed += n_bytes,
            (4..=7 | 10 | 11, Value::Bytes(numbers)) => {
                tensor.n_typed += if field.number == 6 { 1 } else { numbers.n_bytes };
                wire.skip(numbers)?;
            }
            (8, Value::Bytes(name)) => tensor.name = wire.take(name, names::MOST_BYTES)?,
            (9, Value::Bytes(raw)) => {
                if tensor.raw_bytes.replace(raw.n_bytes).is_some() {
                    return Err(tensor.problem("has its bytes twice"));
                }
                wire.skip(raw)?;
            }
            (13, Value::Bytes(entry)) => tensor.add_entry(read_entry(wire, entry)?)?,
            (14, Value::Int(location)) => tensor.is_external |= location == 1,
            (_, Value::Bytes(other)) => wire.skip(other)?,
            _ => {}
        }
    }
    tensor.check(weights)?;
    Ok(tensor.name)
}

/// Reads a tensor that is stored without its zeros; gives its name, which is that of its values.
pub(crate) fn read_sparse<R: Read + Seek>(
    wire: &mut Wire<R>,
    message: Span,
    weights: &mut Weights<'_>,
) -> Result<Vec<u8>, Problem> {
    let (mut name, mut shape) = (Vec::new(), Shape::default());
    while let Some(field) = wire.field(message)? {
        match (field.number, field.value) {
            (1, Value::Bytes(values)) => name = read(wire, values, weights)?,
            (2, Value::Bytes(indices)) => drop(read(wire, indices, weights)?),
            (3, Value::Int(extent)) => shape.add(extent)?,
            (3, Value::Bytes(packed)) => {
                while let Some(extent) = wire.packed(packed)? {
                    shape.add(extent)?;
                }
            }
            (_, Value::Bytes(other)) => wire.skip(other)?,
            _ => {}
        }
    }
    match shape.elements() {
        Some(elements) if elements <= MOST_SPARSE_ELEMENTS => Ok(name),
        _ => Err(Problem::broken(format!("tensor `{}` has more zeros than memory has room for", shown(&name)))),
    }
}

/// Key and value of a `StringStringEntryProto`.
fn read_entry<R: Read + Seek>(wire: &mut Wire<R>, message: Span) -> Result<[Vec<u8>; 2], Problem> {
    let mut entry = [Vec::new(), Vec::new()];
    while let Some(field) = wire.field(message)? {
        match (field.number, field.value) {
            (1, Value::Bytes(key)) => entry[0] = wire.take(key, names::MOST_BYTES)?,
            (2, Value::Bytes(value)) => entry[1] = wire.take(value, names::MOST_BYTES)?,
            (_, Value::Bytes(other)) => wire.skip(other)?,
            _ => {}
        }
    }
    Ok(entry)
}

/// The extents of a tensor, multiplied.
#[derive(Clone, Copy, Debug, Default)]
struct Shape {
    n_axes: usize,
    /// Product of the extents that are not 0.
    product: u64,
    has_zero: bool,
}

impl Shape {
    fn add(&mut self, extent: u64) -> Result<(), Problem> {
        let extent = u64::try_from(extent.cast_signed())
            .map_err(|_| Problem::broken(format!("a tensor has an extent of {}", extent.cast_signed())))?;
        self.n_axes += 1;
        if self.n_axes > MOST_AXES {
            return Err(Problem::broken(format!("a tensor has more than {MOST_AXES} axes")));
        }
        self.has_zero |= extent == 0;
        // What is too large stays so, also where another extent is 0: an engine may multiply in another order.
        self.product = self.product.max(1).saturating_mul(extent.max(1));
        Ok(())
    }

    /// Number of elements; `None` where there cannot be so many.
    fn elements(self) -> Option<u64> {
        let product = Some(self.product.max(1)).filter(|&product| product < 1 << 62);
        product.map(|product| if self.has_zero { 0 } else { product })
    }
}

/// What a tensor says of itself.
#[derive(Debug, Default)]
struct Tensor {
    name: Vec<u8>,
    shape: Shape,
    element_type: u64,
    /// Bytes as they are in memory, where they are given so.
    raw_bytes: Option<u64>,
    /// No fewer than the numbers in fields of their own types, but for those of which several share one.
    n_typed: u64,
    is_external: bool,
    file: Option<String>,
    offset: Option<u64>,
    n_bytes: Option<u64>,
}

impl Tensor {
    fn add_entry(&mut self, [key, value]: [Vec<u8>; 2]) -> Result<(), Problem> {
        let text = String::from_utf8(value).map_err(|_| self.problem("is in a file whose name is not UTF-8"))?;
        let number = || text.parse::<u64>().map_err(|_| self.problem(&format!("is at `{text}` of a file")));
        let is_new = match &*key {
            b"location" => self.file.replace(text).is_none(),
            b"offset" => {
                let number = number()?;
                self.offset.replace(number).is_none()
            }
            b"length" => {
                let number = number()?;
                self.n_bytes.replace(number).is_none()
            }
            _ => true,
        };
        if is_new { Ok(()) } else { Err(self.problem("says twice where it is")) }
    }

    fn check(&self, weights: &mut Weights<'_>) -> Result<(), Problem> {
        let elements = self.shape.elements().ok_or_else(|| self.problem("has more elements than can be counted"))?;
        let needed = bits(self.element_type).map(|bits| (u128::from(elements) * u128::from(bits)).div_ceil(8) as u64);
        if self.is_external {
            return self.check_file(needed, weights);
        }
        match self.raw_bytes {
            Some(found) if needed.is_some_and(|needed| needed != found) => {
                Err(self.problem(&format!("has {found} bytes, {elements} elements need others")))
            }
            // Four numbers of two bits share one.
            None if elements.div_ceil(4) > self.n_typed => {
                Err(self.problem(&format!("has {elements} elements, but no bytes for them")))
            }
            _ => Ok(()),
        }
    }

    fn check_file(&self, needed: Option<u64>, weights: &mut Weights<'_>) -> Result<(), Problem> {
        let file = self.file.as_deref().ok_or_else(|| self.problem("is in a file without a name"))?;
        let length = weights.length(file)?;
        let n_bytes = self.n_bytes.or(needed).unwrap_or_default();
        if needed.is_some_and(|needed| needed != n_bytes) {
            return Err(self.problem(&format!("takes {n_bytes} bytes of `{file}`, its shape needs others")));
        }
        let end = self.offset.unwrap_or_default().checked_add(n_bytes);
        if end.is_none_or(|end| end > length) {
            return Err(self.problem(&format!("lies outside `{file}`, which has {length} bytes")));
        }
        Ok(())
    }

    fn problem(&self, what: &str) -> Problem {
        Problem::broken(format!("tensor `{}` {what}", shown(&self.name)))
    }
}

fn shown(name: &[u8]) -> String {
    String::from_utf8_lossy(name).into_owned()
}

/// Bits of an element by its `TensorProto.DataType`; texts and types that are newer than this have no fixed number.
fn bits(element_type: u64) -> Option<u64> {
    Some(match element_type {
        // Integers of 2 bits; integers and floats of 4 bits.
        25 | 26 => 2,
        21..=23 => 4,
        // uint8, int8, bool and floats of 8 bits.
        2 | 3 | 9 | 17..=20 | 24 => 8,
        // uint16, int16, float16, bfloat16.
        4 | 5 | 10 | 16 => 16,
        // float, int32, uint32.
        1 | 6 | 12 => 32,
        // int64, double, uint64, complex64.
        7 | 11 | 13 | 14 => 64,
        // complex128.
        15 => 128,
        _ => return None,
    })
}
