//! The shared libraries that are loaded into this process.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use crate::binary;

/// Where Linux lists the mappings of a process; format: `man 5 proc_pid_maps`.
const MAPS: &str = "/proc/self/maps";

/// A shared library that is loaded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Image {
    /// Its file.
    pub path: PathBuf,
    /// The name by which other libraries ask for it, where it has one.
    pub soname: Option<String>,
    /// What it is for, if it is one of those that get into each other's way.
    pub family: Option<Family>,
}

/// Libraries of which one process should have one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Family {
    /// OpenMP runtimes of GCC, LLVM, Intel and Microsoft.
    OpenMp,
    /// oneTBB.
    Tbb,
    /// Intel's Math Kernel Library.
    Mkl,
    /// CUDA and what NVIDIA builds on it.
    Cuda,
    /// Inference engines.
    Engine,
}

/// How the names of files begin, without `lib`.
const FAMILIES: &[(Family, &[&str])] = &[
    (Family::OpenMp, &["gomp", "omp.", "omp5", "omp-", "iomp", "vcomp"]),
    (Family::Tbb, &["tbb"]),
    (Family::Mkl, &["mkl_"]),
    (Family::Cuda, &["cuda", "cublas", "cudnn", "cufft", "curand", "cusparse", "cupti", "nvrtc", "nvinfer", "nccl"]),
    (Family::Engine, &["onnxruntime", "openvino", "torch", "c10"]),
];

impl Family {
    /// What people call it.
    pub fn name(self) -> &'static str {
        match self {
            Family::OpenMp => "OpenMP",
            Family::Tbb => "TBB",
            Family::Mkl => "MKL",
            Family::Cuda => "CUDA",
            Family::Engine => "engine",
        }
    }

    /// The family of a library, by the name of its file.
    fn of(path: &Path) -> Option<Self> {
        let name = path.file_name()?.to_str()?.to_ascii_lowercase();
        let name = name.strip_prefix("lib").unwrap_or(&name);
        FAMILIES
            .iter()
            .find(|(_, begins)| begins.iter().any(|begin| name.starts_with(begin)))
            .map(|(family, _)| *family)
    }
}

/// The libraries that this process has loaded, each file once, by path.
pub fn loaded_images() -> Vec<Image> {
    let Ok(maps) = fs::read_to_string(MAPS) else { return Vec::new() };
    let image = |path: PathBuf| Image { soname: binary::soname(&path), family: Family::of(&path), path };
    executable_files(&maps).into_iter().map(image).collect()
}

/// The files of which a part is mapped to be executed, without the program itself, which has no name to be asked for by.
fn executable_files(maps: &str) -> BTreeSet<PathBuf> {
    let file = |line: &str| {
        // Address, permissions, offset, device, inode, and the rest is the path, which may contain blanks.
        let mut fields = line.splitn(6, ' ');
        let permissions = fields.nth(1)?;
        let path = fields.nth(3)?.trim_start().trim_end_matches(" (deleted)");
        let is_library = path.starts_with('/') && path.rsplit('/').next()?.contains(".so");
        (permissions.contains('x') && is_library).then(|| PathBuf::from(path))
    };
    maps.lines().filter_map(file).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check_family(name: &str, expect: Option<Family>) {
        assert_eq!(Family::of(&Path::new("/lib").join(name)), expect, "{name}");
    }

    #[test]
    fn families_are_told_by_the_name_of_the_file() {
        check_family("libgomp.so.1", Some(Family::OpenMp));
        check_family("libgomp-a34b3233.so.1", Some(Family::OpenMp));
        check_family("libomp.so.5", Some(Family::OpenMp));
        check_family("libiomp5.so", Some(Family::OpenMp));
        check_family("libtbbmalloc.so.2", Some(Family::Tbb));
        check_family("libmkl_core.so.2", Some(Family::Mkl));
        check_family("libcudart.so.13", Some(Family::Cuda));
        check_family("libtorch_cpu.so", Some(Family::Engine));
        check_family("libopenvino_c.so.2641", Some(Family::Engine));
        check_family("libompanion.so", None);
        check_family("libc.so.6", None);
        check_family("", None);
    }

    #[test]
    fn each_executable_file_is_listed_once() {
        let maps = "\
            55e0-55e1 r-xp 00000000 fe:00 1 /usr/bin/drivetrain\n\
            7f00-7f01 r--p 00000000 fe:00 2                          /lib/libone.so.1\n\
            7f01-7f02 r-xp 00001000 fe:00 2                          /lib/libone.so.1\n\
            7f02-7f03 r-xp 00001000 fe:00 2                          /lib/libone.so.1\n\
            7f04-7f05 r-xp 00000000 fe:00 3                          /a folder/libtwo.so (deleted)\n\
            7f06-7f07 r--s 00000000 fe:00 4                          /data/libdata.so\n\
            7f08-7f09 r-xp 00000000 00:00 0                          [vdso]\n\
            7f0a-7f0b rw-p 00000000 00:00 0 \n\
            nonsense\n\n";
        let expect = ["/a folder/libtwo.so", "/lib/libone.so.1"].map(PathBuf::from);
        assert_eq!(executable_files(maps), BTreeSet::from(expect));
    }

    #[test]
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    fn this_process_has_loaded_the_c_library() {
        let images = loaded_images();
        assert!(images.iter().any(|image| image.soname.as_deref() == Some("libc.so.6")), "{images:?}");
    }
}
