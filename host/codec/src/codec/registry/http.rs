//! Requests to whichever of a registry's URLs answers, and what a status means. Knows nothing of schemas.

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::Value;
use ureq::http::{HeaderValue, Request, Response};
use ureq::tls::{Certificate, ClientCert, PemItem, PrivateKey, RootCerts, TlsConfig, TlsProvider, parse_pem};
use ureq::{Agent, Body};
use url::Url;

use super::error::RegistryError;
use super::settings::{Auth, Settings, Tls};

/// The longest answer that is read, in bytes.
const ANSWER_MAX: u64 = 4 << 20;
/// Characters of the registry's words that are passed on.
const MESSAGE_CHARS: usize = 500;
const MEDIA_TYPE: &str = "application/vnd.schemaregistry.v1+json";
const ACCEPT: &str =
    "application/vnd.schemaregistry.v1+json, application/vnd.schemaregistry+json, application/json";

/// The way to a registry.
pub(super) struct Http {
    agent: Agent,
    /// Without a slash at the end; one at least.
    urls: Vec<String>,
    /// The URL that answered last.
    preferred: AtomicUsize,
    authorization: Option<HeaderValue>,
    timeout: Duration,
}

impl Http {
    /// A way to these URLs, or what is wrong with the settings.
    pub(super) fn new(settings: &Settings) -> Result<Http, String> {
        let urls: Vec<String> = settings.urls.iter().map(|url| base(url)).collect::<Result<_, _>>()?;
        if urls.is_empty() {
            return Err("a schema registry needs a URL".to_owned());
        }
        let timeout = Duration::from_millis(settings.timeout_ms.max(1));
        let config = Agent::config_builder()
            .http_status_as_error(false)
            // An answer from elsewhere would be asked for without our credentials.
            .max_redirects(0)
            .timeout_global(Some(timeout))
            .user_agent(concat!("sabot/", env!("CARGO_PKG_VERSION")))
            .tls_config(tls(&settings.tls)?)
            .build();
        let authorization = authorization(&settings.auth)?;
        Ok(Http { agent: config.into(), urls, preferred: AtomicUsize::new(0), authorization, timeout })
    }

    /// The URLs, for people.
    pub(super) fn urls(&self) -> &[String] {
        &self.urls
    }

    /// When a call of several requests that begins now has to begin its last one.
    pub(super) fn deadline(&self) -> Instant {
        Instant::now() + self.timeout * self.urls.len() as u32
    }

    /// Sends a request, POST where there is a body, to one URL after the other until one answers. `what` is asked
    /// for, in case that there is none.
    pub(super) fn send(
        &self,
        path: &str,
        body: Option<&Value>,
        what: impl Fn() -> String,
        deadline: Instant,
    ) -> Result<Vec<u8>, RegistryError> {
        let first = self.preferred.load(Ordering::Relaxed);
        let mut reasons = Vec::new();
        for at in (0..self.urls.len()).map(|n| (first + n) % self.urls.len()) {
            if Instant::now() >= deadline {
                reasons.push("it takes too long".to_owned());
                break;
            }
            match self.send_to(&self.urls[at], path, body, &what) {
                Err(RegistryError::Unavailable { reason }) => reasons.push(reason),
                answer => {
                    self.preferred.store(at, Ordering::Relaxed);
                    return answer;
                }
            }
        }
        Err(RegistryError::Unavailable { reason: reasons.join("; ") })
    }

    fn send_to(
        &self,
        url: &str,
        path: &str,
        body: Option<&Value>,
        what: impl Fn() -> String,
    ) -> Result<Vec<u8>, RegistryError> {
        let mut request = Request::builder().uri(format!("{url}{path}")).header("accept", ACCEPT);
        if let Some(authorization) = &self.authorization {
            request = request.header("authorization", authorization);
        }
        let answer = match body {
            None => request.body(()).map_err(ureq::Error::from).and_then(|request| self.agent.run(request)),
            Some(body) => request
                .method("POST")
                .header("content-type", MEDIA_TYPE)
                .body(body.to_string())
                .map_err(ureq::Error::from)
                .and_then(|request| self.agent.run(request)),
        };
        let mut answer = answer.map_err(|error| self.failed(url, &error))?;
        let body = match answer.body_mut().with_config().limit(ANSWER_MAX).read_to_vec() {
            Ok(body) => body,
            Err(ureq::Error::BodyExceedsLimit(_)) => {
                let message = format!("{url} answers with more than {ANSWER_MAX} bytes");
                return Err(RegistryError::Refused { status: answer.status().as_u16(), message });
            }
            Err(error) => return Err(self.failed(url, &error)),
        };
        judge(url, &answer, body, what)
    }

