//! How the hub is reached, as the environment says: the variables that huggingface_hub reads, with its meanings.

use std::{env, ffi::OsString, fs, path::PathBuf};

use drivetrain_package::hub::{HubSettings, Proxy, Token};

/// Longest file that could hold a token, in bytes.
const MAX_TOKEN: u64 = 4096;

/// How the hub is reached, as the environment says.
///
/// `HF_ENDPOINT` is its address, `HF_TOKEN` the token (else the file that `HF_TOKEN_PATH` names, else `token` in
/// `HF_HOME`; none with `HF_HUB_DISABLE_IMPLICIT_TOKEN`), `HF_HUB_CACHE` the cache of other programs (else `hub` in
/// `HF_HOME`, which is `~/.cache/huggingface` unless set), `HF_HUB_OFFLINE` says that nothing is fetched.
/// `HTTPS_PROXY`, `ALL_PROXY` and `NO_PROXY` name a proxy.
pub fn hub_from_environment() -> HubSettings {
    settings(&|name| env::var_os(name), etcetera::home_dir().ok())
}

/// The same from variables that `variable` gives.
fn settings(variable: &dyn Fn(&str) -> Option<OsString>, home: Option<PathBuf>) -> HubSettings {
    let set = |name: &str| variable(name).filter(|value| !value.is_empty());
    let text = |name: &str| set(name).and_then(|value| value.into_string().ok());
    let folder = |name: &str| set(name).map(PathBuf::from);
    let is_on = |name: &str| text(name).is_some_and(|value| is_true(&value));

    let hf_home = folder("HF_HOME").or_else(|| {
        let caches = folder("XDG_CACHE_HOME").or_else(|| Some(home?.join(".cache")));
        caches.map(|caches| caches.join("huggingface"))
    });
    let in_home = |name: &str| hf_home.as_ref().map(|folder| folder.join(name));
    let token_file = folder("HF_TOKEN_PATH").or_else(|| in_home("token"));
    let token = || {
        let named = text("HF_TOKEN").or_else(|| text("HUGGING_FACE_HUB_TOKEN"));
        Token::new(&named.or_else(|| token_in(token_file?))?)
    };
    let endpoint = text("HF_ENDPOINT").unwrap_or_else(|| HubSettings::PUBLIC.to_owned());
    let proxy_variables = match endpoint.starts_with("http://") {
        true => ["http_proxy", "HTTP_PROXY"],
        false => ["https_proxy", "HTTPS_PROXY"],
    };
    let proxy_url = proxy_variables.into_iter().chain(["all_proxy", "ALL_PROXY"]).find_map(text);
    let direct = text("no_proxy").or_else(|| text("NO_PROXY")).unwrap_or_default();
    HubSettings {
        endpoint: endpoint.trim().trim_end_matches('/').to_owned(),
        token: if is_on("HF_HUB_DISABLE_IMPLICIT_TOKEN") { None } else { token() },
        cache: folder("HF_HUB_CACHE").or_else(|| in_home("hub")),
        offline: is_on("HF_HUB_OFFLINE"),
        proxy: proxy_url.map(|url| Proxy { url, except: exceptions(&direct) }),
        ..HubSettings::default()
    }
}

/// What huggingface_hub takes for true.
fn is_true(value: &str) -> bool {
    ["1", "on", "yes", "true"].contains(&value.to_ascii_lowercase().as_str())
}

fn token_in(path: PathBuf) -> Option<String> {
    let facts = fs::metadata(&path).ok()?;
    if !facts.is_file() || facts.len() > MAX_TOKEN {
        return None;
    }
    fs::read_to_string(path).ok()
}

/// A name stands for a host and, as curl and Python have it, for those below it.
fn exceptions(list: &str) -> Vec<String> {
    let names = list.split(',').map(str::trim).filter(|name| !name.is_empty());
    names
        .flat_map(|name| {
            if name.starts_with(['.', '*']) { vec![name.to_owned()] } else { vec![name.to_owned(), format!(".{name}")] }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(variables: &[(&str, &str)]) -> HubSettings {
        let find = |name: &str| variables.iter().find(|(key, _)| *key == name).map(|(_, value)| OsString::from(value));
        settings(&find, Some(PathBuf::from("/users/me")))
    }

    #[test]
    fn nothing_set_is_the_public_hub() {
        let expect = HubSettings { cache: Some("/users/me/.cache/huggingface/hub".into()), ..HubSettings::default() };
        assert_eq!(read(&[]), expect);
        assert_eq!(read(&[("HF_ENDPOINT", ""), ("HF_TOKEN", " "), ("HF_HUB_OFFLINE", "0")]), expect);
    }

    #[test]
    fn variables_mean_what_they_mean_elsewhere() {
        let settings = read(&[
            ("HF_HOME", "/hf"),
            ("HF_ENDPOINT", "https://mirror.example/hub/"),
            ("HF_TOKEN", "hf_x"),
            ("HF_HUB_OFFLINE", "True"),
            ("HTTPS_PROXY", "http://proxy:3128"),
            ("NO_PROXY", "localhost, .local"),
        ]);
        assert_eq!(settings.cache, Some("/hf/hub".into()));
        assert_eq!(settings.endpoint, "https://mirror.example/hub");
        assert_eq!(settings.token, Token::new("hf_x"));
        assert!(settings.offline);
        let except = ["localhost", ".localhost", ".local"].map(str::to_owned).to_vec();
        assert_eq!(settings.proxy, Some(Proxy { url: "http://proxy:3128".into(), except }));

        assert_eq!(read(&[("XDG_CACHE_HOME", "/c")]).cache, Some("/c/huggingface/hub".into()));
        assert_eq!(read(&[("HF_HUB_CACHE", "/c"), ("HF_HOME", "/hf")]).cache, Some("/c".into()));
        assert_eq!(read(&[("HTTPS_PROXY", "p:1"), ("HF_ENDPOINT", "http://h")]).proxy, None);
        assert_eq!(read(&[("HF_TOKEN", "x"), ("HF_HUB_DISABLE_IMPLICIT_TOKEN", "1")]).token, None);
    }

    #[test]
    fn the_token_may_be_in_a_file() {
        let home = tempfile::tempdir().unwrap();
        fs::write(home.path().join("token"), "hf_file\n").unwrap();
        let path = home.path().to_str().unwrap();
        assert_eq!(read(&[("HF_HOME", path)]).token, Token::new("hf_file"));
        assert_eq!(read(&[("HF_HOME", path), ("HF_TOKEN", "hf_variable")]).token, Token::new("hf_variable"));
        assert_eq!(read(&[("HF_TOKEN_PATH", path)]).token, None);
        fs::write(home.path().join("token"), "x".repeat(10_000)).unwrap();
        assert_eq!(read(&[("HF_HOME", path)]).token, None);
    }
}
