//! The members of a zip archive whose bytes lie in it as they are, which is how torch writes weights.
//!
//! Format: PKWARE's APPNOTE.TXT 6.3, sections 4.3 and 4.4. Only the directory at the end is believed, each member's own
//! header just says where its bytes begin.

use std::collections::BTreeMap;

use drivetrain_contract::Result;

use super::source::Source;

/// Longest directory that is read: some 100,000 members.
const MOST_DIRECTORY_BYTES: u64 = 8 << 20;

/// Bytes of the record at the end, of its 64-bit form, and of what leads to that.
const END_BYTES: usize = 22;
const END64_BYTES: usize = 56;
const LOCATOR64_BYTES: usize = 20;
/// Bytes of an entry of the directory and of a member's own header, without names.
const ENTRY_BYTES: usize = 46;
const MEMBER_BYTES: usize = 30;
/// Longest comment after the record at the end.
const MOST_COMMENT_BYTES: usize = u16::MAX as usize;

/// What is wrong with an archive.
pub(super) type Problem = String;

/// The directory of an archive.
#[derive(Debug)]
pub(super) struct Archive<'s> {
    source: &'s Source,
    members: BTreeMap<String, Member>,
}

/// Bytes of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) offset: u64,
    pub(super) n_bytes: u64,
}

#[derive(Clone, Copy, Debug)]
struct Member {
    header: u64,
    n_bytes: u64,
    is_plain: bool,
}

impl<'s> Archive<'s> {
    /// Reads the directory.
    pub(super) fn open(source: &'s Source) -> Result<Result<Self, Problem>> {
        let directory = match find_directory(source)? {
            Ok(directory) => directory,
            Err(problem) => return Ok(Err(problem)),
        };
        let mut bytes = vec![0; directory.n_bytes as usize];
        source.read_at(&mut bytes, directory.offset)?;
        Ok(read_members(&bytes).map(|members| Self { source, members }))
    }

    /// Names of the members, sorted.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.members.keys().map(String::as_str)
    }

    /// Where the bytes of a member are.
    pub(super) fn member(&self, name: &str) -> Result<Result<Span, Problem>> {
        let Some(&Member { header, n_bytes, is_plain }) = self.members.get(name) else {
            return Ok(Err(format!("it has no member `{name}`")));
        };
        if !is_plain {
            return Ok(Err(format!("its member `{name}` is compressed or encrypted")));
        }
        let outside = format!("its member `{name}` lies outside of it");
        if !fits(self.source, header, MEMBER_BYTES as u64) {
            return Ok(Err(outside));
        }
        let mut bytes = [0; MEMBER_BYTES];
        self.source.read_at(&mut bytes, header)?;
        if bytes[..4] != *b"PK\x03\x04" {
            return Ok(Err(format!("its member `{name}` is not where the directory says")));
        }
        let names = u64::from(u16_at(&bytes, 26)) + u64::from(u16_at(&bytes, 28));
        let offset = header + MEMBER_BYTES as u64 + names;
        Ok(if fits(self.source, offset, n_bytes) { Ok(Span { offset, n_bytes }) } else { Err(outside) })
    }
}

fn find_directory(source: &Source) -> Result<Result<Span, Problem>> {
    let tail_bytes = source.length().min((END_BYTES + MOST_COMMENT_BYTES) as u64);
    let tail_start = source.length() - tail_bytes;
    let mut tail = vec![0; tail_bytes as usize];
    source.read_at(&mut tail, tail_start)?;
    let is_end = |at: &usize| {
        tail[*at..].starts_with(b"PK\x05\x06") && tail.len() - at - END_BYTES == usize::from(u16_at(&tail[*at..], 20))
    };
    let Some(at) = (0..=tail.len().saturating_sub(END_BYTES)).rev().filter(|_| tail.len() >= END_BYTES).find(is_end)
    else {
        return Ok(Err("it is truncated: it does not end as an archive does".to_owned()));
    };
    let end = &tail[at..];
    let (n_bytes, offset) = (u32_at(end, 12), u32_at(end, 16));
    let span = Span { offset: offset.into(), n_bytes: n_bytes.into() };
    let needs_more = offset == u32::MAX || n_bytes == u32::MAX || u16_at(end, 10) == u16::MAX;
    let span = if needs_more { read_end64(source, tail_start + at as u64)? } else { Ok(span) };
    Ok(span.and_then(|span| match fits(source, span.offset, span.n_bytes) {
        true if span.n_bytes <= MOST_DIRECTORY_BYTES => Ok(span),
        true => Err(format!("its directory has {} bytes", span.n_bytes)),
        false => Err("its directory lies outside of it".to_owned()),
    }))
}

