//! An HTTP client of the admin API, for tests: every status is an answer, none an error.
//!
//! Knows nothing of what the API offers.

use serde_json::Value;
use std::time::Duration;
use ureq::Agent;
use ureq::http::Request;

/// The largest answer that is read.
const BODY_LIMIT: u64 = 256 << 20;

/// A client of one host.
#[derive(Clone)]
pub struct Http {
    base: String,
    token: Option<String>,
    agent: Agent,
}

/// An answer.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// The media type without parameters.
    pub content_type: String,
    /// The body.
    pub body: Vec<u8>,
}

impl Http {
    /// A client of `http://HOST:PORT`.
    pub fn new(base: &str) -> Self {
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(Duration::from_secs(120)))
            .build();
        Self { base: base.trim_end_matches('/').to_owned(), token: None, agent: config.into() }
    }

    /// The same client with a bearer token.
    pub fn with_token(&self, token: &str) -> Self {
        Self { token: Some(token.to_owned()), ..self.clone() }
    }

    /// Where it sends its requests.
    pub fn base(&self) -> &str {
        &self.base
    }

    /// GET.
    pub fn get(&self, path: &str) -> Answer {
        self.send("GET", path, &[], Vec::new())
    }

    /// DELETE.
    pub fn delete(&self, path: &str) -> Answer {
        self.send("DELETE", path, &[], Vec::new())
    }

    /// POST of a JSON value.
    pub fn post(&self, path: &str, body: &Value) -> Answer {
        self.send("POST", path, &[("content-type", "application/json")], body.to_string().into_bytes())
    }

    /// PUT of a JSON value.
    pub fn put(&self, path: &str, body: &Value) -> Answer {
        self.send("PUT", path, &[("content-type", "application/json")], body.to_string().into_bytes())
    }

    /// PUT of a YAML text.
    pub fn put_yaml(&self, path: &str, body: &str) -> Answer {
        self.send("PUT", path, &[("content-type", "application/yaml")], body.as_bytes().to_vec())
    }

    /// POST of a component's bytes.
    pub fn post_wasm(&self, path: &str, body: Vec<u8>) -> Answer {
        self.send("POST", path, &[("content-type", "application/wasm")], body)
    }

    /// Any request.
    ///
    /// # Panics
    /// Where no answer comes.
    pub fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: Vec<u8>) -> Answer {
        self.try_send(method, path, headers, body)
            .unwrap_or_else(|error| panic!("{method} {}{path}: {error}", self.base))
    }

    /// Any request; an error where no answer comes, as while the host is down.
    ///
    /// # Errors
    /// Those of the connection.
    pub fn try_send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Vec<u8>,
    ) -> Result<Answer, ureq::Error> {
        let mut request = Request::builder().method(method).uri(format!("{}{path}", self.base));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if let Some(token) = &self.token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        let mut response = if method == "GET" || method == "DELETE" {
            self.agent.run(request.body(())?)?
        } else {
            self.agent.run(request.body(body)?)?
        };
        let status = response.status().as_u16();
        let content_type = response.body().mime_type().unwrap_or_default().to_owned();
        let body = response.body_mut().with_config().limit(BODY_LIMIT).read_to_vec()?;
        Ok(Answer { status, content_type, body })
    }
}

impl Answer {
    /// This answer, if its status is the expected one.
    ///
    /// # Panics
    /// With the body, where it is another.
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "the answer was: {}", self.text());
        self
    }

    /// The body as JSON.
    ///
    /// # Panics
    /// With the body, where it is none.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("no JSON ({error}) in answer {}: {}", self.status, self.text()))
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}
