//! One file from the hub: resumed where it broke off, checked, and only then called by its name.

use std::{
    fs::{self, File},
    io::{self, Read, Write},
    path::{Path, PathBuf},
};

use drivetrain_contract::{Call, Error, ErrorKind, Result};

use super::{
    client::{Answer, Client},
    digest::Digest,
    failure::{Asked, Failure, io_error},
    listing::Remote,
    local::{make_folder_of, with_suffix},
    patience::Retries,
    settings::Patience,
};

/// Bytes that are read at once.
const PIECE: usize = 1 << 17;

/// Longest file whose length nobody states, in bytes.
const MAX_UNSTATED: u64 = 1 << 30;

/// A file to fetch.
pub(crate) struct Transfer<'a> {
    pub(crate) client: &'a Client<'a>,
    pub(crate) url: &'a str,
    pub(crate) asked: &'a Asked<'a>,
    pub(crate) remote: &'a Remote,
    pub(crate) target: &'a Path,
    pub(crate) patience: &'a Patience,
    pub(crate) call: &'a dyn Call,
}

/// How far a transfer has come.
pub(crate) enum Step {
    /// More has come: so many bytes, with which so many are there.
    More { new: u64, at: u64 },
    /// All are there; the checksum is computed.
    Checking,
}

/// The file as far as it is there, and what is known of it: from the list, completed by the headers.
struct Part {
    path: PathBuf,
    size: Option<u64>,
    digest: Option<Digest>,
}