/// The directory's place in 64 bits, from the record that what lies before the end leads to.
fn read_end64(source: &Source, end: u64) -> Result<Result<Span, Problem>> {
    let wrong = || Ok(Err("its 64-bit record is not where it must be".to_owned()));
    let Some(locator_at) = end.checked_sub(LOCATOR64_BYTES as u64) else { return wrong() };
    let mut locator = [0; LOCATOR64_BYTES];
    source.read_at(&mut locator, locator_at)?;
    let at = u64_at(&locator, 8);
    if locator[..4] != *b"PK\x06\x07" || !fits(source, at, END64_BYTES as u64) {
        return wrong();
    }
    let mut record = [0; END64_BYTES];
    source.read_at(&mut record, at)?;
    if record[..4] != *b"PK\x06\x06" {
        return wrong();
    }
    Ok(Ok(Span { offset: u64_at(&record, 48), n_bytes: u64_at(&record, 40) }))
}

fn read_members(mut bytes: &[u8]) -> Result<BTreeMap<String, Member>, Problem> {
    let mut members = BTreeMap::new();
    while !bytes.is_empty() {
        let broken = || "its directory is broken".to_owned();
        if bytes.len() < ENTRY_BYTES || bytes[..4] != *b"PK\x01\x02" {
            return Err(broken());
        }
        let [name_len, extra_len, comment_len] = [28, 30, 32].map(|at| usize::from(u16_at(bytes, at)));
        let rest = &bytes[ENTRY_BYTES..];
        if rest.len() < name_len + extra_len + comment_len {
            return Err(broken());
        }
        let (name, rest) = rest.split_at(name_len);
        let (extra, rest) = rest.split_at(extra_len);
        let mut long = LongFields::find(extra);
        // In this order, each only where the short field is full (4.5.3).
        let plain_bytes = long.or_next(u32_at(bytes, 24)).ok_or_else(broken)?;
        let stored_bytes = long.or_next(u32_at(bytes, 20)).ok_or_else(broken)?;
        let header = long.or_next(u32_at(bytes, 42)).ok_or_else(broken)?;
        let is_encrypted = u16_at(bytes, 8) & 1 == 1;
        let is_plain = u16_at(bytes, 10) == 0 && !is_encrypted && plain_bytes == stored_bytes;
        let name = std::str::from_utf8(name).map_err(|_| "a member's name is not UTF-8".to_owned())?;
        if members.insert(name.to_owned(), Member { header, n_bytes: plain_bytes, is_plain }).is_some() {
            return Err(format!("its member `{name}` is there twice"));
        }
        bytes = &rest[comment_len..];
    }
    Ok(members)
}

/// The 64-bit numbers of an entry whose short fields are full.
struct LongFields<'a>(&'a [u8]);

impl<'a> LongFields<'a> {
    fn find(mut extra: &'a [u8]) -> Self {
        while extra.len() >= 4 {
            let (kind, len) = (u16_at(extra, 0), usize::from(u16_at(extra, 2)));
            let Some(field) = extra[4..].get(..len) else { break };
            if kind == 1 {
                return Self(field);
            }
            extra = &extra[4 + len..];
        }
        Self(&[])
    }

    fn or_next(&mut self, short: u32) -> Option<u64> {
        if short != u32::MAX {
            return Some(short.into());
        }
        let (number, rest) = self.0.split_first_chunk::<8>()?;
        self.0 = rest;
        Some(u64::from_le_bytes(*number))
    }
}

fn fits(source: &Source, offset: u64, n_bytes: u64) -> bool {
    offset.checked_add(n_bytes).is_some_and(|end| end <= source.length())
}

fn u16_at(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes([bytes[at], bytes[at + 1]])
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from(u16_at(bytes, at)) | u32::from(u16_at(bytes, at + 2)) << 16
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from(u32_at(bytes, at)) | u64::from(u32_at(bytes, at + 4)) << 32
}
