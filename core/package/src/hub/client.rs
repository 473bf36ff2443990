//! One request to the hub: redirects, the token, and what an answer means.

use std::{io, time::Duration};

use drivetrain_contract::{Error, ErrorKind, Result};
use ureq::{
    Agent, Body, BodyReader,
    http::{HeaderMap, Response, header},
    tls::{RootCerts, TlsConfig},
};

use super::{
    digest::Digest,
    failure::{Asked, Failure, Refusal},
    settings::{HubSettings, Proxy},
    url::{join, origin, scheme, shown},
};

/// More than any server needs; a loop of redirects ends here.
const MAX_REDIRECTS: usize = 8;

const USER_AGENT: &str = concat!("drivetrain/", env!("CARGO_PKG_VERSION"));

/// Asks the hub.
#[derive(Debug)]
pub(crate) struct Client<'a> {
    agent: Agent,
    settings: &'a HubSettings,
    endpoint: &'a str,
}

/// What a server sends.
pub(crate) struct Answer {
    /// 200, 206 or 416.
    pub(crate) status: u16,
    /// What the hub itself says of the file, wherever it redirects to.
    pub(crate) stated: Stated,
    /// Where the body begins in the file, and the file's length: `Content-Range`.
    pub(crate) range: Option<(u64, Option<u64>)>,
    pub(crate) body: BodyReader<'static>,
}

/// Facts about a file from the headers of the hub.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Stated {
    pub(crate) digest: Option<Digest>,
    pub(crate) size: Option<u64>,
}

