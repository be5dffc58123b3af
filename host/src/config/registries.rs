//! The settings of schema registries: addresses, credentials, patience. Nothing of a value that may be a secret is
//! repeated. Knows nothing of how a registry is asked.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use serde_json::Value;

use super::values::{Walk, below, kind, shown};
use crate::spec::parse_duration;

/// How long one request may take when nothing is said.
const TIMEOUT: Duration = Duration::from_secs(5);

/// A schema registry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Registry {
    /// Its addresses, tried in turn.
    pub urls: Vec<String>,
    /// Who asks.
    pub auth: RegistryAuth,
    /// Certificates that are trusted in place of the system's, as PEM.
    pub ca_file: Option<PathBuf>,
    /// How long one request may take.
    pub timeout: Duration,
}

/// Who asks a registry.
#[derive(Clone, Default, PartialEq, Eq)]
pub enum RegistryAuth {
    /// Nobody in particular.
    #[default]
    None,
    /// A user with a password.
    Basic {
        /// The user.
        user: String,
        /// The password.
        password: String,
    },
    /// Whoever has the token.
    Bearer(String),
}

impl fmt::Debug for RegistryAuth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            RegistryAuth::None => "None",
            RegistryAuth::Basic { .. } => "Basic(…)",
            RegistryAuth::Bearer(_) => "Bearer(…)",
        })
    }
}

impl Walk<'_> {
    pub(super) fn registries(&mut self, value: &Value) -> BTreeMap<String, Registry> {
        let Some(map) = value.as_object() else {
            self.wrong("registries", format!("expected a mapping of names, found {}", kind(value)));
            return BTreeMap::new();
        };
        map.iter()
            .filter_map(|(name, value)| {
                Some((name.clone(), self.registry(value, &below("registries", name))?))
            })
            .collect()
    }

    fn registry(&mut self, value: &Value, path: &str) -> Option<Registry> {
        let known = ["url", "user", "password", "token", "ca_file", "timeout"];
        let map = self.mapping(value, path, &known)?;
        let urls = match map.get("url") {
            None => {
                self.wrong(path, "`url` is missing");
                None
            }
            Some(value) => self.urls(value, &below(path, "url")),
        };
        let mut text = |key: &str| map.get(key).map(|value| self.property(value, &below(path, key)));
        let (user, password, token) = (text("user"), text("password"), text("token"));
        let auth = match (user, password, token) {
            (None, None, None) => Some(RegistryAuth::None),
            (Some(user), Some(password), None) => {
                user.zip(password).map(|(user, password)| RegistryAuth::Basic { user, password })
            }
            (None, None, Some(token)) => token.map(RegistryAuth::Bearer),
            _ => {
                self.wrong(path, "expected `user` with `password`, or `token` alone");
                None
            }
        };
        let ca_file = map.get("ca_file").and_then(|value| self.text(value, &below(path, "ca_file")));
        let ca_file = ca_file.map(|file| self.around.folder.join(file));
        let timeout = match map.get("timeout") {
            None => Some(TIMEOUT),
            Some(value) => self.timeout(value, &below(path, "timeout")),
        };
        Some(Registry { urls: urls?, auth: auth?, ca_file, timeout: timeout? })
    }

    fn urls(&mut self, value: &Value, path: &str) -> Option<Vec<String>> {
        let list = match value {
            Value::Array(list) if !list.is_empty() => list.iter().collect(),
            one => vec![one],
        };
        let mut urls = Vec::new();
        for value in list {
            let url = self.text(value, path)?;
            if !url.starts_with("http://") && !url.starts_with("https://") {
                self.wrong(
                    path,
                    format!("expected an address as https://registry:8081, found {}", shown(value)),
                );
                return None;
            }
            // A password in an address would end up in error texts.
            if url.contains('@') {
                self.wrong(path, "credentials do not belong in an address: use `user` and `password`");
                return None;
            }
            urls.push(url.trim_end_matches('/').to_owned());
        }
        Some(urls)
    }

    fn timeout(&mut self, value: &Value, path: &str) -> Option<Duration> {
        let range = Duration::from_millis(10)..=Duration::from_secs(120);
        let timeout = value.as_str().and_then(|text| parse_duration(text).ok()).filter(|t| range.contains(t));
        if timeout.is_none() {
            self.wrong(path, format!("expected 10ms to 2m, found {}", shown(value)));
        }
        timeout
    }
}
