//! Installing hand-made wheels, from files and through commands that only pretend to be pip.

#[cfg(unix)]
mod continued;

use std::{fs, thread};

use super::*;
use crate::{
    Version, list,
    testing::{wheel_entry, write_wheel},
};

const WHEEL: &str = "demo-1.2.3-py3-none-any.whl";

/// A wheel on disk, a catalogue that knows it, and an empty data folder.
struct Scene {
    folder: tempfile::TempDir,
    options: InstallOptions,
}

impl Scene {
    fn new() -> Self {
        Self::of(&[7; 100_000])
    }

    /// One whose library has these contents.
    fn of(library: &[u8]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let members: &[(&str, &[u8])] = &[("demo/libdemo.so", library), ("demo/LICENSE", b"free")];
        let wheel = write_wheel(&folder.path().join(WHEEL), members);
        let rules = [("demo/libdemo.so", "lib/"), ("demo/LICENSE", "licenses/")];
        let catalogue = catalogue(&wheel_entry(&wheel, &rules));
        let options = InstallOptions { wheels: vec![wheel], catalogue: Some(catalogue), ..InstallOptions::default() };
        Self { folder, options }
    }

    /// The same with a shell script for a pip instead of the wheel; `$folder` is where it is told to put wheels.
    #[cfg(unix)]
    fn with_pip(mut self, body: &str) -> Self {
        use std::{os::unix::fs::PermissionsExt, process::Command};
        let wheel = self.options.wheels.remove(0);
        let script = format!(
            "#!/bin/sh\n[ \"$1\" = --version ] && exit 0\nargs=\"$*\"\nwheel='{}'\nhere='{}'\n\
             while [ $# -gt 0 ]; do [ \"$1\" = -d ] && folder=$2; shift; done\n{body}\n",
            wheel.display(),
            self.folder.path().display()
        );
        let [text, program] = ["pip.txt", "pip"].map(|name| self.folder.path().join(name));
        fs::write(&text, script).unwrap();
        // Another process writes the program: a descriptor of ours, inherited by a child that another test is just
        // starting, would make it "text file busy".
        assert!(Command::new("cp").args([&text, &program]).status().unwrap().success());
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
        self.options.pip = Some(program);
        self
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    fn install(&self) -> Result<Installed> {
        self.install_watched(&mut |_| ControlFlow::Continue(()))
    }

    fn install_watched(&self, progress: Observer<'_>) -> Result<Installed> {
        install(&"demo".parse().unwrap(), &self.data(), &self.options, progress)
    }

    /// Asserts that the failed installation left neither a version nor a temporary folder.
    fn assert_nothing_left(&self) {
        let left: Vec<_> =
            fs::read_dir(self.data().join("runtimes")).unwrap().map(|e| e.unwrap().file_name()).collect();
        assert_eq!(left, [".lock"]);
    }
}

fn catalogue(wheel: &Wheel) -> Catalogue {
    let rules: String = wheel.unpack.iter().map(|(member, target)| format!("{member:?} = {target:?}\n")).collect();
    Catalogue::parse(&format!(
        "format_version = 1\n[[runtime]]\nid = 'demo'\nversion = '1.2.3'\ndefault = true\nlicense = 'MIT'\n\
         telemetry = true\n[[runtime.build]]\nplatform = '{}'\nlibrary = 'lib/libdemo.so'\n[[runtime.build.wheel]]\n\
         file = '{}'\nsha256 = '{}'\nbytes = {}\n[runtime.build.wheel.unpack]\n{rules}",
        platform(),
        wheel.file,
        wheel.sha256,
        wheel.bytes
    ))
    .unwrap()
}

#[test]
fn a_wheel_becomes_an_installation() {
    let scene = Scene::new();
    let installed = scene.install().unwrap();
    assert_eq!((installed.id.as_str(), installed.version), ("demo", Version::new(1, 2, 3)));
    assert_eq!(installed.bytes, 100_004);
    assert!(installed.telemetry);
    assert_eq!(installed.wheels[0].package, "demo==1.2.3");
    assert_eq!(fs::read(&installed.library).unwrap(), [7; 100_000]);
    assert_eq!(fs::read_to_string(installed.root.join("licenses/LICENSE")).unwrap(), "free");
    assert_eq!(list(&scene.data()).unwrap().installed, [installed]);
}

#[test]
fn what_is_installed_stays_unless_damaged_or_forced() {
    let mut scene = Scene::new();
    let installed = scene.install().unwrap();
    let wheels = std::mem::take(&mut scene.options.wheels);
    scene.options.pip = Some("/nowhere/pip".into());
    let mut heard = Vec::new();
    let again = scene.install_watched(&mut |what| {
        heard.push(what == Progress::AlreadyInstalled);
        ControlFlow::Continue(())
    });
    assert_eq!(again.unwrap(), installed);
    assert_eq!(heard, [true]);

    scene.options.wheels = wheels;
    fs::write(&installed.library, "damaged").unwrap();
    scene.install().unwrap();
    assert_eq!(fs::metadata(&installed.library).unwrap().len(), 100_000);

    scene.options.force = true;
    let mark = installed.root.join("mark");
    fs::write(&mark, "").unwrap();
    scene.install().unwrap();
    assert!(!mark.exists(), "a forced installation replaces the folder");
}

#[test]
fn another_file_than_the_catalogue_means_is_refused() {
    let mut scene = Scene::new();
    let expected = crate::digest::sha256(&File::open(&scene.options.wheels[0]).unwrap()).unwrap();
    write_wheel(&scene.options.wheels[0], &[("demo/libdemo.so", b"evil")]);
    let got = crate::digest::sha256(&File::open(&scene.options.wheels[0]).unwrap()).unwrap();
    let err = scene.install().unwrap_err();
    assert_eq!(err.kind(), ErrorKind::Dependency);
    assert!(err.message().contains(&expected) && err.message().contains(&got), "{err}");
    scene.assert_nothing_left();

    for (wheels, kind) in [
        (vec!["/nowhere.whl".into()], ErrorKind::NotFound),
        (vec![scene.folder.path().to_owned()], ErrorKind::Invalid),
        (vec!["/a.whl".into(), "/b.whl".into()], ErrorKind::Invalid),
    ] {
        scene.options.wheels = wheels;
        let err = scene.install().unwrap_err();
        assert_eq!(err.kind(), kind, "{err}");
        scene.assert_nothing_left();
    }
}

#[test]
fn cancelling_at_any_moment_leaves_nothing() {
    let scene = Scene::new();
    let mut steps = 0;
    for allowed in 0.. {
        let mut left = allowed;
        let outcome = scene.install_watched(&mut |_| {
            steps = allowed;
            match left {
                0 => ControlFlow::Break(()),
                _ => {
                    left -= 1;
                    ControlFlow::Continue(())
                }
            }
        });
        match outcome {
            Ok(_) => break,
            Err(err) => assert_eq!(err.kind(), ErrorKind::Cancelled, "{err}"),
        }
        scene.assert_nothing_left();
    }
    assert!(steps >= 2, "checking and unpacking were heard");
}

#[test]
fn many_at_once_install_one() {
    let scene = Scene::new();
    thread::scope(|scope| {
        let all: Vec<_> = (0..8).map(|_| scope.spawn(|| scene.install())).collect();
        for one in all {
            assert!(one.join().unwrap().unwrap().library.is_file());
        }
    });
    assert_eq!(list(&scene.data()).unwrap().installed.len(), 1);
    assert_eq!(fs::read_dir(scene.data().join("runtimes")).unwrap().count(), 2, "the runtime and the lock");
}

#[test]
fn a_data_folder_that_cannot_be_written_is_named() {
    let scene = Scene::new();
    fs::write(scene.data(), "in the way").unwrap();
    let err = scene.install().unwrap_err();
    assert_eq!(err.kind(), ErrorKind::Io);
    assert!(err.message().contains(scene.data().to_str().unwrap()), "{err}");
}

#[cfg(unix)]
mod through_pip {
    use std::{
        process::{Command, Stdio},
        time::{Duration, Instant},
    };

