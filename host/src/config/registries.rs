//! The settings of schema registries: addresses, credentials, patience. Nothing of a value that may be a secret is
//! repeated. Knows nothing of how a registry is asked.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use serde_json::{Map, Value};

use super::values::{Walk, below, kind, shown};
use crate::codec::registry::{Auth, Settings, Tls};
use crate::spec::parse_duration;

impl Walk<'_> {
    pub(super) fn registries(&mut self, value: &Value) -> BTreeMap<String, Settings> {
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

    fn registry(&mut self, value: &Value, path: &str) -> Option<Settings> {
        let known =
            ["url", "user", "password", "token", "ca_file", "certificate_file", "key_file", "timeout"];
        let map = self.mapping(value, path, &known)?;
        let urls = match map.get("url") {
            None => {
                self.wrong(path, "`url` is missing");
                None
            }
            Some(value) => self.urls(value, &below(path, "url")),
        };
        let auth = self.auth(map, path);
        let mut file = |key: &str| -> Option<PathBuf> {
            let file = self.text(map.get(key)?, &below(path, key))?;
            Some(self.around.folder.join(file))
        };
        let tls = Tls {
            ca_file: file("ca_file"),
            certificate_file: file("certificate_file"),
            key_file: file("key_file"),
        };
        if tls.certificate_file.is_some() != tls.key_file.is_some() {
            self.wrong(path, "`certificate_file` and `key_file` go together");
        }
        let defaults = Settings::default();
        let timeout_ms = match map.get("timeout") {
            None => defaults.timeout_ms,
            Some(value) => self.timeout(value, &below(path, "timeout"))?.as_millis() as u64,
        };
        Some(Settings { urls: urls?, auth: auth?, tls, timeout_ms, ..defaults })
    }

    fn auth(&mut self, map: &Map<String, Value>, path: &str) -> Option<Auth> {
        let mut text = |key: &str| map.get(key).map(|value| self.property(value, &below(path, key)));
        match (text("user"), text("password"), text("token")) {
            (None, None, None) => Some(Auth::None),
            (Some(user), Some(password), None) => {
                user.zip(password).map(|(user, password)| Auth::Basic { user, password })
            }
            (None, None, Some(token)) => token.map(Auth::Bearer),
            _ => {
                self.wrong(path, "expected `user` with `password`, or `token` alone");
                None
            }
        }
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
