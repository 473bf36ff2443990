//! Downloads that break off and are continued: a server that misbehaves as told, and a pip that only says where it is.

use std::{
    io::{BufRead, BufReader, Write},
    net::{TcpListener, TcpStream},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use super::*;

/// What the server does with one request.
#[derive(Clone, Copy, Debug)]
enum Does {
    /// Sends what was asked for.
    Serve,
    /// Sends so many bytes of it and hangs up.
    CutAfter(usize),
    /// Sends everything from the beginning, whatever was asked for, or so many bytes of it.
    IgnoreRange(usize),
    /// Says no.
    Status(u16),
    /// Another file of the same length.
    Damage,
    /// Says where else the file is.
    Redirect,
}

/// Serves the scene's wheel.
struct Server {
    address: String,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    wheel: Vec<u8>,
    plan: Mutex<Vec<Does>>,
    asked: Mutex<Vec<Option<usize>>>,
    closed: AtomicBool,
}

impl Server {
    /// Serves a wheel; `plan` is for the first requests, all others are served.
    fn start(wheel: Vec<u8>, plan: &[Does]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}/a%20b/{WHEEL}", listener.local_addr().unwrap());
        listener.set_nonblocking(true).unwrap();
        let shared = Arc::new(Shared { wheel, plan: Mutex::new(plan.to_vec()), ..Shared::default() });
        let serving = Arc::clone(&shared);
        thread::spawn(move || {
            while !serving.closed.load(Ordering::SeqCst) {
                match listener.accept() {
                    Ok((stream, _)) => {
                        let shared = Arc::clone(&serving);
                        // A client that hangs up is what some tests are about.
                        thread::spawn(move || drop(serve(&stream, &shared)));
                    }
                    Err(_) => thread::sleep(Duration::from_millis(2)),
                }
            }
        });
        Self { address, shared }
    }

    /// Where each request wanted to begin.
    fn asked(&self) -> Vec<Option<usize>> {
        self.shared.asked.lock().unwrap().clone()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.shared.closed.store(true, Ordering::SeqCst);
    }
}

fn serve(mut stream: &TcpStream, shared: &Shared) -> std::io::Result<()> {
    stream.set_nonblocking(false)?;
    let mut start = None;
    for line in BufReader::new(stream).lines() {
        let line = line?.to_ascii_lowercase();
        if let Some(range) = line.strip_prefix("range: bytes=") {
            start = range.trim_end_matches('-').parse().ok();
        }
        if line.is_empty() {
            break;
        }
    }
    shared.asked.lock().unwrap().push(start);
    let does = {
        let mut plan = shared.plan.lock().unwrap();
        if plan.is_empty() { Does::Serve } else { plan.remove(0) }
    };
    let total = shared.wheel.len();
    let mut body = shared.wheel.clone();
    let (mut from, mut end) = (start.unwrap_or(0), total);
    match does {
        Does::Status(status) => return write!(stream, "HTTP/1.1 {status} No\r\nContent-Length: 0\r\n\r\n"),
        Does::Redirect => {
            return write!(stream, "HTTP/1.1 302 There\r\nLocation: /other/{WHEEL}?s=1\r\nContent-Length: 0\r\n\r\n");
        }
        Does::CutAfter(bytes) => end = total.min(from + bytes),
        Does::IgnoreRange(bytes) => (from, end) = (0, bytes.min(total)),
        Does::Damage => body.iter_mut().for_each(|byte| *byte ^= 1),
        Does::Serve => {}
    }
    let status = if start.is_some() && !matches!(does, Does::IgnoreRange(_)) {
        format!("206 Part\r\nContent-Range: bytes {from}-{}/{total}", total - 1)
    } else {
        "200 Whole".to_owned()
    };
    write!(stream, "HTTP/1.1 {status}\r\nContent-Length: {}\r\n\r\n", total - from)?;
    stream.write_all(&body[from..end])
}

