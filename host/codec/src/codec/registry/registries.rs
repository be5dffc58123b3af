//! The registries of a host, by name. Knows nothing of how one is asked.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{Registry, Settings};

/// The registries of a host.
#[derive(Clone, Default)]
pub struct Registries(Arc<BTreeMap<String, Arc<Registry>>>);

impl Registries {
    /// Clients of these registries.
    ///
    /// # Errors
    /// What is wrong with the settings of each.
    pub fn new(settings: &BTreeMap<String, Settings>) -> Result<Registries, Vec<String>> {
        let (mut clients, mut mistakes) = (BTreeMap::new(), Vec::new());
        for (name, settings) in settings {
            match Registry::new(settings) {
                Ok(client) => {
                    clients.insert(name.clone(), Arc::new(client));
                }
                Err(mistake) => mistakes.push(format!("registries.{name}: {mistake}")),
            }
        }
        if mistakes.is_empty() { Ok(Registries(Arc::new(clients))) } else { Err(mistakes) }
    }

    /// The registry of this name.
    ///
    /// # Errors
    /// Which there are.
    pub fn get(&self, name: &str) -> Result<&Arc<Registry>, String> {
        self.0.get(name).ok_or_else(|| {
            let known: Vec<&str> = self.0.keys().map(String::as_str).collect();
            let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
            format!(
                "the host has no registry `{name}` (it has {known}): add it to `registries:` of its config"
            )
        })
    }
}
