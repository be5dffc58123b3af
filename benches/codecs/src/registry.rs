//! A schema registry in this process, so that records can name their schemas without a server elsewhere. Knows nothing
//! of records, nor of who asks.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use sabot_codec::codec::RegisteredSchema;
use sabot_codec::codec::registry::{Registries, Settings};
use sabot_test_registry::TestRegistry;

use crate::Failed;

/// As those who decode name it.
pub const NAME: &str = "default";

/// Whoever waits that long on a busy machine has not been given up on.
const TIMEOUT_MS: u64 = 60_000;

/// One for all: it ends with the program.
static SERVER: LazyLock<TestRegistry> = LazyLock::new(TestRegistry::start);

/// A client that knows no schema yet.
pub fn client() -> Result<Registries, Failed> {
    let settings = Settings { urls: vec![SERVER.url()], timeout_ms: TIMEOUT_MS, ..Settings::default() };
    let settings = BTreeMap::from([(NAME.to_owned(), settings)]);
    Registries::new(&settings).map_err(|mistakes| mistakes.join("; ").into())
}

/// The id of a schema, which is registered under this subject.
pub fn register(subject: &str, schema: &Arc<RegisteredSchema>) -> Result<u32, Failed> {
    Ok(client()?.get(NAME)?.register(subject, schema)?)
}

/// How often a schema was asked for by its id.
#[cfg(test)]
pub fn times_asked() -> usize {
    SERVER.requests().iter().filter(|request| request.starts_with("GET /schemas/ids/")).count()
}
