//! Unpacking the wanted members of a wheel, which is a zip file, and nothing else.

use std::{
    fs::{self, File},
    io::{BufReader, Read, Write},
    ops::ControlFlow,
    path::Path,
};

use drivetrain_contract::{Error, ErrorKind, Result};
use zip::{ZipArchive, result::ZipError};

use crate::{Wheel, failure::io_error, record::FileRecord, relative::is_inside};

/// No library we know comes near this; more is a mistake or an attack.
const MAX_BYTES: u64 = 16 << 30;

const PIECE: usize = 1 << 20;

type Archive = ZipArchive<BufReader<File>>;

/// A member to unpack: its number in the archive and where it goes.
struct Item {
    index: usize,
    target: String,
    bytes: u64,
}

/// Unpacks what the catalogue wants of a wheel into `root`; `watch` hears bytes done and bytes in all.
pub(crate) fn unpack(
    file: File,
    wheel: &Wheel,
    root: &Path,
    watch: &mut dyn FnMut(u64, u64) -> ControlFlow<()>,
) -> Result<Vec<FileRecord>> {
    unpack_limited(file, wheel, root, MAX_BYTES, watch)
}

fn unpack_limited(
    file: File,
    wheel: &Wheel,
    root: &Path,
    limit: u64,
    watch: &mut dyn FnMut(u64, u64) -> ControlFlow<()>,
) -> Result<Vec<FileRecord>> {
    let mut archive = ZipArchive::new(BufReader::new(file)).map_err(|err| broken(wheel, err))?;
    let items = plan(&mut archive, wheel)?;
    let total = items.iter().fold(0, |sum: u64, item| sum.saturating_add(item.bytes));
    if total > limit {
        return Err(Error::dependency(format!("`{}` would unpack to {total} bytes, more than {limit}", wheel.file)));
    }
    let mut done = 0;
    for item in &items {
        copy(&mut archive, item, wheel, root, &mut |bytes| {
            done += bytes;
            watch(done, total)
        })?;
    }
    Ok(items.into_iter().map(|item| FileRecord { path: item.target, bytes: item.bytes }).collect())
}

fn plan(archive: &mut Archive, wheel: &Wheel) -> Result<Vec<Item>> {
    let mut items = Vec::new();
    for (member, target) in &wheel.unpack {
        let before = items.len();
        for index in 0..archive.len() {
            let entry = archive.by_index_raw(index).map_err(|err| broken(wheel, err))?;
            // A name that is no text is none of those we ask for.
            let Some(target) = entry.name().ok().and_then(|name| target_of(&name, member, target)) else { continue };
            if !is_inside(&target) {
                return Err(Error::dependency(format!("`{}` holds a file that leads to `{target}`", wheel.file)));
            }
            items.push(Item { index, target, bytes: entry.size() });
        }
        if items.len() == before {
            return Err(Error::dependency(format!("`{}` holds no `{member}`", wheel.file)));
        }
    }
    Ok(items)
}

/// Where the entry `name` goes by the rule `member → target`, if the rule speaks of it.
fn target_of(name: &str, member: &str, target: &str) -> Option<String> {
    if name.ends_with('/') {
        return None;
    }
    let own_name = match member.ends_with('/') {
        true => name.strip_prefix(member)?,
        false if name == member => name.rsplit('/').next()?,
        false => return None,
    };
    Some(if target.ends_with('/') { format!("{target}{own_name}") } else { target.to_owned() })
}