    use super::*;

    fn scene(body: &str) -> Scene {
        Scene::new().with_pip(body)
    }

    fn check_failure(body: &str, kind: ErrorKind, says: &[&str]) {
        let scene = scene(body);
        let err = scene.install().unwrap_err();
        assert_eq!(err.kind(), kind, "{err}");
        for part in says {
            assert!(err.to_text().contains(part), "{part:?} is not in {:?}", err.to_text());
        }
        scene.assert_nothing_left();
    }

    #[test]
    fn pip_is_asked_for_one_file_and_what_it_brings_is_installed() {
        let scene =
            scene("echo \"$args\" > $here/args; cp $wheel $folder; head -c 5000 /dev/zero > $TMPDIR/x; sleep 0.3");
        let mut most = 0;
        let installed = scene.install_watched(&mut |what| {
            if let Progress::Fetching { bytes, total, .. } = what {
                assert!(bytes <= total);
                most = most.max(bytes);
            }
            ControlFlow::Continue(())
        });
        assert!(installed.unwrap().library.is_file());
        assert!(most > 0, "the bytes that came were reported");
        let args = fs::read_to_string(scene.folder.path().join("args")).unwrap();
        assert!(args.starts_with("download --no-deps --disable-pip-version-check --no-input"), "{args}");
        assert!(args.contains("--only-binary=:all: --python-version 3.12 --implementation py --abi none"), "{args}");
        assert!(args.trim_end().ends_with("--platform any demo==1.2.3 -vv"), "{args}");
    }