impl Transfer<'_> {
    /// Fetches the file; bytes that an earlier attempt left in `….part` are not fetched again.
    ///
    /// # Errors
    /// What the hub refuses it with, a checksum that differs, and what the file system fails with.
    pub(crate) fn run(&self, observe: &mut dyn FnMut(Step)) -> Result<()> {
        make_folder_of(self.target)?;
        let path = with_suffix(self.target, ".part");
        let mut part = Part { path, size: self.remote.size, digest: self.remote.digest.clone() };
        let is_resumed = part.length() > 0;
        self.receive_all(&mut part, observe)?;
        observe(Step::Checking);
        let mut found = self.check(&part)?;
        if found.is_some() && is_resumed {
            // What an earlier run left may have been something else; what comes in one run is what the hub sends.
            log::warn!("{} does not fit what was there of it; fetching it anew", self.asked.what());
            part.remove()?;
            self.receive_all(&mut part, observe)?;
            found = self.check(&part)?;
        }
        if let Some(found) = found {
            part.remove()?;
            return Err(self.wrong(&part, &found));
        }
        fs::rename(&part.path, self.target).map_err(|err| io_error("move into place", self.target, err))
    }

    /// Asks again and again, for as long as more comes.
    fn receive_all(&self, part: &mut Part, observe: &mut dyn FnMut(Step)) -> Result<()> {
        let mut retries = Retries::new(self.patience);
        let mut furthest = part.length();
        while !part.is_complete() {
            let Err(failure) = self.attempt(part, observe) else { break };
            // A server that begins anew each time makes no progress, however much it sends.
            if part.length() > furthest {
                furthest = part.length();
                retries.progressed();
            }
            retries.wait(failure, self.call)?;
        }
        Ok(())
    }

    /// One request, as far as it gets.
    fn attempt(&self, part: &mut Part, observe: &mut dyn FnMut(Step)) -> Result<(), Failure> {
        if part.size.is_some_and(|size| part.length() > size) {
            part.remove()?;
        }
        let from = part.length();
        let answer = self.client.get(self.url, from, self.asked)?;
        part.complete(&answer);
        let goes_on = answer.status == 206
            && answer.range.is_some_and(|(start, total)| {
                start == from && total.zip(part.size).is_none_or(|(total, size)| total == size)
            });
        match answer.status {
            206 if goes_on => self.receive(answer, part, from, observe),
            200 => self.receive(answer, part, 0, observe),
            _ => {
                part.remove()?;
                let message = format!("the hub does not go on with {} where it broke off", self.asked.what());
                Err(Failure::passing(Error::new(ErrorKind::Busy, message)))
            }
        }
    }

    /// Appends the body to the first `from` bytes.
    fn receive(
        &self,
        mut answer: Answer,
        part: &Part,
        from: u64,
        observe: &mut dyn FnMut(Step),
    ) -> Result<(), Failure> {
        let limit = part.size.unwrap_or(MAX_UNSTATED);
        let mut file = part.open_at(from)?;
        let mut at = from;
        let mut piece = vec![0; PIECE];
        loop {
            self.call.check()?;
            let n = match answer.body.read(&mut piece) {
                Ok(0) if part.size.is_some_and(|size| at < size) => return Err(self.broke_off(at, None)),
                Ok(0) => break,
                Ok(n) => n,
                Err(err) if err.kind() == io::ErrorKind::Interrupted => continue,
                Err(err) => return Err(self.broke_off(at, Some(err))),
            };
            at += n as u64;
            if at > limit {
                drop(file);
                part.remove()?;
                let message = format!("the hub sends more of {} than the {limit} bytes it has", self.asked.what());
                return Err(Error::model(message).into());
            }
            file.write_all(&piece[..n]).map_err(|err| io_error("write", &part.path, err))?;
            observe(Step::More { new: n as u64, at });
        }
        file.sync_all().map_err(|err| Failure::Final(io_error("write", &part.path, err)))
    }

    fn broke_off(&self, at: u64, cause: Option<io::Error>) -> Failure {
        let is_timeout = |err: &io::Error| {
            let inner = err.get_ref().and_then(|inner| inner.downcast_ref::<ureq::Error>());
            err.kind() == io::ErrorKind::TimedOut || matches!(inner, Some(ureq::Error::Timeout(_)))
        };
        if cause.as_ref().is_some_and(is_timeout) {
            return Failure::passing(self.client.silent(self.url));
        }
        let message = format!("the connection broke off after {at} bytes of {}", self.asked.what());
        let error = Error::new(ErrorKind::Busy, message).with_hint("try again: what has come so far is kept");
        Failure::passing(match cause {
            Some(cause) => error.with_source(cause),
            None => error,
        })
    }

    /// The checksum that was found, if it is not the one it should be.
    fn check(&self, part: &Part) -> Result<Option<Digest>> {
        let Some(stated) = &part.digest else {
            log::debug!("the hub states no checksum for {}", self.asked.what());
            return Ok(None);
        };
        let found = stated.of_same_kind(&part.path, self.call)?;
        Ok((found != *stated).then_some(found))
    }

    fn wrong(&self, part: &Part, found: &Digest) -> Error {
        let stated = part.digest.as_ref().map(ToString::to_string).unwrap_or_default();
        let message = format!("the checksum of {} is `{found}`, not `{stated}`", self.asked.what());
        Error::model(message).with_hint("it was damaged on the way, or is not what the hub lists: try again later")
    }
}

impl Part {
    fn length(&self) -> u64 {
        fs::metadata(&self.path).map_or(0, |facts| facts.len())
    }

    /// Whether no byte is missing, as far as the length is known.
    fn is_complete(&self) -> bool {
        self.size == Some(self.length()) && self.path.is_file()
    }

    /// Takes what the list left out from the headers.
    fn complete(&mut self, answer: &Answer) {
        let total = answer.range.filter(|_| answer.status == 206).and_then(|(_, total)| total);
        self.size = self.size.or(answer.stated.size).or(total);
        if self.digest.is_none() {
            self.digest.clone_from(&answer.stated.digest);
        }
    }

    /// The file, cut off after its first `from` bytes, open for more.
    fn open_at(&self, from: u64) -> Result<File> {
        let open = || {
            let file = File::options().create(true).append(true).open(&self.path)?;
            file.set_len(from)?;
            Ok(file)
        };
        open().map_err(|err| io_error("write", &self.path, err))
    }

    fn remove(&self) -> Result<()> {
        match fs::remove_file(&self.path) {
            Err(err) if err.kind() != io::ErrorKind::NotFound => Err(io_error("remove", &self.path, err)),
            _ => Ok(()),
        }
    }
}
