//! What the file name of a wheel says, and the arguments that make pip fetch exactly that file.
//!
//! Format: <https://packaging.python.org/en/latest/specifications/binary-distribution-format/#file-name-convention>.

use drivetrain_contract::{Error, Result};

/// The parts of `{package}-{version}[-{build}]-{python}-{abi}-{platform}.whl`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WheelName {
    /// Name of the package, with `_` for `-`.
    pub package: String,
    /// Version of the package.
    pub version: String,
    /// Interpreter tag, the last where there are several: `cp312`, `py3`.
    pub python: String,
    /// Binary interface tag: `cp312`, `none`.
    pub abi: String,
    /// Platform tags: `manylinux_2_28_x86_64`.
    pub platforms: Vec<String>,
}

/// The interpreter to ask for where a wheel fits every one.
const ANY_PYTHON_3: &str = "3.12";

impl WheelName {
    /// Reads the file name of a wheel.
    ///
    /// # Errors
    /// [`drivetrain_contract::ErrorKind::Invalid`] when it is not one.
    pub fn parse(file: &str) -> Result<Self> {
        let invalid = || Error::invalid(format!("`{file}` is not the file name of a wheel"));
        let stem = file.strip_suffix(".whl").ok_or_else(invalid)?;
        let parts: Vec<&str> = stem.split('-').collect();
        let (package, version, tags) = match parts[..] {
            [package, version, ref tags @ ..] if tags.len() == 3 => (package, version, tags),
            [package, version, _build, ref tags @ ..] if tags.len() == 3 => (package, version, tags),
            _ => return Err(invalid()),
        };
        if !parts.iter().all(|part| is_plain(part)) {
            return Err(invalid());
        }
        Ok(Self {
            package: package.to_owned(),
            version: version.to_owned(),
            python: last_tag(tags[0]),
            abi: last_tag(tags[1]),
            platforms: tags[2].split('.').map(str::to_owned).collect(),
        })
    }

    /// Arguments of `pip download` that ask for this file whatever interpreter pip itself runs on.
    pub fn pip_args(&self) -> Vec<String> {
        let digits = self.python.trim_start_matches(|c: char| !c.is_ascii_digit());
        let implementation = &self.python[..self.python.len() - digits.len()];
        let python_version = match digits.split_at_checked(1) {
            Some((major, minor)) if !minor.is_empty() => format!("{major}.{minor}"),
            // pip takes a bare `3` for 3.0, which many packages no longer support; these wheels fit any of the series.
            _ if digits == "3" => ANY_PYTHON_3.to_owned(),
            _ => digits.to_owned(),
        };
        let options = [
            ("--python-version", python_version.as_str()),
            ("--implementation", implementation),
            ("--abi", self.abi.as_str()),
        ];
        let platforms = self.platforms.iter().map(|platform| ("--platform", platform.as_str()));
        let mut args = vec!["--only-binary=:all:".to_owned()];
        for (option, value) in options.into_iter().chain(platforms) {
            args.extend([option.to_owned(), value.to_owned()]);
        }
        args.push(format!("{}=={}", self.package, self.version));
        args
    }
}

/// Names become arguments of a command and parts of a path, so they are letters, digits and harmless signs only.
fn is_plain(part: &str) -> bool {
    !part.is_empty() && part.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '+' | '!'))
}

fn last_tag(tags: &str) -> String {
    tags.rsplit('.').next().unwrap_or(tags).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(file: &str, expect: &str) {
        assert_eq!(WheelName::parse(file).unwrap().pip_args().join(" "), expect);
    }

    #[test]
    fn pip_is_asked_for_that_very_file() {
        check(
            "onnxruntime-1.28.0-cp312-cp312-manylinux_2_27_x86_64.manylinux_2_28_x86_64.whl",
            "--only-binary=:all: --python-version 3.12 --implementation cp --abi cp312 \
             --platform manylinux_2_27_x86_64 --platform manylinux_2_28_x86_64 onnxruntime==1.28.0",
        );
        check(
            "openvino-2026.4.1-22982-cp312-cp312-macosx_11_0_arm64.whl",
            "--only-binary=:all: --python-version 3.12 --implementation cp --abi cp312 \
             --platform macosx_11_0_arm64 openvino==2026.4.1",
        );
        check(
            "nvidia_cuda_cupti-13.0.85-py2.py3-none-win_amd64.whl",
            "--only-binary=:all: --python-version 3.12 --implementation py --abi none --platform win_amd64 \
             nvidia_cuda_cupti==13.0.85",
        );
    }

    #[test]
    fn other_names_are_refused() {
        for file in
            ["", ".whl", "a.zip", "a-1.whl", "a-1-b-c.whl", "a-1-2-3-4-5-6.whl", "../a-1-b-c-d.whl", "a--b-c-d.whl"]
        {
            assert!(WheelName::parse(file).is_err(), "{file:?}");
        }
    }
}