    #[test]
    fn failures_of_pip_are_told_with_its_own_words() {
        use ErrorKind::*;
        check_failure(
            "echo first >&2; echo 'ERROR: no route' >&2; exit 3",
            Dependency,
            &["no route", "--wheel", WHEEL],
        );
        check_failure("exit 0", Dependency, &["fetched nothing"]);
        check_failure("echo x > $folder/other.whl", Dependency, &["`other.whl`", WHEEL]);
        check_failure("echo x > $folder/demo-1.2.3-py3-none-any.whl", Dependency, &["SHA-256"]);
        // A long story, and a child that keeps the pipe open for longer than pip lives.
        check_failure("yes | head -c 300000 >&2; sleep 4 & echo late >&2; exit 1", Dependency, &["y; late"]);
        check_failure("printf '\\377\\000' >&2; kill -9 $$", Dependency, &["signal"]);
        let full = "echo \"ERROR: Could not install: [Errno 28] No space left on device\" >&2; exit 1";
        check_failure(full, Io, &["disk is full", "runtimes/.tmp-"]);
    }

    #[test]
    fn a_pip_that_hangs_is_stopped() {
        let scene = scene("echo $$ > $here/pid; exec sleep 60");
        let pid = scene.folder.path().join("pid");
        let start = Instant::now();
        let outcome = scene.install_watched(&mut |_| match fs::read_to_string(&pid) {
            Ok(text) if text.ends_with('\n') => ControlFlow::Break(()),
            _ => ControlFlow::Continue(()),
        });
        assert_eq!(outcome.unwrap_err().kind(), ErrorKind::Cancelled);
        assert!(start.elapsed() < Duration::from_secs(20));
        scene.assert_nothing_left();
        let pid = fs::read_to_string(pid).unwrap();
        let alive = Command::new("kill").args(["-0", pid.trim()]).stderr(Stdio::null()).status().unwrap();
        assert!(!alive.success(), "process {pid} still runs");
    }
}