impl<'a> Client<'a> {
    /// # Errors
    /// [`ErrorKind::Invalid`] for an address, a token or a proxy that cannot be one.
    pub(crate) fn new(settings: &'a HubSettings) -> Result<Self> {
        let endpoint = settings.endpoint.trim_end_matches('/');
        let is_address = origin(endpoint).is_some() && endpoint.bytes().all(|byte| byte.is_ascii_graphic());
        if !is_address || endpoint.contains(['?', '#', '@']) {
            return Err(Error::invalid("the address of the hub is not one of http or https").with_hint(
                "set HF_ENDPOINT to an address such as `https://huggingface.co`, without name and password",
            ));
        }
        let token = settings.token.as_ref().map_or("", |token| token.reveal());
        if !token.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(Error::invalid("the token for the hub holds characters that no token has")
                .with_hint("check HF_TOKEN, or the file `token` in HF_HOME"));
        }
        let patience = &settings.patience;
        let config = Agent::config_builder()
            .http_status_as_error(false)
            // Redirects are followed here, so that the token stays with the hub and its headers are seen.
            .max_redirects(0)
            .proxy(settings.proxy.as_ref().map(proxy).transpose()?)
            .tls_config(TlsConfig::builder().root_certs(RootCerts::PlatformVerifier).build())
            .user_agent(USER_AGENT)
            .timeout_resolve(Some(patience.connect))
            .timeout_connect(Some(patience.connect))
            .timeout_recv_response(Some(patience.read))
            .timeout_per_read(Some(patience.read))
            .timeout_per_write(Some(patience.read))
            .build();
        Ok(Self { agent: config.new_agent(), settings, endpoint })
    }

    /// The address of the hub, without a slash at its end.
    pub(crate) fn endpoint(&self) -> &str {
        self.endpoint
    }

    /// What cuts every request short, from any thread.
    pub(crate) fn agent(&self) -> Agent {
        self.agent.clone()
    }

    /// Makes one attempt to get what is at `url`, from the byte `from` on.
    pub(crate) fn get(&self, url: &str, from: u64, asked: &Asked<'_>) -> Result<Answer, Failure> {
        let mut at = url.to_owned();
        let mut stated = Stated::default();
        for _ in 0..=MAX_REDIRECTS {
            let response = self.send(&at, from)?;
            if self.is_hub(&at) {
                stated.note(response.headers());
            }
            let status = response.status().as_u16();
            match status {
                301..=303 | 307 | 308 => {
                    let location = text(response.headers(), "location").unwrap_or_default();
                    at = join(&at, location)?;
                }
                200 | 206 => return Ok(answer(response, stated)),
                416 if from > 0 => return Ok(answer(response, stated)),
                _ => {
                    let (code, after) = (text(response.headers(), "x-error-code"), retry_after(response.headers()));
                    return Err(Refusal { status, code, after, asked }.into_failure());
                }
            }
        }
        let message = format!("the hub sends {} from one place to the next without end", asked.what());
        Err(Error::new(ErrorKind::Busy, message).into())
    }

    fn send(&self, url: &str, from: u64) -> Result<Response<Body>, Failure> {
        let mut request = self.agent.get(url);
        if let Some(token) = self.settings.token.as_ref().filter(|_| self.is_hub(url)) {
            request = request.header(header::AUTHORIZATION, format!("Bearer {}", token.reveal()));
        }
        if from > 0 {
            request = request.header(header::RANGE, format!("bytes={from}-"));
        }
        request.call().map_err(|err| self.unreachable(url, err))
    }

    /// Whether the hub itself answers there, and not a server that it redirects to.
    fn is_hub(&self, url: &str) -> bool {
        origin(url) == origin(self.endpoint)
    }

    fn unreachable(&self, url: &str, err: ureq::Error) -> Failure {
        use io::ErrorKind as Kind;
        let host = origin(url).unwrap_or(url);
        let not_there = |message: String, hint: &str| Error::not_found(message).with_hint(hint);
        let message = format!("cannot reach `{host}`");
        match &err {
            ureq::Error::Timeout(_) => Failure::passing(self.silent(url)),
            ureq::Error::Io(cause) if cause.kind() == Kind::InvalidData => Failure::Final(insecure(host, err)),
            ureq::Error::Io(cause) if is_passing(cause.kind()) => Failure::passing(
                Error::new(ErrorKind::Busy, format!("lost the connection to `{host}`")).with_source(err),
            ),
            ureq::Error::Io(_) | ureq::Error::HostNotFound | ureq::Error::ConnectionFailed => {
                let hint = "check the network, the address in HF_ENDPOINT and the proxy; with HF_HUB_OFFLINE=1 only what \
                            has been fetched before is used";
                Failure::Final(not_there(message, hint).with_source(err))
            }
            ureq::Error::ConnectProxyFailed(_) | ureq::Error::InvalidProxyUrl => {
                let message = format!("{message}: the proxy does not let it through");
                Failure::Final(not_there(message, "check HTTPS_PROXY and NO_PROXY").with_source(err))
            }
            ureq::Error::Tls(_) | ureq::Error::Rustls(_) | ureq::Error::TlsRequired => {
                Failure::Final(insecure(host, err))
            }
            _ => Failure::Final(Error::not_found(format!("cannot make sense of `{}`", shown(url))).with_source(err)),
        }
    }

    /// The error for a server that has stopped to send.
    pub(crate) fn silent(&self, url: &str) -> Error {
        let host = origin(url).unwrap_or(url);
        let seconds = self.settings.patience.read.as_secs_f64();
        Error::new(ErrorKind::Busy, format!("`{host}` does not answer: nothing came for {seconds} s"))
            .with_hint("try again: what has come so far is kept")
    }
}

impl Stated {
    /// Keeps what the first answer that says it says: a redirect states what it leads to.
    ///
    /// A tag counts where it is a SHA-256. What else servers put there may be anything; the checksums of small files
    /// are in the list of files.
    fn note(&mut self, headers: &HeaderMap) {
        let tags = ["x-linked-etag", "etag"].into_iter().filter_map(|name| text(headers, name));
        let sha256 = tags.filter_map(Digest::from_etag).find(|digest| matches!(digest, Digest::Sha256(_)));
        self.digest = self.digest.take().or(sha256);
        self.size = self.size.or_else(|| text(headers, "x-linked-size").and_then(|size| size.parse().ok()));
    }
}

