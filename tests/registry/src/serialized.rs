//! Protobuf schemas as clients ask for them by `format=serialized`: a file descriptor in base64, whatever form they were
//! registered in. Knows nothing of requests.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use prost::Message as _;
use protox::file::{ChainFileResolver, File, FileResolver, GoogleFileResolver};
use protox::prost_reflect::prost_types::FileDescriptorProto;
use protox::{Compiler, Error};

use crate::store::{Schema, Store};

/// Name of a schema's own file, which has none.
const OWN: &str = "default.proto";

/// The descriptor of a schema of Protobuf.
pub(crate) fn serialized(store: &Store, schema: &Schema) -> Result<String, String> {
    if descriptor(&schema.text).is_some() {
        return Ok(schema.text.clone());
    }
    let mut resolver = ChainFileResolver::new();
    resolver.add(Registered::of(store, schema));
    resolver.add(GoogleFileResolver::new());
    let mut compiler = Compiler::with_file_resolver(resolver);
    let compiled = compiler.include_imports(false).open_file(OWN).map_err(|e| format!("{e:?}"))?;
    let set = compiled.file_descriptor_set();
    let own = set.file.into_iter().next_back().ok_or("no file")?;
    Ok(STANDARD.encode(own.encode_to_vec()))
}

fn descriptor(text: &str) -> Option<FileDescriptorProto> {
    FileDescriptorProto::decode(STANDARD.decode(text).ok()?.as_slice()).ok()
}

/// A schema's file and those that it refers to.
struct Registered {
    own: Schema,
    others: Vec<(String, Schema)>,
}

impl Registered {
    fn of(store: &Store, schema: &Schema) -> Self {
        let (mut others, mut left) = (Vec::new(), schema.references.clone());
        while let Some(reference) = left.pop() {
            let version = store.version(&reference.subject, &reference.version.to_string(), true);
            let Some(found) = version.and_then(|version| store.by_id(version.id)) else { continue };
            left.extend(found.references.iter().cloned());
            others.push((reference.name, found.clone()));
        }
        Registered { own: schema.clone(), others }
    }
}

impl FileResolver for Registered {
    fn open_file(&self, name: &str) -> Result<File, Error> {
        let other = self.others.iter().find(|(path, _)| path == name).map(|(_, schema)| schema);
        let schema = if name == OWN { Some(&self.own) } else { other };
        match schema.map(|schema| (descriptor(&schema.text), &schema.text)) {
            None => Err(Error::file_not_found(name)),
            Some((Some(file), _)) => Ok(File::from_file_descriptor_proto(file)),
            Some((None, text)) => File::from_source(name, text),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Reference;

    fn schema(text: &str, references: Vec<Reference>) -> Schema {
        Schema { kind: "PROTOBUF".into(), text: text.into(), references }
    }

    #[test]
    fn a_text_with_references_becomes_a_descriptor_and_a_descriptor_stays_one() {
        let mut store = Store::default();
        store.register("money", schema("syntax = \"proto3\"; message Money { int64 cents = 1; }", vec![]));
        let reference = Reference { name: "money.proto".into(), subject: "money".into(), version: 1 };
        let order = "syntax = \"proto3\"; import \"money.proto\"; import \"google/protobuf/timestamp.proto\"; \
                     message Order { Money price = 1; google.protobuf.Timestamp at = 2; }";
        let order = schema(order, vec![reference]);
        let made = serialized(&store, &order).unwrap();
        let found = descriptor(&made).unwrap();
        assert_eq!(found.dependency, ["money.proto", "google/protobuf/timestamp.proto"]);
        assert_eq!(found.message_type[0].field[0].type_name(), ".Money");
        assert_eq!(serialized(&store, &schema(&made, order.references)).unwrap(), made);
        assert!(serialized(&store, &schema("message {", vec![])).is_err());
    }
}
