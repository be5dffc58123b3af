//! The admin API as the demo calls it: over HTTP, like any other client.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

/// A host's admin API.
pub(super) struct Api {
    base: String,
    agent: ureq::Agent,
}

impl Api {
    pub fn new(base: &str) -> Self {
        let config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(Duration::from_secs(120)))
            .build();
        Api { base: base.to_owned(), agent: config.into() }
    }

    fn send(&self, method: &str, path: &str, kind: &str, body: &[u8]) -> Result<Value, String> {
        let url = format!("{}{path}", self.base);
        let request = ureq::http::Request::builder().method(method).uri(&url).header("content-type", kind);
        let request = request.body(body).map_err(|e| e.to_string())?;
        let mut response = self.agent.run(request).map_err(|e| format!("{method} {url}: {e}"))?;
        let status = response.status();
        let text = response.body_mut().read_to_string().map_err(|e| format!("{method} {url}: {e}"))?;
        if !status.is_success() {
            return Err(format!("{method} {url}: {status}: {text}"));
        }
        if text.is_empty() {
            return Ok(Value::Null);
        }
        serde_json::from_str(&text).map_err(|e| format!("{method} {url}: {e}"))
    }

    pub fn push(&self, wasm: &[u8]) -> Result<Value, String> {
        self.send("POST", "/v1/components", "application/wasm", wasm)
    }

    pub fn apply(&self, pipeline: &Value) -> Result<(), String> {
        let name = pipeline["name"].as_str().unwrap_or_default();
        let body = pipeline.to_string();
        self.send("PUT", &format!("/v1/pipelines/{name}"), "application/json", body.as_bytes()).map(|_| ())
    }

    pub fn apply_yaml(&self, name: &str, pipeline: &str) -> Result<(), String> {
        let path = format!("/v1/pipelines/{name}");
        self.send("PUT", &path, "application/yaml", pipeline.as_bytes()).map(|_| ())
    }

    pub fn pipeline(&self, name: &str) -> Result<Value, String> {
        self.send("GET", &format!("/v1/pipelines/{name}"), "application/json", &[])
    }

    pub fn swap(&self, pipeline: &str, step: &str, reference: &str) -> Result<Value, String> {
        let body = json!({ "ref": reference, "mode": "now" }).to_string();
        let path = format!("/v1/pipelines/{pipeline}/steps/{step}/component");
        self.send("PUT", &path, "application/json", body.as_bytes())
    }

    pub fn wait_until_running(&self, names: &[&str], patience: Duration) -> Result<(), String> {
        let until = Instant::now() + patience;
        for name in names {
            loop {
                let status = self.pipeline(name)?;
                if status["state"] == "running" {
                    break;
                }
                if Instant::now() > until || status["state"] == "failed" {
                    return Err(format!("pipeline {name} is {}: {}", status["state"], status["reason"]));
                }
                std::thread::sleep(Duration::from_millis(20));
            }
        }
        Ok(())
    }
}
