//! Weights that the sessions of one model share.

use std::{
    collections::HashMap,
    fs::{self, File},
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError, Weak},
    time::SystemTime,
};

use drivetrain_architectures::StoredWeight;
use drivetrain_contract::{Error, Precision, Result};
use drivetrain_package::TensorPlace;
use tch::{Device, Kind, Tensor};

use crate::{
    error,
    mapped::{Mapped, Stored, Weight, float_kind, shape},
};

/// What makes two sessions' weights the same.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Identity {
    path: PathBuf,
    n_bytes: u64,
    modified: Option<SystemTime>,
    description_json: String,
    precision: Precision,
    device_id: String,
    maps: bool,
}

/// The weights of each model that has sessions.
#[derive(Debug, Default)]
pub(crate) struct Pool(Mutex<HashMap<Identity, Weak<Shared>>>);

/// The weights of one model in one precision on one device, as far as they are loaded.
#[derive(Debug)]
pub(crate) struct Shared {
    kind: Kind,
    device: Device,
    maps: bool,
    loaded: Mutex<HashMap<String, Weight>>,
}

/// The weights of one session on their way: the files it has mapped.
pub(crate) struct Loading<'a> {
    shared: &'a Shared,
    // Files have no name here, but an address for as long as they are open.
    maps: HashMap<*const File, Arc<Mapped>>,
}

impl Identity {
    /// The identity of the file at `path` as it is now.
    pub(crate) fn new(
        path: PathBuf,
        description_json: &str,
        (precision, device_id): (Precision, &str),
        maps: bool,
    ) -> Self {
        let facts = fs::metadata(&path).ok();
        Self {
            n_bytes: facts.as_ref().map_or(0, fs::Metadata::len),
            modified: facts.and_then(|facts| facts.modified().ok()),
            path: path.canonicalize().unwrap_or(path),
            description_json: description_json.to_owned(),
            precision,
            device_id: device_id.to_owned(),
            maps,
        }
    }
}

impl Pool {
    /// The weights of this identity, or a place for them; they go when the last session of them goes.
    pub(crate) fn get(&self, identity: Identity, kind: Kind, device: Device) -> Arc<Shared> {
        let mut pool = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        pool.retain(|_, shared| shared.strong_count() > 0);
        if let Some(shared) = pool.get(&identity).and_then(Weak::upgrade) {
            return shared;
        }
        let shared = Arc::new(Shared { kind, device, maps: identity.maps, loaded: Mutex::default() });
        pool.insert(identity, Arc::downgrade(&shared));
        shared
    }
}

impl Shared {
    /// Begins to load one session's weights.
    pub(crate) fn begin(&self) -> Loading<'_> {
        Loading { shared: self, maps: HashMap::new() }
    }

    /// Bytes of weights: in memory of their own, and in mapped files.
    pub(crate) fn bytes(&self) -> (u64, u64) {
        let loaded = self.loaded.lock().unwrap_or_else(PoisonError::into_inner);
        loaded.values().fold((0, 0), |(own, mapped), weight| match weight.is_mapped() {
            true => (own, mapped + weight.n_bytes()),
            false => (own + weight.n_bytes(), mapped),
        })
    }
}

impl Loading<'_> {
    /// A handle of one weight: of the one that another session has loaded, or of its own.
    pub(crate) fn weight(&mut self, stored: &StoredWeight<'_>) -> Result<Weight> {
        let key = format!("{}\n{}", stored.weights.label(), stored.name);
        let mut loaded = self.shared.loaded.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(weight) = loaded.get(&key) {
            return Ok(weight.share());
        }
        let weight = self.load(stored)?;
        let handle = weight.share();
        loaded.insert(key, weight);
        Ok(handle)
    }

    fn load(&mut self, stored: &StoredWeight<'_>) -> Result<Weight> {
        let (kind, device) = (self.shared.kind, self.shared.device);
        let info = stored.weights.require(&stored.name, &stored.shape)?;
        let tensor = Stored { dtype: info.dtype, shape: &stored.shape, name: &stored.name };
        let stays = self.shared.maps && device == Device::Cpu && float_kind(tensor)? == kind;
        match stored.weights.place(&stored.name)? {
            TensorPlace::File { file, offset, n_bytes } if stays => {
                let mapped = self.map(file, stored)?;
                if let Some(weight) = Weight::in_file(&mapped, (offset, n_bytes), tensor)? {
                    return Ok(weight);
                }
            }
            _ => {}
        }
        self.convert(stored, tensor)
    }

    /// A weight in the session's precision. Read in pieces, so that it is never in memory twice.
    fn convert(&self, stored: &StoredWeight<'_>, tensor: Stored<'_>) -> Result<Weight> {
        let failed = |err| error::load(&stored.name, err);
        let shape = shape(tensor)?;
        let n_elements: i64 = shape.iter().product();
        let flat = Tensor::f_empty([n_elements], (self.shared.kind, Device::Cpu)).map_err(failed)?;
        let mut done = 0;
        stored.weights.for_each_chunk(&stored.name, usize::MAX, &mut |numbers| {
            let piece = Tensor::f_from_slice(numbers).map_err(failed)?;
            let n_numbers = numbers.len() as i64;
            flat.f_narrow(0, done, n_numbers).and_then(|mut part| part.f_copy_(&piece)).map_err(failed)?;
            done += n_numbers;
            Ok(())
        })?;
        let whole = flat.f_reshape(&shape).and_then(|whole| whole.f_to(self.shared.device)).map_err(failed)?;
        Ok(Weight::owned(whole))
    }

    fn map(&mut self, file: &File, stored: &StoredWeight<'_>) -> Result<Arc<Mapped>> {
        if let Some(mapped) = self.maps.get(&std::ptr::from_ref(file)) {
            return Ok(Arc::clone(mapped));
        }
        let mapped = Mapped::new(file).map_err(|err| {
            Error::io(format!("cannot map `{}`", stored.weights.label()))
                .with_source(err)
                .with_hint("set `memory_map = false` in `[backends.libtorch]` for file systems that cannot")
        })?;
        let mapped = Arc::new(mapped);
        self.maps.insert(std::ptr::from_ref(file), Arc::clone(&mapped));
        Ok(mapped)
    }
}

impl std::fmt::Debug for Loading<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Loading").field("files", &self.maps.len()).finish_non_exhaustive()
    }
}
