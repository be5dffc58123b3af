//! What a client of a registry has to be told. Secrets are never shown. Knows nothing of requests.

use std::path::PathBuf;

/// Where a registry is and how to talk to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Base URLs of the same registry, tried in turn; `http` or `https`, a path may follow.
    pub urls: Vec<String>,
    /// Who asks.
    pub auth: Auth,
    /// For `https`.
    pub tls: Tls,
    /// How long one request to one of the URLs may take, in milliseconds.
    pub timeout_ms: u64,
    /// How many schemas are kept, at most.
    pub cache: usize,
}

impl Default for Settings {
    /// No URLs, nobody, 5 seconds, 1000 schemas.
    fn default() -> Settings {
        Settings { urls: Vec::new(), auth: Auth::None, tls: Tls::default(), timeout_ms: 5_000, cache: 1_000 }
    }
}

/// What goes into the `Authorization` header.
#[derive(Clone, Default, PartialEq, Eq)]
pub enum Auth {
    /// No header.
    #[default]
    None,
    /// A user's name and password, or a key and its secret.
    Basic {
        /// Without a colon.
        user: String,
        /// Secret.
        password: String,
    },
    /// A token. Secret.
    Bearer(String),
}

impl std::fmt::Debug for Auth {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Auth::None => out.write_str("None"),
            Auth::Basic { user, .. } => write!(out, "Basic {{ user: {user:?}, password: (secret) }}"),
            Auth::Bearer(_) => out.write_str("Bearer((secret))"),
        }
    }
}

/// Files in PEM format.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tls {
    /// Certificates to trust in place of the system's.
    pub ca_file: Option<PathBuf>,
    /// Our certificate and those above it, for a registry that asks for one.
    pub certificate_file: Option<PathBuf>,
    /// The certificate's private key (PKCS #8); belongs to `certificate_file`.
    pub key_file: Option<PathBuf>,
}
