//! The engine: its devices, their properties, and models compiled for them.

use std::{
    ffi::{CStr, CString, c_char},
    path::Path,
    ptr::{self, NonNull},
    slice,
};

use openvino_sys::{
    ov_available_devices_free, ov_available_devices_t, ov_compiled_model_t, ov_core_compile_model_from_file_props,
    ov_core_compile_model_props, ov_core_create, ov_core_free, ov_core_get_available_devices, ov_core_get_property,
    ov_core_read_model_from_memory_buffer, ov_core_t, ov_model_free, ov_model_t, ov_property_t,
};

use super::{
    Code, CompiledModel, Failure, Library,
    failure::check,
    library::Compile,
    text::{c_path, c_text, take},
};

/// Most texts after the others where they are arguments of variable number: 16 properties.
const MOST_TEXTS: usize = 32;

/// Calls a function with all the texts there can be; it reads as many as are announced.
macro_rules! variadic {
    ($function:ident, $first:expr, $second:expr, $device:expr, $out:expr, $arguments:expr) => {{
        let (n_texts, texts) = $arguments;
        $function(
            $first, $second, $device, n_texts, $out, //
            texts[0], texts[1], texts[2], texts[3], texts[4], texts[5], texts[6], texts[7], texts[8], texts[9],
            texts[10], texts[11], texts[12], texts[13], texts[14], texts[15], texts[16], texts[17], texts[18],
            texts[19], texts[20], texts[21], texts[22], texts[23], texts[24], texts[25], texts[26], texts[27],
            texts[28], texts[29], texts[30], texts[31],
        )
    }};
}

/// OpenVINO's core object.
#[derive(Debug)]
pub(crate) struct Core {
    ptr: NonNull<ov_core_t>,
    compile: Compile,
}

// SAFETY: OpenVINO documents its core as safe to use from several threads at once, and it belongs to none.
unsafe impl Send for Core {}
// SAFETY: as above.
unsafe impl Sync for Core {}