    fn failed(&self, url: &str, error: &ureq::Error) -> RegistryError {
        let reason = match error {
            ureq::Error::Timeout(_) => {
                format!("{url} does not answer within {} ms", self.timeout.as_millis())
            }
            error => format!("{url}: {error}"),
        };
        RegistryError::Unavailable { reason }
    }
}

/// The body of an answer that is one.
fn judge(
    url: &str,
    answer: &Response<Body>,
    body: Vec<u8>,
    what: impl Fn() -> String,
) -> Result<Vec<u8>, RegistryError> {
    let status = answer.status().as_u16();
    let said = serde_json::from_slice::<Said>(&body).unwrap_or_default();
    let message = shortened(said.message.unwrap_or_else(|| answer.status().to_string()));
    match (status, said.error_code) {
        (200..300, _) => Ok(body),
        (404, Some(40401..=40403)) => Err(RegistryError::Unknown { what: what() }),
        // 501 says that it will never be.
        (408 | 429 | 500 | 502..600, _) => Err(RegistryError::Unavailable {
            reason: format!("{url} answers with status {status}: {message}"),
        }),
        (300..400, _) => {
            let to = answer.headers().get("location").and_then(|to| to.to_str().ok()).unwrap_or("nowhere");
            let message =
                format!("{url} redirects to {}: configure the address itself", shortened(to.into()));
            Err(RegistryError::Refused { status, message })
        }
        _ => Err(RegistryError::Refused { status, message }),
    }
}

/// What a registry says of an error.
#[derive(Default, Deserialize)]
struct Said {
    error_code: Option<u32>,
    message: Option<String>,
}

fn shortened(text: String) -> String {
    match text.char_indices().nth(MESSAGE_CHARS) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

/// A base URL without a slash at the end. The text of an error never repeats it: it may hold a password.
fn base(text: &str) -> Result<String, String> {
    let url =
        Url::parse(text).map_err(|why| format!("a URL of the schema registry cannot be read: {why}"))?;
    if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
        return Err("a URL of the schema registry begins with http:// or https://".to_owned());
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(
            "a URL of the schema registry holds a user or password: set them as its credentials".into()
        );
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err("a URL of the schema registry has no `?` or `#`".to_owned());
    }
    Ok(url.as_str().trim_end_matches('/').to_owned())
}

fn authorization(auth: &Auth) -> Result<Option<HeaderValue>, String> {
    let text = match auth {
        Auth::None => return Ok(None),
        Auth::Basic { user, .. } if user.contains(':') => {
            return Err("the user of the schema registry has a colon in its name".to_owned());
        }
        Auth::Basic { user, password } => format!("Basic {}", STANDARD.encode(format!("{user}:{password}"))),
        Auth::Bearer(token) => format!("Bearer {token}"),
    };
    let mut value = HeaderValue::from_str(&text)
        .map_err(|_| "the token of the schema registry has characters that no header can have".to_owned())?;
    value.set_sensitive(true);
    Ok(Some(value))
}

fn tls(files: &Tls) -> Result<TlsConfig, String> {
    let mut config = TlsConfig::builder().provider(TlsProvider::NativeTls);
    config = config.root_certs(match &files.ca_file {
        Some(file) => certificates(file)?.into(),
        None => RootCerts::PlatformVerifier,
    });
    config = config.client_cert(match (&files.certificate_file, &files.key_file) {
        (None, None) => None,
        (Some(certificate), Some(key)) => {
            let key = PrivateKey::from_pem(&read(key)?).map_err(|why| format!("{}: {why}", key.display()))?;
            Some(ClientCert::new_with_certs(&certificates(certificate)?, key))
        }
        _ => return Err("a certificate needs its key, and a key its certificate".to_owned()),
    });
    Ok(config.build())
}

fn certificates(file: &Path) -> Result<Vec<Certificate<'static>>, String> {
    let text = read(file)?;
    let mut certificates = Vec::new();
    for item in parse_pem(&text) {
        let item = item.map_err(|why| format!("{}: {why}", file.display()))?;
        if let PemItem::Certificate(certificate) = item {
            certificates.push(certificate);
        }
    }
    if certificates.is_empty() {
        return Err(format!("{}: there is no certificate in PEM format in it", file.display()));
    }
    Ok(certificates)
}

fn read(file: &Path) -> Result<Vec<u8>, String> {
    std::fs::read(file).map_err(|why| format!("{}: {why}", file.display()))
}
