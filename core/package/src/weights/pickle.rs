//! The part of Python's pickle that a file of weights consists of. Nothing is executed: what builds a tensor is told
//! apart by its name and noted down, any other name is an error.
//!
//! Format: CPython's `Lib/pickletools.py`; what torch writes: `torch/serialization.py` and `torch/_utils.py`.
//!
//! All objects lie in tables and refer to each other by index, so that no nesting, however deep or circular, can
//! exhaust the stack or memory.

use std::collections::BTreeMap;

use safetensors::Dtype;

use super::{MOST_AXES, MOST_NAME_BYTES, MOST_TENSORS};

/// Most operations: some 35,000 tensors.
const MOST_STEPS: usize = 1 << 20;

/// Most values on the stack: Python puts a thousand items of a dictionary there at a time.
const MOST_VALUES: usize = 1 << 16;

/// Most tuples and dictionaries, of which a tensor takes five.
const MOST_OBJECTS: usize = 1 << 18;

/// Why a pickle is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// It is not what torch writes.
    Broken(String),
    /// It refers to something that is not part of weights.
    Foreign(String),
}

/// A tensor as the pickle describes it; nothing is checked against the file yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct TensorView {
    pub(super) dtype: Dtype,
    /// Name of the storage's member in the archive.
    pub(super) key: String,
    /// Elements of the storage.
    pub(super) storage_elements: u64,
    /// Elements before the first.
    pub(super) offset: u64,
    pub(super) shape: Vec<u64>,
    /// Elements between neighbours along each axis.
    pub(super) strides: Vec<u64>,
}

/// The tensors of a dictionary by their names.
pub(super) fn read(bytes: &[u8]) -> Result<BTreeMap<String, TensorView>, Refusal> {
    let mut machine = Machine { bytes, ..Machine::default() };
    for _ in 0..MOST_STEPS {
        let code = machine.take(1)?[0];
        if code == b'.' {
            return machine.finish();
        }
        machine.step(code)?;
    }
    Err(broken("it takes too many steps"))
}

#[derive(Clone, Copy, Debug)]
enum Value<'a> {
    /// Anything that no tensor is made of.
    Other,
    Int(i64),
    Text(&'a str),
    Global(Global),
    Tuple(usize),
    Dict(usize),
    Storage(usize),
    Tensor(usize),
}

/// The names that weights are made of.
#[derive(Clone, Copy, Debug)]
enum Global {
    OrderedDict,
    RebuildTensor,
    RebuildParameter,
    Storage(Dtype),
}

impl Global {
    fn named(module: &str, name: &str) -> Option<Self> {
        Some(match (module, name) {
            ("collections", "OrderedDict") => Self::OrderedDict,
            ("torch._utils", "_rebuild_tensor_v2") => Self::RebuildTensor,
            ("torch._utils", "_rebuild_parameter") => Self::RebuildParameter,
            ("torch", "DoubleStorage") => Self::Storage(Dtype::F64),
            ("torch", "FloatStorage") => Self::Storage(Dtype::F32),
            ("torch", "HalfStorage") => Self::Storage(Dtype::F16),
            ("torch", "BFloat16Storage") => Self::Storage(Dtype::BF16),
            ("torch", "LongStorage") => Self::Storage(Dtype::I64),
            ("torch", "IntStorage") => Self::Storage(Dtype::I32),
            ("torch", "ShortStorage") => Self::Storage(Dtype::I16),
            ("torch", "CharStorage") => Self::Storage(Dtype::I8),
            ("torch", "ByteStorage") => Self::Storage(Dtype::U8),
            ("torch", "BoolStorage") => Self::Storage(Dtype::BOOL),
            _ => return None,
        })
    }
}

#[derive(Clone, Copy, Debug)]
struct Storage<'a> {
    dtype: Dtype,
    key: &'a str,
    elements: u64,
}

