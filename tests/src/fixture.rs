//! A fixture model with the vectors the reference library gives.

use std::{
    fs,
    path::{Path, PathBuf},
};

use safetensors::{Dtype, SafeTensors};
use serde_json::Value;

use crate::fixtures_dir;

/// A two-dimensional array of the reference.
#[derive(Clone, Debug)]
pub struct Array {
    /// Rows and columns.
    pub shape: [usize; 2],
    /// Row-major numbers.
    pub data: Vec<f32>,
}

/// A model directory with `expected.json` and `expected.safetensors`.
#[derive(Debug)]
pub struct Fixture {
    /// Its folder's name.
    pub name: String,
    /// Its folder.
    pub dir: PathBuf,
    /// What the reference says of it.
    pub expected: Value,
    arrays: Vec<u8>,
}

impl Fixture {
    /// Every fixture whose name begins so.
    ///
    /// # Panics
    /// When there is none.
    pub fn all(prefix: &str) -> Vec<Self> {
        let models = fixtures_dir().join("models");
        let entries = models.read_dir().expect("the fixtures are there").flatten();
        let mut names: Vec<String> = entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
        names.retain(|name| name.starts_with(prefix));
        names.sort();
        assert!(!names.is_empty(), "no fixture is called {prefix}…");
        names.into_iter().map(|name| Self::open(&name)).collect()
    }

    /// The fixture of this name.
    ///
    /// # Panics
    /// When it is not there.
    pub fn open(name: &str) -> Self {
        let dir = fixtures_dir().join("models").join(name);
        let expected = serde_json::from_slice(&read(&dir.join("expected.json"))).expect("expected.json is JSON");
        let arrays = read(&dir.join("expected.safetensors"));
        Self { name: name.to_owned(), dir, expected, arrays }
    }

    /// Names of the reference's arrays.
    ///
    /// # Panics
    /// When the file is broken.
    pub fn arrays(&self) -> Vec<String> {
        let file = SafeTensors::deserialize(&self.arrays).expect("expected.safetensors is whole");
        let mut names: Vec<String> = file.names().into_iter().map(ToString::to_string).collect();
        names.sort();
        names
    }

    /// One of them.
    ///
    /// # Panics
    /// When there is none of this name.
    pub fn array(&self, name: &str) -> Array {
        array(&self.arrays, name)
    }

    /// Whether the reference's vectors are normalised.
    pub fn normalized(&self) -> bool {
        self.expected["normalize"].as_bool().unwrap_or(true)
    }
}

impl Array {
    /// One array of a safetensors file.
    ///
    /// # Panics
    /// When it is not there.
    pub fn read(path: &Path, name: &str) -> Self {
        array(&read(path), name)
    }
}

/// The strings of a JSON file.
///
/// # Panics
/// When it holds something else.
pub fn texts(path: &Path) -> Vec<String> {
    serde_json::from_slice(&read(path)).expect("a list of strings")
}

fn array(bytes: &[u8], name: &str) -> Array {
    let file = SafeTensors::deserialize(bytes).expect("a whole safetensors file");
    let tensor = file.tensor(name).unwrap_or_else(|err| panic!("`{name}`: {err}"));
    assert_eq!(tensor.dtype(), Dtype::F32);
    let &[rows, columns] = tensor.shape() else { panic!("`{name}` is no matrix") };
    let data = tensor.data().as_chunks::<4>().0.iter().map(|&bytes| f32::from_le_bytes(bytes)).collect();
    Array { shape: [rows, columns], data }
}

fn read(path: &Path) -> Vec<u8> {
    fs::read(path).unwrap_or_else(|err| panic!("`{}`: {err}", path.display()))
}
