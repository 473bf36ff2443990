//! How the hub is reached. Plain data: whoever builds it decides where the values come from.

use std::{fmt, path::PathBuf, time::Duration};

/// How the hub is reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HubSettings {
    /// Address of the hub or of a mirror, without a slash at the end.
    pub endpoint: String,
    /// Proves who asks, for private and gated models.
    pub token: Option<Token>,
    /// The cache folder that other programs keep models of the hub in (`models--ORG--NAME/snapshots/…`): what is there
    /// is not fetched again. It is only read.
    pub cache: Option<PathBuf>,
    /// Never ask the hub: take what is in the cache, or fail.
    pub offline: bool,
    /// The proxy to go through.
    pub proxy: Option<Proxy>,
    /// How long to wait and how often to try.
    pub patience: Patience,
}

impl HubSettings {
    /// The public hub.
    pub const PUBLIC: &str = "https://huggingface.co";
}

impl Default for HubSettings {
    /// The public hub, without token, cache or proxy.
    fn default() -> Self {
        Self {
            endpoint: Self::PUBLIC.to_owned(),
            token: None,
            cache: None,
            offline: false,
            proxy: None,
            patience: Patience::default(),
        }
    }
}

/// A secret that says who asks. It never appears in messages.
#[derive(Clone, PartialEq, Eq)]
pub struct Token(String);

impl Token {
    /// A token as the hub gives it out; `None` if there is nothing but white space.
    pub fn new(text: &str) -> Option<Self> {
        let text = text.trim();
        (!text.is_empty()).then(|| Self(text.to_owned()))
    }

    pub(crate) fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}

/// A proxy for HTTP.
#[derive(Clone, PartialEq, Eq)]
pub struct Proxy {
    /// Its address, `http://user:password@host:port` or less.
    pub url: String,
    /// Hosts that are reached without it: `host`, `.domain`, `*`.
    pub except: Vec<String>,
}

impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The address may hold a password.
        f.debug_struct("Proxy").field("except", &self.except).finish_non_exhaustive()
    }
}

/// How long to wait and how often to try.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Patience {
    /// For a connection.
    pub connect: Duration,
    /// For the next bytes.
    pub read: Duration,
    /// How often something is tried again without any progress in between.
    pub retries: u32,
    /// The pause before the first retry; each pause is twice as long as the one before.
    pub first_pause: Duration,
    /// The longest pause, also where the hub asks for one.
    pub longest_pause: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(10),
            read: Duration::from_secs(20),
            retries: 4,
            first_pause: Duration::from_millis(500),
            longest_pause: Duration::from_secs(60),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_not_printed() {
        let settings = HubSettings {
            token: Token::new(" hf_secret\n"),
            proxy: Some(Proxy { url: "http://me:secret@proxy:1".into(), except: vec!["localhost".into()] }),
            ..HubSettings::default()
        };
        assert!(!format!("{settings:?}").contains("secret"));
        assert_eq!(settings.token.unwrap().reveal(), "hf_secret");
        assert_eq!(Token::new(" \n"), None);
    }
}
