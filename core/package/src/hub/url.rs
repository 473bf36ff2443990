//! The few operations on addresses that following a redirect takes.

use drivetrain_contract::{Error, Result};

/// Scheme, host and port of an address, with whatever stands before the host: two addresses with the same origin are
/// answered by the same server.
pub(crate) fn origin(url: &str) -> Option<&str> {
    let host = scheme(url)?.len() + "://".len();
    let end = url[host..].find(['/', '?', '#']).map_or(url.len(), |at| host + at);
    (end > host).then(|| &url[..end])
}

/// `http` or `https`; nothing else is spoken.
pub(crate) fn scheme(url: &str) -> Option<&str> {
    ["https", "http"].into_iter().find(|scheme| url.strip_prefix(scheme).is_some_and(|rest| rest.starts_with("://")))
}

/// An address without its query, which may hold a signature: what a message shows.
pub(crate) fn shown(url: &str) -> &str {
    url.split(['?', '#']).next().unwrap_or_default()
}

/// Where a redirect from `base` leads.
///
/// # Errors
/// [`drivetrain_contract::ErrorKind::Model`] for what is no address, another scheme, or a step from https down to http.
pub(crate) fn join(base: &str, location: &str) -> Result<String> {
    let bad = |why: &str| Error::model(format!("`{}` redirects to `{}`, {why}", shown(base), shown(location)));
    if location.is_empty() || location.contains(|c: char| c.is_control() || c == ' ' || !c.is_ascii()) {
        return Err(bad("which is no address"));
    }
    let (Some(scheme_of_base), Some(origin_of_base)) = (scheme(base), origin(base)) else {
        return Err(bad("and is no address itself"));
    };
    let joined = if scheme(location).is_some() {
        location.to_owned()
    } else if location.starts_with("//") {
        format!("{scheme_of_base}:{location}")
    } else if location.starts_with('/') {
        format!("{origin_of_base}{location}")
    } else if location.split(['/', '?', '#']).next().is_some_and(|first| first.contains(':')) {
        return Err(bad("which is neither http nor https"));
    } else {
        let path = shown(base);
        let folder = path.rfind('/').filter(|&at| at >= origin_of_base.len()).map_or(path, |at| &path[..at]);
        format!("{folder}/{location}")
    };
    if origin(&joined).is_none() {
        return Err(bad("which is no address"));
    }
    if scheme_of_base == "https" && scheme(&joined) == Some("http") {
        return Err(bad("which is not encrypted"));
    }
    Ok(joined)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins_end_where_the_path_begins() {
        for (url, expect) in [
            ("https://hub.example/a?b", Some("https://hub.example")),
            ("http://127.0.0.1:8080", Some("http://127.0.0.1:8080")),
            ("http://h?x", Some("http://h")),
            ("https://", None),
            ("ftp://h/", None),
            ("hub.example", None),
            ("httpsx://h", None),
        ] {
            assert_eq!(origin(url), expect, "{url}");
        }
    }

    #[test]
    fn redirects_lead_where_the_standard_says() {
        let base = "https://h:1/a/b?q";
        for (location, expect) in [
            ("https://cdn/x?sig=%2F", "https://cdn/x?sig=%2F"),
            ("//cdn/x", "https://cdn/x"),
            ("/x/y", "https://h:1/x/y"),
            ("c?d", "https://h:1/a/c?d"),
        ] {
            assert_eq!(join(base, location).unwrap(), expect);
        }
        assert_eq!(join("http://h", "x").unwrap(), "http://h/x");
        for location in ["", "http://h:1/down", "file:///etc/passwd", "ftp://x/", "https://", "/a b", "/\r\nx", "//"] {
            assert!(join(base, location).is_err(), "{location:?}");
        }
        let err = join(base, "http://cdn/x?secret").unwrap_err();
        assert!(!err.to_text().contains("secret"), "{err}");
    }
}