/// A scene with a large wheel, the server it is at, and a pip that says so and then waits (or, asked without `-vv`,
/// fetches it).
fn scene(plan: &[Does]) -> (Scene, Server) {
    let mut state = 1_u32;
    let noise = std::iter::repeat_with(|| {
        // Numbers that do not compress: Numerical Recipes' congruential generator.
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    });
    let scene = Scene::of(&noise.take(900_000).collect::<Vec<u8>>());
    let server = Server::start(fs::read(&scene.options.wheels[0]).unwrap(), plan);
    let says = format!("  Found link {}#sha256=0 (from http://index/), version: 1.2.3", server.address);
    let body = format!(
        "case \"$args\" in *-vv*) echo 'Collecting demo'; echo '{says}'; sleep 30; exit 9 ;; esac\n\
         touch $here/fetched; cp $wheel $folder"
    );
    (scene.with_pip(&body), server)
}

impl Scene {
    fn part(&self) -> PathBuf {
        self.data().join("runtimes/.downloads").join(format!("{WHEEL}.part"))
    }

    fn part_bytes(&self) -> usize {
        fs::metadata(self.part()).map_or(0, |facts| facts.len() as usize)
    }

    fn fetched_by_pip(&self) -> bool {
        self.folder.path().join("fetched").exists()
    }

    /// Installs, and stops when so many bytes have come.
    fn install_until(&self, enough: u64) -> Result<Installed> {
        self.install_watched(&mut |what| match what {
            Progress::Fetching { bytes, .. } if bytes >= enough => ControlFlow::Break(()),
            _ => ControlFlow::Continue(()),
        })
    }

    fn assert_installed_and_cleared(&self, outcome: Result<Installed>) {
        assert!(outcome.unwrap().library.is_file());
        let left: Vec<_> = fs::read_dir(self.data().join("runtimes/.downloads"))
            .unwrap()
            .map(|entry| entry.unwrap().file_name())
            .filter(|name| name != ".lock")
            .collect();
        assert!(left.is_empty(), "{left:?}");
    }
}

#[test]
fn what_a_stopped_run_has_fetched_is_not_fetched_again() {
    let (scene, server) = scene(&[]);
    let start = Instant::now();
    assert_eq!(scene.install_until(300_000).unwrap_err().kind(), ErrorKind::Cancelled);
    let first = scene.part_bytes();
    assert!((300_000..900_000).contains(&first), "{first}");
    assert_eq!(scene.install_until(600_000).unwrap_err().kind(), ErrorKind::Cancelled);
    let second = scene.part_bytes();
    assert!(second > first);
    scene.assert_installed_and_cleared(scene.install());
    assert_eq!(server.asked(), [None, Some(first), Some(second)]);
    assert!(!scene.fetched_by_pip() && start.elapsed() < Duration::from_secs(20), "pip was stopped");
}

#[test]
fn a_connection_that_breaks_off_is_taken_up_where_it_broke() {
    let (scene, server) = scene(&[Does::Redirect, Does::CutAfter(200_000), Does::Status(503), Does::CutAfter(300_000)]);
    scene.assert_installed_and_cleared(scene.install());
    // A redirect makes two requests of one.
    assert_eq!(server.asked(), [None, None, Some(200_000), Some(200_000), Some(500_000)]);
}

#[test]
fn a_server_that_cannot_go_on_costs_time_only() {
    let (scene, server) = scene(&[Does::CutAfter(200_000), Does::IgnoreRange(400_000), Does::IgnoreRange(usize::MAX)]);
    scene.assert_installed_and_cleared(scene.install());
    assert_eq!(server.asked(), [None, Some(200_000), Some(400_000)]);
}