#[derive(Debug, Default)]
struct Machine<'a> {
    bytes: &'a [u8],
    at: usize,
    stack: Vec<Value<'a>>,
    /// Heights of the stack at each mark.
    marks: Vec<usize>,
    memo: BTreeMap<u32, Value<'a>>,
    tuples: Vec<Vec<Value<'a>>>,
    /// The tensors in each, by name; nothing else that a dictionary may hold is needed.
    dicts: Vec<Vec<(&'a str, usize)>>,
    storages: Vec<Storage<'a>>,
    tensors: Vec<TensorView>,
}

type Step<T> = Result<T, Refusal>;

impl<'a> Machine<'a> {
    /// One operation, by its code in `pickletools`.
    fn step(&mut self, code: u8) -> Step<()> {
        match code {
            // PROTO, FRAME: what follows is the same either way.
            0x80 => self.take(1).map(drop),
            0x95 => self.take(8).map(drop),
            b'(' => self.mark(),
            b'0' => self.pop().map(drop),
            b'1' => self.pop_to_mark().map(drop),
            b'2' => {
                let top = self.top()?;
                self.push(top)
            }
            // None, true, false; the empty list and set.
            b'N' | 0x88 | 0x89 | b']' | 0x8f => self.push(Value::Other),
            b'K' | b'M' | b'J' | 0x8a | b'G' => self.number(code),
            b'X' | 0x8c | 0x8d | b'U' | b'T' | b'C' | b'B' => self.text(code),
            b'c' | 0x93 => self.global(code),
            b')' | 0x85 | 0x86 | 0x87 | b't' => self.tuple(code),
            b'}' => self.dict(),
            b's' | b'u' => self.set_items(code),
            // APPEND, APPENDS, ADDITEMS: of lists and sets, which no tensor is made of.
            b'a' => self.pop().map(drop),
            b'e' | 0x90 => self.pop_to_mark().map(drop),
            b'q' | b'r' | 0x94 | b'h' | b'j' => self.memo(code),
            b'Q' => self.storage(),
            b'R' => self.reduce(),
            // BUILD: attributes of the dictionary itself.
            b'b' => self.pop().map(drop),
            other => Err(broken(&format!("operation {other:#04x} at byte {} is none that weights need", self.at - 1))),
        }
    }

    fn finish(&mut self) -> Step<BTreeMap<String, TensorView>> {
        let Value::Dict(dict) = self.pop()? else { return Err(broken("it holds no dictionary of tensors")) };
        let mut named = BTreeMap::new();
        // One by one: collecting would hold a copy for each time that a name is set.
        for &(name, tensor) in &self.dicts[dict] {
            named.insert(name.to_owned(), self.tensors[tensor].clone());
        }
        Ok(named)
    }

    fn number(&mut self, code: u8) -> Step<()> {
        let value = match code {
            b'K' => Value::Int(self.take(1)?[0].into()),
            b'M' => Value::Int(self.take_array::<2>().map(u16::from_le_bytes)?.into()),
            b'J' => Value::Int(self.take_array::<4>().map(i32::from_le_bytes)?.into()),
            b'G' => {
                self.take(8)?;
                Value::Other
            }
            // LONG1: little-endian two's complement of any length; no extent needs more than 8 bytes.
            _ => {
                let len = usize::from(self.take(1)?[0]);
                let bytes = self.take(len)?;
                if len > 8 {
                    return Err(broken(&format!("an integer of {len} bytes")));
                }
                let is_negative = bytes.last().is_some_and(|byte| byte & 0x80 != 0);
                let mut number = [if is_negative { 0xff } else { 0 }; 8];
                number[..len].copy_from_slice(bytes);
                Value::Int(i64::from_le_bytes(number))
            }
        };
        self.push(value)
    }

    fn text(&mut self, code: u8) -> Step<()> {
        let len = match code {
            0x8c | b'U' | b'C' => usize::from(self.take(1)?[0]),
            0x8d => {
                let len = self.take_array::<8>().map(u64::from_le_bytes)?;
                usize::try_from(len).map_err(|_| broken("a text longer than the file"))?
            }
            _ => self.take_array::<4>().map(u32::from_le_bytes)? as usize,
        };
        let bytes = self.take(len)?;
        // Bytes stand for texts in no part of a tensor, and long texts for no name.
        let is_text = !matches!(code, b'C' | b'B') && len <= MOST_NAME_BYTES;
        let text = std::str::from_utf8(bytes).ok().filter(|_| is_text);
        self.push(text.map_or(Value::Other, Value::Text))
    }

