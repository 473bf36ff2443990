//! Libraries that are missing, of another version, or none.

use std::fs;

use drivetrain_contract::{Backend, ErrorKind, OpenBackend};
use drivetrain_openvino::OpenVino;

use crate::{
    alone::alone,
    rig::{config, library, refuses, skip},
};

#[test]
fn one_process_uses_one_library() {
    let Some(library) = library() else { return };
    let first = OpenVino::open(&config(&library)).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let copy = folder.path().join("libopenvino_c.so");
    fs::copy(&library, &copy).unwrap();
    refuses(OpenVino::open(&config(&copy)), ErrorKind::Dependency, "already uses");
    let text = folder.path().join("text.so");
    fs::write(&text, "not a library").unwrap();
    refuses(OpenVino::open(&config(&text)), ErrorKind::Dependency, "");
    #[cfg(unix)]
    {
        let link = folder.path().join("link.so");
        std::os::unix::fs::symlink(&library, &link).unwrap();
        assert_eq!(OpenVino::open(&config(&link)).unwrap().probe().unwrap(), first.probe().unwrap());
    }
    drop(first);
    assert!(OpenVino::open(&config(&library)).is_ok());
}

#[test]
fn a_library_without_its_companions_is_refused_and_the_right_one_loads_after_it() {
    let Some(library) = library() else { return };
    alone("libraries::a_library_without_its_companions_is_refused_and_the_right_one_loads_after_it", || {
        let folder = tempfile::tempdir().unwrap();
        let lonely = folder.path().join("libopenvino_c.so");
        fs::copy(&library, &lonely).unwrap();
        refuses(OpenVino::open(&config(&lonely)), ErrorKind::Dependency, "drivetrain runtimes install openvino");
        assert!(OpenVino::open(&config(&library)).unwrap().probe().is_ok());
    });
}

#[test]
fn a_library_that_is_too_old_is_refused_and_the_right_one_loads_after_it() {
    let Some(library) = library() else { return };
    let Some(old) = std::env::var_os("DRIVETRAIN_TEST_OLD_OPENVINO") else {
        // There is an old library for one platform only.
        if cfg!(all(target_os = "linux", target_arch = "x86_64")) {
            skip("DRIVETRAIN_TEST_OLD_OPENVINO is not set");
        }
        return;
    };
    alone("libraries::a_library_that_is_too_old_is_refused_and_the_right_one_loads_after_it", || {
        refuses(OpenVino::open(&config(old.as_ref())), ErrorKind::Dependency, "needed is 2025.1 or newer");
        assert!(OpenVino::open(&config(&library)).unwrap().probe().is_ok());
    });
}
