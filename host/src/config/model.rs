//! A host's settings after parsing: plain data with every default in its place.

use std::collections::BTreeMap;
use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use crate::codec::registry;

/// Port of the admin API when none is given.
pub const DEFAULT_PORT: u16 = 7420;

/// A host's settings.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// Address of the admin API.
    pub listen: SocketAddr,
    /// Folder of the catalog, the compile cache and the dead letters.
    pub data_dir: PathBuf,
    /// Who may call the admin API. Empty: nobody, or everybody with [`insecure`](Self::insecure).
    pub tokens: Vec<Token>,
    /// Everybody who reaches the address may do everything. Never from the file, only from the command line.
    pub insecure: bool,
    /// Components may be named by a path on this machine. Never from the file, only from the command line.
    pub local_components: bool,
    /// Brokers and credentials by name.
    pub connections: BTreeMap<String, Connection>,
    /// Schema registries by name.
    pub registries: BTreeMap<String, registry::Settings>,
    /// What the host takes at most.
    pub limits: Limits,
    /// What the host says.
    pub log: Log,
}

impl Default for Config {
    fn default() -> Self {
        Config {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, DEFAULT_PORT)),
            data_dir: PathBuf::from("sabot-data"),
            tokens: Vec::new(),
            insecure: false,
            local_components: false,
            connections: BTreeMap::new(),
            registries: BTreeMap::new(),
            limits: Limits::default(),
            log: Log::default(),
        }
    }
}

/// What a caller may do. Each role may do what those before it may.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// Read everything but secrets.
    Viewer,
    /// Change components and pipelines.
    Deployer,
    /// Everything.
    Admin,
}

impl Role {
    /// All of them, weakest first.
    pub const ALL: [Role; 3] = [Role::Viewer, Role::Deployer, Role::Admin];

    /// The word in the config.
    pub fn as_str(self) -> &'static str {
        match self {
            Role::Viewer => "viewer",
            Role::Deployer => "deployer",
            Role::Admin => "admin",
        }
    }
}

/// A caller, known by the hash of the token it sends.
#[derive(Clone, PartialEq, Eq)]
pub struct Token {
    /// Names the caller in the log.
    pub name: String,
    /// What it may do.
    pub role: Role,
    /// SHA-256 of the token.
    pub sha256: [u8; 32],
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Token").field("name", &self.name).field("role", &self.role).finish_non_exhaustive()
    }
}

/// librdkafka properties of a connection.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Connection {
    /// Property and value; `bootstrap.servers` is among them.
    pub properties: BTreeMap<String, String>,
}

impl Connection {
    /// A broker that asks for nothing: `host:port`.
    pub fn of_broker(bootstrap: &str) -> Connection {
        Connection { properties: [("bootstrap.servers".to_owned(), bootstrap.to_owned())].into() }
    }
}

/// Properties whose values are shown. All others may hold a secret.
const SHOWN: [&str; 6] = [
    "bootstrap.servers",
    "client.id",
    "security.protocol",
    "sasl.mechanism",
    "sasl.mechanisms",
    "enable.ssl.certificate.verification",
];

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map()
            .entries(self.properties.iter().map(|(name, value)| {
                (name.as_str(), if SHOWN.contains(&name.as_str()) { value.as_str() } else { "…" })
            }))
            .finish()
    }
}

/// What a host takes at most. Sizes in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// An uploaded component.
    pub component_bytes: u64,
    /// Stored components.
    pub components: usize,
    /// All stored components together.
    pub components_bytes: u64,
    /// A pipeline's specification.
    pub pipeline_bytes: u64,
    /// Stored pipelines.
    pub pipelines: usize,
    /// The linear memory that a pipeline may ask for one instance of a component.
    pub memory_bytes: u64,
    /// What all Kafka clients of the host may hold in their queues.
    pub kafka_queue_bytes: u64,
    /// Requests that are worked on at once; more are told to come again.
    pub requests: usize,
}

const MIB: u64 = 1024 * 1024;

impl Default for Limits {
    fn default() -> Self {
        Limits {
            component_bytes: 64 * MIB,
            components: 1_000,
            components_bytes: 4_096 * MIB,
            pipeline_bytes: MIB,
            pipelines: 1_000,
            memory_bytes: 1_024 * MIB,
            kafka_queue_bytes: 1024 * MIB,
            requests: 64,
        }
    }
}

/// What a host says about itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Log {
    /// `error`, `warn`, `info`, `debug`, `trace`, or directives by module as of `tracing`.
    pub level: String,
    /// How a line looks.
    pub format: LogFormat,
}

impl Default for Log {
    fn default() -> Self {
        Log { level: "info".into(), format: LogFormat::Text }
    }
}

/// How a line of the log looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// A JSON object a line.
    Json,
}