    fn global(&mut self, code: u8) -> Step<()> {
        let (module, name) = if code == b'c' {
            (self.line()?, self.line()?)
        } else {
            match (self.pop()?, self.pop()?) {
                (Value::Text(name), Value::Text(module)) => (module, name),
                _ => return Err(broken("a name that is no text")),
            }
        };
        let short = |text: &str| text.chars().take(60).collect::<String>();
        let global = Global::named(module, name)
            .ok_or_else(|| Refusal::Foreign(format!("{}.{}", short(module), short(name))))?;
        self.push(Value::Global(global))
    }

    fn tuple(&mut self, code: u8) -> Step<()> {
        let items = match code {
            b't' => self.pop_to_mark()?,
            b')' => Vec::new(),
            _ => {
                let start = self.stack.len().checked_sub(usize::from(code - 0x84)).ok_or_else(underflow)?;
                self.split_off(start)?
            }
        };
        self.tuples.push(items);
        self.push(Value::Tuple(self.tuples.len() - 1))
    }

    fn dict(&mut self) -> Step<()> {
        self.dicts.push(Vec::new());
        self.push(Value::Dict(self.dicts.len() - 1))
    }

    fn set_items(&mut self, code: u8) -> Step<()> {
        let items = if code == b's' {
            let start = self.stack.len().checked_sub(2).ok_or_else(underflow)?;
            self.split_off(start)?
        } else {
            self.pop_to_mark()?
        };
        if items.len() % 2 == 1 {
            return Err(broken("a key without a value"));
        }
        let Value::Dict(dict) = self.top()? else { return Err(broken("items of what is no dictionary")) };
        self.dicts[dict].extend(items.chunks_exact(2).filter_map(|pair| match *pair {
            [Value::Text(name), Value::Tensor(tensor)] => Some((name, tensor)),
            _ => None,
        }));
        Ok(())
    }

    fn memo(&mut self, code: u8) -> Step<()> {
        let place = match code {
            b'q' | b'h' => u32::from(self.take(1)?[0]),
            b'r' | b'j' => self.take_array::<4>().map(u32::from_le_bytes)?,
            _ => self.memo.len() as u32,
        };
        if matches!(code, b'h' | b'j') {
            let known = self.memo.get(&place).copied();
            return self.push(known.ok_or_else(|| broken(&format!("memo {place} is used before it is set")))?);
        }
        let top = self.top()?;
        self.memo.insert(place, top);
        Ok(())
    }

    /// BINPERSID: `("storage", type, key, location, number of elements)`.
    fn storage(&mut self) -> Step<()> {
        let tuple = self.popped_tuple()?;
        let (dtype, key, elements) = match self.tuples[tuple][..] {
            [
                Value::Text("storage"),
                Value::Global(Global::Storage(dtype)),
                Value::Text(key),
                _,
                Value::Int(elements),
            ] => (dtype, key, elements),
            _ => return Err(broken("a reference that is no storage")),
        };
        if self.storages.len() == MOST_TENSORS {
            return Err(broken("it has more storages than any model has tensors"));
        }
        self.storages.push(Storage { dtype, key, elements: natural(elements)? });
        self.push(Value::Storage(self.storages.len() - 1))
    }

