//! Codecs whose values name their schema, and a registry that knows a few. Knows nothing of what must hold.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use sabot_codec::codec::registry::{Registries, Settings};
use sabot_codec::codec::wire::SchemaId;
use sabot_codec::codec::{self, Codec, Decode, Encode, Framing, RegisteredSchema};
use sabot_test_registry::TestRegistry;

use crate::case::Case;
use crate::cases::kind;
use crate::columns;
use crate::given::{self, Own};

const NAME: &str = "default";
/// Whoever waits that long on a busy machine has not been given up on.
const TIMEOUT_MS: u64 = 60_000;

/// One for all: it ends with the program.
static SERVER: LazyLock<TestRegistry> = LazyLock::new(TestRegistry::start);

/// Values of each codec that names schemas. Their ids count from 1 in the order of the cases, so values can name the
/// schema of another case too.
pub(crate) fn cases() -> Vec<Case> {
    let settings = Settings { urls: vec![SERVER.url()], timeout_ms: TIMEOUT_MS, ..Settings::default() };
    let settings = BTreeMap::from([(NAME.to_owned(), settings)]);
    let registries = Registries::new(&settings).unwrap_or_else(|why| panic!("the registry: {why:?}"));
    let json = given::JSON_SCHEMA.iter().map(|own| (Codec::JsonSchema, own));
    let protobuf = given::PROTOBUF.iter().map(|own| (Codec::Protobuf, own));
    let avro = given::AVRO.iter().map(|own| (Codec::Avro, own));
    json.chain(protobuf).chain(avro).map(|(codec, own)| framed(codec, own, &registries)).collect()
}

fn framed(codec: Codec, own: &Own, registries: &Registries) -> Case {
    let name = format!("framed {}", own.name);
    let schema = Arc::new(RegisteredSchema::new(kind(codec), own.text));
    let registry = registries.get(NAME).unwrap_or_else(|why| panic!("{why}"));
    let id = registry
        .register(&format!("{} {}", codec.name(), own.name), &schema)
        .unwrap_or_else(|why| panic!("{name}: {why}"));
    let columns = codec::columns(codec, &schema).unwrap_or_else(|why| panic!("{name}: {why}"));
    let decode = Decode {
        reader: Some(Arc::clone(&schema)),
        framing: Framing::Confluent { registry: NAME.to_owned() },
        ..Decode::plain(codec, Arc::clone(&columns))
    };
    let encode = Encode { writer: Some(schema), schema_id: Some(SchemaId::Id(id)), ..Encode::plain(codec) };
    let rows = columns::rows_of(own.name, &columns, own.rows);
    Case::new(&name, &decode, &[encode], &rows, registries)
}

/// What was asked is not kept for ever.
pub(crate) fn forget_requests() {
    SERVER.requests();
}
