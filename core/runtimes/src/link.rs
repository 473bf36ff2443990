//! Where pip would take a wheel from, in its own words.
//!
//! pip knows the user's indexes, certificates and passwords, but begins a download anew each time. So it is asked to
//! download, with all it has to say, and stopped when it names the address of the file: from there we go on ourselves.
//! Where it names none (a wheel in a folder, an address with a password, another wording one day), it just goes on.

use std::ops::ControlFlow;

/// How pip says at `-vv` that a file may be what was asked for: `Found link URL (from PAGE) …, version: …`.
const MARK: &str = "Found link ";

/// Looks for the address of `file` in a line of pip's.
///
/// Breaks with the first mention of the file: that is the one pip would take. With `None` if it is none that can be
/// fetched from without pip.
pub(crate) fn address(line: &str, file: &str) -> ControlFlow<Option<String>> {
    let Some((_, rest)) = line.split_once(MARK) else { return ControlFlow::Continue(()) };
    let url = rest.split([' ', '#', '\n', '\r']).next().unwrap_or_default();
    let path = url.split('?').next().unwrap_or_default();
    let name = path.rsplit('/').next().unwrap_or_default();
    if name.replace("%2B", "+").replace("%2b", "+") != file {
        return ControlFlow::Continue(());
    }
    let is_web = ["http://", "https://"].iter().any(|scheme| url.starts_with(scheme));
    // What stands before an `@` is a name and a password, which pip writes as stars.
    ControlFlow::Break((is_web && !url.contains('@')).then(|| url.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(line: &str, expect: ControlFlow<Option<&str>>) {
        let found = address(line, "torch-2.13.0+cpu-cp312-cp312-linux_x86_64.whl");
        assert_eq!(found, expect.map_break(|url| url.map(str::to_owned)), "{line}");
    }

    #[test]
    fn the_first_mention_of_the_file_counts() {
        use ControlFlow::{Break, Continue};
        let url = "https://files.example/a/torch-2.13.0%2Bcpu-cp312-cp312-linux_x86_64.whl";
        let end = " (from https://index.example/simple/torch/) (requires-python:>=3.10), version: 2.13.0";
        check(&format!("  Found link {url}#sha256=00{end}\n"), Break(Some(url)));
        check(&format!("Found link {url}?signature=x%2Fy{end}"), Break(Some(&format!("{url}?signature=x%2Fy"))));
        check(&format!("Found link {url}\r\n"), Break(Some(url)));
        check(&format!("Skipping link: none of the wheel's tags match: {url}{end}"), Continue(()));
        check(&format!("Found link {}{end}", url.replace("linux", "win")), Continue(()));
        check(&format!("Found link {}{end}", url.replace("https", "file")), Break(None));
        check(&format!("Found link {}{end}", url.replace("//", "//me:****@")), Break(None));
        for line in ["", "Found link", "Found link ", "Collecting torch==2.13.0"] {
            check(line, Continue(()));
        }
    }
}