    fn reduce(&mut self) -> Step<()> {
        let tuple = self.popped_tuple()?;
        let Value::Global(global) = self.pop()? else { return Err(broken("a call of what is no name")) };
        match (global, &self.tuples[tuple][..]) {
            (Global::OrderedDict, []) => self.dict(),
            (Global::RebuildParameter, &[tensor @ Value::Tensor(_), ..]) => self.push(tensor),
            (
                Global::RebuildTensor,
                &[Value::Storage(storage), Value::Int(offset), Value::Tuple(shape), Value::Tuple(strides), ..],
            ) => {
                if self.tensors.len() == MOST_TENSORS {
                    return Err(broken("it has more tensors than any model"));
                }
                let Storage { dtype, key, elements } = self.storages[storage];
                let tensor = TensorView {
                    dtype,
                    key: key.to_owned(),
                    storage_elements: elements,
                    offset: natural(offset)?,
                    shape: self.extents(shape)?,
                    strides: self.extents(strides)?,
                };
                self.tensors.push(tensor);
                self.push(Value::Tensor(self.tensors.len() - 1))
            }
            _ => Err(broken(&format!("a call of {global:?} with other arguments than torch writes"))),
        }
    }

    fn extents(&self, tuple: usize) -> Step<Vec<u64>> {
        let items = &self.tuples[tuple];
        if items.len() > MOST_AXES {
            return Err(broken(&format!("a tensor of {} axes", items.len())));
        }
        let extent = |item: &Value<'_>| match *item {
            Value::Int(number) => natural(number),
            _ => Err(broken("an extent that is no number")),
        };
        items.iter().map(extent).collect()
    }

    /// The tuple on top. It is not copied: one tuple may be the arguments of any number of calls.
    fn popped_tuple(&mut self) -> Step<usize> {
        match self.pop()? {
            Value::Tuple(tuple) => Ok(tuple),
            _ => Err(broken("arguments that are no tuple")),
        }
    }

    fn push(&mut self, value: Value<'a>) -> Step<()> {
        if self.stack.len() == MOST_VALUES || self.tuples.len() + self.dicts.len() > MOST_OBJECTS {
            return Err(broken("it has more values than weights are made of"));
        }
        self.stack.push(value);
        Ok(())
    }

    fn mark(&mut self) -> Step<()> {
        if self.marks.len() == MOST_VALUES {
            return Err(broken("it has more marks than weights are made of"));
        }
        self.marks.push(self.stack.len());
        Ok(())
    }

    fn pop(&mut self) -> Step<Value<'a>> {
        if self.stack.len() <= self.marks.last().copied().unwrap_or(0) {
            return Err(underflow());
        }
        self.stack.pop().ok_or_else(underflow)
    }

    fn top(&self) -> Step<Value<'a>> {
        self.stack.last().copied().ok_or_else(underflow)
    }

    fn pop_to_mark(&mut self) -> Step<Vec<Value<'a>>> {
        let mark = self.marks.pop().ok_or_else(|| broken("a mark is missing"))?;
        self.split_off(mark)
    }

    /// Everything from `start` on, which must not reach below the last mark.
    fn split_off(&mut self, start: usize) -> Step<Vec<Value<'a>>> {
        if start < self.marks.last().copied().unwrap_or(0) || start > self.stack.len() {
            return Err(underflow());
        }
        Ok(self.stack.split_off(start))
    }

    fn take(&mut self, len: usize) -> Step<&'a [u8]> {
        let taken = self.bytes[self.at..].get(..len).ok_or_else(|| broken("it is truncated"))?;
        self.at += len;
        Ok(taken)
    }

    fn take_array<const N: usize>(&mut self) -> Step<[u8; N]> {
        let mut array = [0; N];
        array.copy_from_slice(self.take(N)?);
        Ok(array)
    }

    /// Up to the next line break, which is taken too.
    fn line(&mut self) -> Step<&'a str> {
        let rest = &self.bytes[self.at..];
        let rest = &rest[..rest.len().min(MOST_NAME_BYTES)];
        let len = rest.iter().position(|&byte| byte == b'\n').ok_or_else(|| broken("a name has no end"))?;
        let line = self.take(len)?;
        self.take(1)?;
        std::str::from_utf8(line).map_err(|_| broken("a name that is not UTF-8"))
    }
}

fn natural(number: i64) -> Step<u64> {
    u64::try_from(number).map_err(|_| broken(&format!("an extent of {number}")))
}

fn broken(problem: &str) -> Refusal {
    Refusal::Broken(problem.to_owned())
}

fn underflow() -> Refusal {
    broken("it takes more from its stack than it put there")
}