fn copy(
    archive: &mut Archive,
    item: &Item,
    wheel: &Wheel,
    root: &Path,
    watch: &mut dyn FnMut(u64) -> ControlFlow<()>,
) -> Result<()> {
    let path = root.join(&item.target);
    let parent = path.parent().unwrap_or(root);
    fs::create_dir_all(parent).map_err(|err| io_error("create", parent, err))?;
    let mut file = File::create_new(&path).map_err(|err| io_error("create", &path, err))?;
    // One byte more than announced: what goes on longer than it says is noticed instead of believed.
    let entry = archive.by_index(item.index).map_err(|err| broken(wheel, err))?;
    let mut entry = entry.take(item.bytes.saturating_add(1));
    let mut piece = vec![0; PIECE];
    let mut written: u64 = 0;
    loop {
        let n = entry.read(&mut piece).map_err(|err| broken(wheel, ZipError::Io(err)))?;
        if n == 0 {
            break;
        }
        file.write_all(&piece[..n]).map_err(|err| io_error("write", &path, err))?;
        written += n as u64;
        if watch(n as u64).is_break() {
            return Err(Error::new(ErrorKind::Cancelled, "cancelled by the caller"));
        }
    }
    if written != item.bytes {
        let message = format!("`{}` in `{}` is not {} bytes long as announced", item.target, wheel.file, item.bytes);
        return Err(Error::dependency(message));
    }
    file.sync_all().map_err(|err| io_error("write", &path, err))
}

fn broken(wheel: &Wheel, err: ZipError) -> Error {
    Error::dependency(format!("`{}` cannot be unpacked", wheel.file)).with_source(err)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::testing::{wheel_entry, write_wheel};

    /// Unpacks the members into a fresh folder and returns its files, or the error.
    fn check(members: &[(&str, &[u8])], rules: &[(&str, &str)], limit: u64) -> Result<Vec<String>> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("demo-1.2.3-py3-none-any.whl");
        let wheel = wheel_entry(&write_wheel(&path, members), rules);
        let root = folder.path().join("root");
        fs::create_dir(&root).unwrap();
        let mut last = (0, 0);
        let files = unpack_limited(File::open(&path).unwrap(), &wheel, &root, limit, &mut |done, total| {
            last = (done, total);
            ControlFlow::Continue(())
        })?;
        assert_eq!(last.0, last.1);
        for file in &files {
            assert_eq!(fs::metadata(root.join(&file.path)).unwrap().len(), file.bytes);
        }
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2, "nothing may be written beside the folder");
        Ok(files.into_iter().map(|file| file.path).collect())
    }

    #[test]
    fn only_the_wanted_members_are_unpacked() {
        let members: &[(&str, &[u8])] =
            &[("a/lib.so", b"1234"), ("a/deep/x.so", b""), ("a/b.py", b"no"), ("LICENSE", b"L")];
        let files = check(members, &[("a/lib.so", "lib/"), ("LICENSE", "licenses/demo.txt")], 100).unwrap();
        assert_eq!(files, ["licenses/demo.txt", "lib/lib.so"]);
        let files = check(members, &[("a/", "all/")], 100).unwrap();
        assert_eq!(files, ["all/lib.so", "all/deep/x.so", "all/b.py"]);
    }

    #[test]
    fn hostile_or_wrong_wheels_are_refused() {
        for (members, rule, why) in [
            (&[("a/../../evil", b"x".as_slice())], ("a/", "lib/"), "leads to"),
            (&[("a//evil", b"x")], ("a/", "lib/"), "leads to"),
            (&[("a/x", b"x")], ("b/x", "lib/"), "holds no `b/x`"),
            (&[("a/x", &[0; 5000])], ("a/x", "lib/"), "more than 100"),
        ] {
            let err = check(members, &[rule], 100).unwrap_err();
            assert!(err.to_string().contains(why), "{err}");
        }
    }

    #[test]
    fn what_is_not_a_zip_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("demo-1.2.3-py3-none-any.whl");
        let wheel = wheel_entry(&write_wheel(&path, &[("a/x", &[7; 4096])]), &[("a/x", "lib/")]);
        let whole = fs::read(&path).unwrap();
        for bytes in [&b""[..], b"PK\x05\x06", b"text, not a zip", &whole[..whole.len() / 2], &whole[..whole.len() - 4]]
        {
            fs::write(&path, bytes).unwrap();
            let file = File::open(&path).unwrap();
            let err = unpack(file, &wheel, folder.path(), &mut |_, _| ControlFlow::Continue(())).unwrap_err();
            assert_eq!(err.kind(), ErrorKind::Dependency, "{err}");
        }
    }
}
