//! One wheel from its address: continued where it broke off, checked, and only then called by its name.

use std::{
    fs::{self, File},
    io::{self, Read, Seek, Write},
    ops::ControlFlow,
    path::Path,
    thread,
    time::{Duration, Instant},
};

use drivetrain_contract::{Error, ErrorKind, Result};
use ureq::{
    Agent, Body,
    http::{HeaderMap, Response, header},
    tls::{RootCerts, TlsConfig},
};

use crate::{Wheel, digest::sha256, downloads::Downloads, failure::io_error};

/// Bytes that are read at once.
const PIECE: usize = 1 << 17;

/// How long a server may take to answer.
const ANSWER: Duration = Duration::from_secs(20);

/// How long nothing may come of a body. Short, because a caller who wants to stop is heard in between only.
const SILENCE: Duration = Duration::from_secs(5);

/// Attempts in a row that bring nothing before it is given up, and the pause after the first of them.
const FRUITLESS: u32 = 4;
const FIRST_PAUSE: Duration = Duration::from_millis(500);

/// How long a pause goes on before the caller is asked whether to go on.
const NAP: Duration = Duration::from_millis(50);

/// A wheel to fetch.
pub(crate) struct Transfer<'a> {
    /// Address of the file, of http or https.
    pub(crate) url: &'a str,
    /// What it must be.
    pub(crate) wheel: &'a Wheel,
    /// Where it goes.
    pub(crate) downloads: &'a Downloads,
    /// Whether another installation has done meanwhile what this is for.
    pub(crate) is_done: &'a dyn Fn() -> bool,
}

/// How far a transfer is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// Another process writes where this one would.
    Waiting,
    /// So many bytes are there.
    Bytes(u64),
    /// All are there; their checksum is computed.
    Checking,
}

/// Why there is no wheel.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The server gives nothing; another way may work.
    Refused(Error),
    /// No other way would be better.
    Final(Error),
    /// It is not needed any more.
    Done,
}

/// One attempt that did not bring everything.
enum Attempt {
    /// The next one may bring more.
    Broken(Error),
    Ended(Failure),
}

type Watch<'a> = &'a mut dyn FnMut(Step) -> ControlFlow<()>;

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Final(error)
    }
}

impl From<Failure> for Attempt {
    fn from(failure: Failure) -> Self {
        Self::Ended(failure)
    }
}

impl From<Error> for Attempt {
    fn from(error: Error) -> Self {
        Self::Ended(Failure::Final(error))
    }
}