/// Where a model's bytes are.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Source<'a> {
    /// A file, with its weights inside or beside it.
    File(&'a Path),
    /// An ONNX graph in memory. For the life of the process, since a model may go on pointing into it.
    Memory(&'static [u8]),
}

impl Core {
    /// Creates it. Plugins for devices are loaded when they are first needed.
    pub(crate) fn new(library: &Library) -> Result<Self, Failure> {
        let mut core = ptr::null_mut();
        // SAFETY: the function fills the pointer it is given.
        check(unsafe { ov_core_create(&raw mut core) })?;
        Ok(Self { ptr: not_null(core)?, compile: library.compile })
    }

    /// Names of the devices that are there: `CPU`, `GPU.0`.
    pub(crate) fn devices(&self) -> Result<Vec<String>, Failure> {
        let mut devices = ov_available_devices_t { devices: ptr::null_mut(), size: 0 };
        // SAFETY: the core lives, and the function fills the struct it is given.
        check(unsafe { ov_core_get_available_devices(self.ptr.as_ptr(), &raw mut devices) })?;
        let texts = match devices.devices.is_null() {
            true => &[][..],
            // SAFETY: the function succeeded, so the pointer is to `size` texts.
            false => unsafe { slice::from_raw_parts(devices.devices, devices.size) },
        };
        // SAFETY: each is null-terminated, until all are freed below.
        let names = texts.iter().map(|&text| unsafe { CStr::from_ptr(text) }.to_string_lossy().into_owned()).collect();
        // SAFETY: the struct was filled by the library and is not used again.
        unsafe { ov_available_devices_free(&raw mut devices) };
        Ok(names)
    }

    /// A property of a device as text.
    pub(crate) fn property(&self, device: &str, key: &str) -> Result<String, Failure> {
        let (device, key) = (c_text(device)?, c_text(key)?);
        let mut value = ptr::null_mut();
        // SAFETY: the core and the texts live, and the function fills the pointer it is given.
        check(unsafe { ov_core_get_property(self.ptr.as_ptr(), device.as_ptr(), key.as_ptr(), &raw mut value) })?;
        // SAFETY: the function succeeded; the header says that the text is freed with `ov_free`.
        Ok(unsafe { take(value) })
    }

    /// Compiles a model for a device.
    pub(crate) fn compile(
        &self,
        source: Source<'_>,
        device: &str,
        properties: &[(String, String)],
    ) -> Result<CompiledModel, Failure> {
        let device = c_text(device)?;
        let pairs: Vec<(CString, CString)> =
            properties.iter().map(|(key, value)| Ok((c_text(key)?, c_text(value)?))).collect::<Result<_, Failure>>()?;
        let compiled = match source {
            Source::File(path) => self.compile_file(&c_path(path)?, &device, &pairs),
            Source::Memory(bytes) => self.compile_model(&self.read(bytes)?, &device, &pairs),
        }?;
        Ok(CompiledModel::new(not_null(compiled)?))
    }

    fn read(&self, bytes: &'static [u8]) -> Result<Model, Failure> {
        let mut model = ptr::null_mut();
        let (core, text) = (self.ptr.as_ptr(), bytes.as_ptr().cast());
        // SAFETY: the core lives, the bytes live for ever, and the function fills the pointer it is given.
        let status =
            unsafe { ov_core_read_model_from_memory_buffer(core, text, bytes.len(), ptr::null(), &raw mut model) };
        check(status)?;
        not_null(model).map(Model)
    }

    fn compile_file(
        &self,
        path: &CStr,
        device: &CStr,
        pairs: &[(CString, CString)],
    ) -> Result<*mut ov_compiled_model_t, Failure> {
        let mut compiled = ptr::null_mut();
        let (core, path, device, out) = (self.ptr.as_ptr(), path.as_ptr(), device.as_ptr(), &raw mut compiled);
        let status = match self.compile {
            Compile::Array => {
                let properties = array(pairs);
                // SAFETY: the core, the texts and the array live, and the function fills the pointer it is given.
                unsafe {
                    ov_core_compile_model_from_file_props(
                        core,
                        path,
                        device,
                        properties.len(),
                        properties.as_ptr(),
                        out,
                    )
                }
            }
            // SAFETY: the same, and as many texts follow as are announced.
            Compile::Variadic { file, .. } => unsafe { variadic!(file, core, path, device, out, arguments(pairs)?) },
        };
        check(status).map(|()| compiled)
    }

    fn compile_model(
        &self,
        model: &Model,
        device: &CStr,
        pairs: &[(CString, CString)],
    ) -> Result<*mut ov_compiled_model_t, Failure> {
        let mut compiled = ptr::null_mut();
        let (core, device, out) = (self.ptr.as_ptr(), device.as_ptr(), &raw mut compiled);
        let model = model.0.as_ptr();
        let status = match self.compile {
            Compile::Array => {
                let properties = array(pairs);
                // SAFETY: the core, the model, the texts and the array live, and the function fills the pointer.
                unsafe { ov_core_compile_model_props(core, model, device, properties.len(), properties.as_ptr(), out) }
            }
            // SAFETY: the same, and as many texts follow as are announced.
            Compile::Variadic { model: compile, .. } => unsafe {
                variadic!(compile, core, model, device, out, arguments(pairs)?)
            },
        };
        check(status).map(|()| compiled)
    }
}

impl Drop for Core {
    fn drop(&mut self) {
        // SAFETY: the pointer is ours and is not used again.
        unsafe { ov_core_free(self.ptr.as_ptr()) }
    }
}

/// A model that was read and not compiled yet.
struct Model(NonNull<ov_model_t>);

impl Drop for Model {
    fn drop(&mut self) {
        // SAFETY: the pointer is ours and is not used again.
        unsafe { ov_model_free(self.0.as_ptr()) }
    }
}

/// What a successful call filled in.
pub(super) fn not_null<T>(pointer: *mut T) -> Result<NonNull<T>, Failure> {
    NonNull::new(pointer).ok_or_else(|| Failure::new(Code::UNEXPECTED, "the library gave nothing"))
}

fn array(pairs: &[(CString, CString)]) -> Vec<ov_property_t> {
    pairs.iter().map(|(key, value)| ov_property_t { key: key.as_ptr(), value: value.as_ptr().cast() }).collect()
}

/// Keys and values in turn, and how many of the texts they are.
fn arguments(pairs: &[(CString, CString)]) -> Result<(usize, [*const c_char; MOST_TEXTS]), Failure> {
    let n_texts = 2 * pairs.len();
    let mut texts = [ptr::null(); MOST_TEXTS];
    let Some(used) = texts.get_mut(..n_texts) else {
        let message = format!("this version takes at most {} properties", MOST_TEXTS / 2);
        return Err(Failure::new(Code::INVALID_C_PARAM, message));
    };
    for (slot, text) in used.iter_mut().zip(pairs.iter().flat_map(|(key, value)| [key, value])) {
        *slot = text.as_ptr();
    }
    Ok((n_texts, texts))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_are_counted_and_bounded() {
        let pair = || (c"KEY".to_owned(), c"value".to_owned());
        let pairs: Vec<_> = (0..16).map(|_| pair()).collect();
        let (n_texts, texts) = arguments(&pairs).unwrap();
        assert_eq!(n_texts, 32);
        assert!(texts.iter().all(|text| !text.is_null()));
        let (n_texts, texts) = arguments(&pairs[..1]).unwrap();
        assert_eq!((n_texts, texts[2]), (2, ptr::null()));
        assert_eq!(texts[1], pairs[0].1.as_ptr());
        let many: Vec<_> = (0..17).map(|_| pair()).collect();
        assert_eq!(arguments(&many).unwrap_err().code, Code::INVALID_C_PARAM);
    }
}
