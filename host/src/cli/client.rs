//! Asking a host over HTTP. A refusal comes back with all its reasons, a host that does not answer as just that.

use std::time::Duration;

use clap::Args;
use serde::de::DeserializeOwned;
use ureq::http::{Method, Request};
use ureq::tls::{RootCerts, TlsConfig, TlsProvider};

use super::failure::Failure;
use super::output::{Format, printable};
use crate::config::DEFAULT_PORT;
use crate::control::api::Problem;

/// Longest answer that is read, bytes.
const LONGEST_ANSWER: u64 = 256 * 1024 * 1024;
/// Longer than the host takes for anything.
const ANSWER_WAIT: Duration = Duration::from_secs(320);
const CONNECT_WAIT: Duration = Duration::from_secs(5);

/// Which host, as whom, and how to print.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Host")]
pub struct ClientArgs {
    /// Address of the host
    #[arg(
        long,
        global = true,
        value_name = "URL",
        env = "SABOT_HOST",
        default_value = "http://127.0.0.1:7420"
    )]
    host: String,
    /// Token to send; better in SABOT_TOKEN, where other users of the machine do not see it
    #[arg(long, global = true, value_name = "TOKEN", env = "SABOT_TOKEN", hide_env_values = true)]
    token: Option<String>,
    /// How to print
    #[arg(short, long, global = true, value_name = "FORMAT", value_enum, default_value_t)]
    pub output: Format,
}

/// A body to send.
pub(super) struct Body<'a> {
    pub(super) content_type: &'a str,
    pub(super) bytes: Vec<u8>,
}

/// A host.
pub(super) struct Client {
    base: String,
    token: Option<String>,
    agent: ureq::Agent,
}

impl Client {
    pub(super) fn new(args: &ClientArgs) -> Result<Client, Failure> {
        let base = base_url(&args.host)?;
        let local = ["://localhost", "://127.", "://[::1]"].iter().any(|local| base.contains(local));
        // A host behind a proxy that speaks TLS.
        let tls =
            TlsConfig::builder().provider(TlsProvider::NativeTls).root_certs(RootCerts::PlatformVerifier);
        let mut config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            // A redirect could carry the token elsewhere.
            .max_redirects(0)
            .user_agent(concat!("sabot/", env!("CARGO_PKG_VERSION")))
            .timeout_connect(Some(CONNECT_WAIT))
            .timeout_recv_response(Some(ANSWER_WAIT))
            .tls_config(tls.build());
        if local {
            config = config.proxy(None);
        }
        let token = args.token.clone().filter(|token| !token.is_empty());
        Ok(Client { base, token, agent: config.build().new_agent() })
    }

    /// Asks and reads the answer.
    pub(super) fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, Failure> {
        self.call(Method::GET, path, &[], None)
    }

    /// Asks for a change without a body.
    pub(super) fn post<T: DeserializeOwned>(&self, path: &str) -> Result<T, Failure> {
        self.call(Method::POST, path, &[], None)
    }

    /// Removes.
    pub(super) fn delete(&self, path: &str) -> Result<(), Failure> {
        self.answer(Method::DELETE, path, &[], None).map(drop)
    }

    /// Asks and reads the answer as JSON.
    pub(super) fn call<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<Body<'_>>,
    ) -> Result<T, Failure> {
        let answer = self.answer(method, path, headers, body)?;
        serde_json::from_slice(&answer)
            .map_err(|e| self.not_a_host(&format!("its answer is not understood: {e}")))
    }

    fn answer(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<Body<'_>>,
    ) -> Result<Vec<u8>, Failure> {
        let mut request = Request::builder().method(method).uri(format!("{}{path}", self.base));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if let Some(token) = &self.token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        let wrong = |e: ureq::http::Error| Failure::Usage(format!("cannot make a request of this: {e}"));
        let response = match body {
            None => self.agent.run(request.body(()).map_err(wrong)?),
            Some(Body { content_type, bytes }) => {
                // A large body is only sent to a host that wants it.
                let request = request.header("content-type", content_type).header("expect", "100-continue");
                self.agent.run(request.body(bytes).map_err(wrong)?)
            }
        };
        let mut response = response.map_err(|e| self.unreachable(&e))?;
        let status = response.status();
        let read = response.body_mut().with_config().limit(LONGEST_ANSWER).read_to_vec();
        let bytes = read.map_err(|e| self.unreachable(&e))?;
        if status.is_success() {
            return Ok(bytes);
        }
        match serde_json::from_slice::<Problem>(&bytes) {
            Ok(problem) => Err(problem.into()),
            Err(_) => Err(self.not_a_host(&format!("it answered {status}"))),
        }
    }

    fn unreachable(&self, error: &ureq::Error) -> Failure {
        let reason = match error {
            ureq::Error::Io(error) => error.to_string(),
            error => error.to_string(),
        };
        Failure::Unreachable { host: self.base.clone(), reason: printable(&reason) }
    }

    fn not_a_host(&self, reason: &str) -> Failure {
        let title = format!("{} does not answer as a host of this release", self.base);
        Failure::new(title, printable(reason))
    }
}

/// `http://host:port` without a slash at its end; the scheme and the port may be left out.
fn base_url(given: &str) -> Result<String, Failure> {
    let trimmed = given.trim().trim_end_matches('/');
    let (scheme, rest) = trimmed.split_once("://").unwrap_or(("http", trimmed));
    let authority = rest.split('/').next().unwrap_or_default();
    if !matches!(scheme, "http" | "https") || authority.is_empty() {
        return Err(Failure::Usage(format!(
            "`{given}` is not an address such as http://127.0.0.1:{DEFAULT_PORT}"
        )));
    }
    let has_port = authority.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok());
    if scheme == "http" && !has_port && rest == authority {
        return Ok(format!("http://{authority}:{DEFAULT_PORT}"));
    }
    Ok(format!("{scheme}://{rest}"))
}

/// A part of a path, with everything escaped that could end it.
pub(super) fn segment(text: &str) -> String {
    let plain =
        |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b'~' | b':' | b'@' | b'+');
    let one = |b: u8| if plain(b) { char::from(b).to_string() } else { format!("%{b:02X}") };
    match text {
        // A path with these would mean another one.
        "." => "%2E".into(),
        ".." => "%2E%2E".into(),
        _ => text.bytes().map(one).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_may_be_short() {
        let base = |text| base_url(text).map_err(|e| e.to_string());
        assert_eq!(base("http://127.0.0.1:7420/").unwrap(), "http://127.0.0.1:7420");
        assert_eq!(base("kafka-1:8080").unwrap(), "http://kafka-1:8080");
        assert_eq!(base("sabot.internal").unwrap(), "http://sabot.internal:7420");
        assert_eq!(base("[::1]").unwrap(), "http://[::1]:7420");
        assert_eq!(base("https://sabot.example").unwrap(), "https://sabot.example");
        assert_eq!(base("https://example/sabot/").unwrap(), "https://example/sabot");
        assert_eq!(
            base("ftp://x").unwrap_err(),
            "error: `ftp://x` is not an address such as http://127.0.0.1:7420"
        );
        assert_eq!(base("").unwrap_err(), "error: `` is not an address such as http://127.0.0.1:7420");
    }

    #[test]
    fn a_segment_stays_one() {
        assert_eq!(segment("sha256:0a"), "sha256:0a");
        assert_eq!(segment("scorer@1.0.0+b"), "scorer@1.0.0+b");
        assert_eq!(segment("a/b?c d"), "a%2Fb%3Fc%20d");
        assert_eq!(segment(".."), "%2E%2E");
    }
}