/// Whether a connection that broke off this way may hold the next time. Everything else, such as a host whose name is
/// not known (which has no kind of its own) or a refused connection, stays as it is for a while.
fn is_passing(kind: io::ErrorKind) -> bool {
    use io::ErrorKind as Kind;
    matches!(
        kind,
        Kind::ConnectionReset
            | Kind::ConnectionAborted
            | Kind::BrokenPipe
            | Kind::NotConnected
            | Kind::UnexpectedEof
            | Kind::TimedOut
            | Kind::WouldBlock
            | Kind::Interrupted
    )
}

fn insecure(host: &str, err: ureq::Error) -> Error {
    Error::not_found(format!("no secure connection to `{host}`"))
        .with_hint("certificates are checked against those of the system; SSL_CERT_FILE names others")
        .with_source(err)
}

fn answer(response: Response<Body>, stated: Stated) -> Answer {
    let range = text(response.headers(), "content-range").and_then(content_range);
    Answer { status: response.status().as_u16(), stated, range, body: response.into_body().into_reader() }
}

fn text<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

/// `bytes 100-199/200`, or `…/*`.
fn content_range(header: &str) -> Option<(u64, Option<u64>)> {
    let (range, total) = header.trim().strip_prefix("bytes ")?.split_once('/')?;
    let (start, _) = range.split_once('-')?;
    Some((start.trim().parse().ok()?, total.trim().parse().ok()))
}

/// Seconds; the other form, a date, is rare and would need a calendar.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    text(headers, "retry-after")?.trim().parse().ok().map(Duration::from_secs)
}

fn proxy(proxy: &Proxy) -> Result<ureq::Proxy> {
    let bad =
        |err| Error::invalid("the address of the proxy cannot be used").with_hint("check HTTPS_PROXY").with_source(err);
    if proxy.url.contains("://") && scheme(&proxy.url).is_none() {
        return Err(Error::invalid("the proxy is neither one of http nor of https").with_hint("check HTTPS_PROXY"));
    }
    let parsed = ureq::Proxy::new(&proxy.url).map_err(bad)?;
    // The exceptions can only be given while it is built.
    let mut builder = ureq::Proxy::builder(parsed.protocol()).host(parsed.host()).port(parsed.port());
    if let Some(user) = parsed.username() {
        builder = builder.username(user);
    }
    if let Some(password) = parsed.password() {
        builder = builder.password(password);
    }
    let builder = proxy.except.iter().fold(builder, |builder, host| builder.no_proxy(host));
    builder.build().map_err(bad)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_read() {
        assert_eq!(content_range("bytes 100-199/200"), Some((100, Some(200))));
        assert_eq!(content_range("bytes 0-1/*"), Some((0, None)));
        for header in ["", "bytes", "bytes */200", "items 1-2/3", "bytes -1/2"] {
            assert_eq!(content_range(header), None, "{header}");
        }
    }

    #[test]
    fn settings_that_cannot_work_are_refused_without_telling_secrets() {
        let base = HubSettings::default();
        let proxied = |url: &str| Some(Proxy { url: url.into(), except: vec![".local".into()] });
        let bad = [
            HubSettings { endpoint: "huggingface.co".into(), ..base.clone() },
            HubSettings { endpoint: "ftp://h".into(), ..base.clone() },
            HubSettings { endpoint: "https://me:secret@h".into(), ..base.clone() },
            HubSettings { endpoint: "https://h/\nx".into(), ..base.clone() },
            HubSettings { token: super::super::Token::new("sec\nret"), ..base.clone() },
            HubSettings { proxy: proxied("socks5://secret@h:1"), ..base.clone() },
        ];
        for settings in bad {
            let err = Client::new(&settings).unwrap_err();
            assert_eq!(err.kind(), ErrorKind::Invalid);
            assert!(err.hint().is_some() && !err.to_text().contains("secret"), "{err}");
        }
        for proxy in [proxied("http://me:pass%20word@proxy:3128"), proxied("proxy:3128")] {
            Client::new(&HubSettings { proxy, endpoint: "https://h/mirror/".into(), ..base.clone() }).unwrap();
        }
    }
}