impl Transfer<'_> {
    /// Fetches the wheel and opens it. What has come stays in `….part` whatever happens, unless it is another file.
    pub(crate) fn run(&self, watch: Watch<'_>) -> Result<File, Failure> {
        self.downloads.take_turn(&mut || watch(Step::Waiting))?;
        if self.downloads.has_waited() && (self.is_done)() {
            return Err(Failure::Done);
        }
        if let Some(file) = self.downloads.find(self.wheel) {
            return Ok(file);
        }
        let part = self.downloads.part(self.wheel);
        let is_resumed = length(&part) > 0;
        let mut checked = self.receive_and_check(&part, watch)?;
        if checked.is_err() && is_resumed {
            // What an earlier run left may have been damaged since; what comes in one run is what the server sends.
            log::warn!("what was there of `{}` is another file; fetching it anew", self.wheel.file);
            checked = self.receive_and_check(&part, watch)?;
        }
        let file = checked.map_err(|digest| self.another_file(&digest))?;
        let target = self.downloads.target(self.wheel);
        fs::rename(&part, &target).map_err(|err| io_error("move into place", &target, err))?;
        Ok(file)
    }

    /// The whole file, or the checksum it has instead of the right one; then it is removed.
    fn receive_and_check(&self, part: &Path, watch: Watch<'_>) -> Result<Result<File, String>, Failure> {
        self.receive_all(part, watch)?;
        heed(watch(Step::Checking))?;
        let open = || {
            let mut file = File::open(part)?;
            let digest = sha256(&file)?;
            file.rewind().map(|()| (file, digest))
        };
        let (file, digest) = open().map_err(|err| io_error("read", part, err))?;
        if digest == self.wheel.sha256 {
            return Ok(Ok(file));
        }
        fs::remove_file(part).map_err(|err| io_error("remove", part, err))?;
        Ok(Err(digest))
    }

    /// Asks again and again, for as long as more comes.
    fn receive_all(&self, part: &Path, watch: Watch<'_>) -> Result<(), Failure> {
        let agent = agent();
        let beginning = length(part);
        let (mut furthest, mut fruitless) = (beginning, 0);
        while length(part) < self.wheel.bytes {
            let broken = match self.attempt(&agent, part, watch) {
                Ok(()) => continue,
                Err(Attempt::Ended(failure)) => return Err(failure),
                Err(Attempt::Broken(error)) => error,
            };
            if length(part) > furthest {
                (furthest, fruitless) = (length(part), 0);
            }
            fruitless += 1;
            if fruitless >= FRUITLESS {
                // Nothing at all came: perhaps pip knows a proxy or a certificate.
                return Err(if furthest == beginning { Failure::Refused(broken) } else { Failure::Final(broken) });
            }
            log::info!("{}; trying again", broken.to_text());
            pause(FIRST_PAUSE * (1 << (fruitless - 1)), watch, furthest)?;
        }
        Ok(())
    }

    /// One request, as far as it gets.
    fn attempt(&self, agent: &Agent, part: &Path, watch: Watch<'_>) -> Result<(), Attempt> {
        let there = length(part);
        let mut request = agent.get(self.url);
        if there > 0 {
            request = request.header(header::RANGE, format!("bytes={there}-"));
        }
        let response = request.call().map_err(|err| self.not_reached(err))?;
        let starts_at = self.starts_at(&response, there)?;
        self.receive(response, part, there - starts_at, watch)
    }

    /// From which byte on the server sends: where we are, or the beginning if it cannot do otherwise.
    fn starts_at(&self, response: &Response<Body>, there: u64) -> Result<u64, Attempt> {
        let (status, bytes) = (response.status().as_u16(), self.wheel.bytes);
        let refused =
            |why: String| Failure::Refused(Error::dependency(format!("`{}` {why}", self.url_without_query())));
        match (status, content_range(response.headers())) {
            (200, _) => match response.body().content_length() {
                Some(length) if length != bytes => {
                    Err(refused(format!("has {length} bytes, `{}` must have {bytes}", self.wheel.file)).into())
                }
                _ => Ok(0),
            },
            (206, Some((start, total))) if start == there && total.is_none_or(|total| total == bytes) => Ok(start),
            (206, _) => Err(refused("sends another part than was asked for".to_owned()).into()),
            (429 | 500..=599, _) => Err(Attempt::Broken(Error::new(
                ErrorKind::Busy,
                format!("`{}` answers with status {status}", self.url_without_query()),
            ))),
            _ => Err(refused(format!("answers with status {status}")).into()),
        }
    }

    /// Appends the body to what is there, less the first `known` bytes of it.
    fn receive(&self, response: Response<Body>, part: &Path, mut known: u64, watch: Watch<'_>) -> Result<(), Attempt> {
        let open = || File::options().create(true).append(true).open(part);
        let mut file = open().map_err(|err| io_error("write", part, err))?;
        let mut body = response.into_body().into_reader();
        let mut at = length(part);
        let mut piece = vec![0; PIECE];
        while at < self.wheel.bytes {
            heed(watch(Step::Bytes(at)))?;
            let wanted = usize::try_from(known.saturating_add(self.wheel.bytes - at)).unwrap_or(PIECE).min(PIECE);
            let n = match body.read(&mut piece[..wanted]) {
                Ok(0) => return Err(Attempt::Broken(self.broke_off(part, at, None))),
                Ok(n) => n,
                Err(err) if err.kind() == io::ErrorKind::Interrupted => continue,
                Err(err) => return Err(Attempt::Broken(self.broke_off(part, at, Some(err)))),
            };
            let skipped = usize::try_from(known).unwrap_or(n).min(n);
            known -= skipped as u64;
            file.write_all(&piece[skipped..n]).map_err(|err| io_error("write", part, err))?;
            at += (n - skipped) as u64;
        }
        file.sync_all().map_err(|err| io_error("write", part, err).into())
    }

    fn not_reached(&self, err: ureq::Error) -> Attempt {
        let message = format!("cannot fetch `{}`", self.url_without_query());
        let is_passing = match &err {
            ureq::Error::Timeout(_) => true,
            ureq::Error::Io(cause) => !matches!(
                cause.kind(),
                // A certificate that is not trusted, or nobody there.
                io::ErrorKind::InvalidData | io::ErrorKind::ConnectionRefused | io::ErrorKind::NotFound
            ),
            _ => false,
        };
        let error = Error::new(ErrorKind::Busy, message).with_source(err);
        if is_passing { Attempt::Broken(error) } else { Attempt::Ended(Failure::Refused(error)) }
    }

    fn broke_off(&self, part: &Path, at: u64, cause: Option<io::Error>) -> Error {
        let message =
            format!("the connection broke off after {at} of {} bytes of `{}`", self.wheel.bytes, self.wheel.file);
        let error = Error::new(ErrorKind::Busy, message)
            .with_hint(format!("run the command again: what has come is kept in `{}`", part.display()));
        match cause {
            Some(cause) => error.with_source(cause),
            None => error,
        }
    }

    fn another_file(&self, digest: &str) -> Error {
        let (url, file, sha256) = (self.url_without_query(), &self.wheel.file, &self.wheel.sha256);
        let message = format!("what `{url}` sent has the SHA-256 {digest}, `{file}` must have {sha256}");
        Error::dependency(message).with_hint(
            "run the command again, in case it was damaged on the way; else give the file with `--wheel FILE`",
        )
    }

    /// The address without what may be a signature that lets others in.
    fn url_without_query(&self) -> &str {
        self.url.split('?').next().unwrap_or_default()
    }
}