#[test]
fn where_the_server_gives_nothing_pip_does() {
    for refusal in [Does::Status(403), Does::Status(404), Does::Status(416)] {
        let (scene, server) = scene(&[refusal]);
        scene.assert_installed_and_cleared(scene.install());
        assert!(scene.fetched_by_pip());
        assert_eq!(server.asked(), [None]);
    }
    let (scene, server) = scene(&[]);
    drop(server);
    thread::sleep(Duration::from_millis(20));
    scene.assert_installed_and_cleared(scene.install());
    assert!(scene.fetched_by_pip(), "nobody there");
}

#[test]
fn a_server_that_stops_in_the_middle_is_an_error_that_keeps_what_came() {
    let (scene, _server) = scene(&[&[Does::CutAfter(200_000)][..], &[Does::CutAfter(0); 8]].concat());
    let err = scene.install().unwrap_err();
    assert_eq!(err.kind(), ErrorKind::Busy, "{err}");
    assert!(err.to_text().contains("200000 of ") && err.to_text().contains(".part"), "{}", err.to_text());
    assert_eq!(scene.part_bytes(), 200_000);
    assert!(!scene.fetched_by_pip());
}

#[test]
fn only_another_file_is_thrown_away() {
    let (scene, server) = scene(&[Does::Damage]);
    let err = scene.install().unwrap_err();
    assert_eq!(err.kind(), ErrorKind::Dependency, "{err}");
    assert!(err.message().contains("SHA-256"), "{err}");
    assert!(!scene.part().exists());
    scene.assert_installed_and_cleared(scene.install());
    assert_eq!(server.asked(), [None, None]);

    // What lies there from before is not to blame on the server.
    for leftover in [vec![9; 400_000], vec![9; 5_000_000]] {
        let (scene, server) = scene_with_leftover(&leftover);
        scene.assert_installed_and_cleared(scene.install());
        assert_eq!(server.asked().last(), Some(&None));
    }
}

fn scene_with_leftover(bytes: &[u8]) -> (Scene, Server) {
    let (scene, server) = scene(&[]);
    fs::create_dir_all(scene.part().parent().unwrap()).unwrap();
    fs::write(scene.part(), bytes).unwrap();
    (scene, server)
}

#[test]
fn two_at_once_fetch_once() {
    let (scene, server) = scene(&[Does::CutAfter(300_000)]);
    thread::scope(|scope| {
        let both: Vec<_> = (0..2).map(|_| scope.spawn(|| scene.install())).collect();
        both.into_iter().for_each(|one| assert!(one.join().unwrap().unwrap().library.is_file()));
    });
    assert_eq!(server.asked(), [None, Some(300_000)]);
}

#[test]
fn a_chosen_folder_keeps_wheels_for_others() {
    let (mut scene, server) = scene(&[Does::Status(403)]);
    scene.options.force = true;
    scene.options.downloads = Some(scene.folder.path().join("kept"));
    scene.install().unwrap();
    assert!(scene.fetched_by_pip());
    scene.options.pip = Some("/nowhere/pip".into());
    scene.install().unwrap();
    assert_eq!(server.asked().len(), 1);
    fs::write(scene.folder.path().join("kept").join(WHEEL), "damaged").unwrap();
    assert!(scene.install().unwrap_err().message().contains("no pip"));
}

#[test]
fn a_wheel_that_pip_finds_in_a_folder_is_left_to_it() {
    let scene = Scene::new();
    let says = format!("Found link file://{} (from -f), version: 1.2.3", scene.options.wheels[0].display());
    let scene = scene.with_pip(&format!("echo '{says}'; sleep 0.2; cp $wheel $folder"));
    assert!(scene.install().unwrap().library.is_file());
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_named() {
    let (scene, _server) = scene(&[]);
    fs::create_dir_all(scene.part().parent().unwrap()).unwrap();
    std::os::unix::fs::symlink("/dev/full", scene.part()).unwrap();
    let err = scene.install().unwrap_err();
    assert_eq!(err.kind(), ErrorKind::Io, "{err}");
    assert!(err.message().contains(".part") && err.hint().unwrap().contains("make room"), "{err}");
}