fn agent() -> Agent {
    // The proxy is the one that the environment names, as for pip.
    let config = Agent::config_builder()
        .http_status_as_error(false)
        .tls_config(TlsConfig::builder().root_certs(RootCerts::PlatformVerifier).build())
        .user_agent(concat!("drivetrain/", env!("CARGO_PKG_VERSION")))
        .timeout_resolve(Some(ANSWER))
        .timeout_connect(Some(ANSWER))
        .timeout_recv_response(Some(ANSWER))
        .timeout_per_read(Some(SILENCE))
        .build();
    config.new_agent()
}

fn pause(length: Duration, watch: Watch<'_>, at: u64) -> Result<(), Failure> {
    let end = Instant::now() + length;
    while Instant::now() < end {
        heed(watch(Step::Bytes(at)))?;
        thread::sleep(NAP);
    }
    Ok(())
}

fn heed(answer: ControlFlow<()>) -> Result<(), Failure> {
    match answer {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(()) => Err(Error::new(ErrorKind::Cancelled, "cancelled by the caller").into()),
    }
}

fn length(part: &Path) -> u64 {
    fs::metadata(part).map_or(0, |facts| facts.len())
}

/// Where a part begins and how long the whole is: `bytes 100-199/200`, or `…/*`.
fn content_range(headers: &HeaderMap) -> Option<(u64, Option<u64>)> {
    let text = headers.get(header::CONTENT_RANGE)?.to_str().ok()?;
    let (range, total) = text.trim().strip_prefix("bytes ")?.split_once('/')?;
    let (start, _) = range.split_once('-')?;
    Some((start.trim().parse().ok()?, total.trim().parse().ok()))
}
