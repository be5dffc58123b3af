//! Columns and schemas that only others know: asks registries and looks at samples when a pipeline is applied, and
//! pins what they said. A pipeline that is started again asks nobody.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use arrow::datatypes::{Field, FieldRef, Schema, SchemaRef};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::Reason;
use super::api::Column;
use crate::catalog::{PinnedSchema, PipelineRecord};
use crate::codec::registry::{Registries, Registry, RegistryError};
use crate::codec::wire::{self, Part, SchemaId};
use crate::codec::{self, Decoder, Encoder, RegisteredSchema};
use crate::connector::file::LineReader;
use crate::connector::kafka::{self, Connections};
use crate::connector::{ConnectorError, Read, ReadLimits, Reader as _};
use crate::plan::Schemas;
use crate::spec::{
    self, Columns, Format, Pipeline, Registered, Sample, Settled, Sink, SinkRegistry, Source,
    SourceConnector, ValueFormat,
};

/// How long a registry that does not answer is asked again while somebody waits for an `apply`.
const PATIENCE: Duration = Duration::from_secs(10);
/// Bytes of a sample of a file.
const SAMPLE_BYTES: usize = 64 << 20;

/// What was learnt, by place: `sources.orders`, `sources.orders.key`, `sinks.alerts`, `sinks.alerts.key`.
pub type Pins = BTreeMap<String, PinnedSchema>;

/// Values and keys, and how what is said of them ends.
const PARTS: [(&str, Part); 2] = [("", Part::Value), (".key", Part::Key)];

/// What the pipeline of a record is: its specification with what was pinned filled in.
pub fn pipeline_of(record: &PipelineRecord) -> Result<Pipeline, Vec<Reason>> {
    let mut pipeline = spec::parse(record.spec.as_bytes(), Format::Auto)
        .map(|parsed| parsed.pipeline)
        .map_err(|errors| errors.iter().map(super::apply::reason).collect::<Vec<_>>())?;
    fill_in(&mut pipeline, &record.schemas)?;
    Ok(pipeline)
}

/// Sinks that name a registry and have no schema of it: without one, what they write could not be read.
pub fn unregistered(pipeline: &Pipeline) -> Vec<Reason> {
    let sinks = pipeline.sinks.iter().flat_map(|sink| PARTS.map(|(suffix, part)| (sink, suffix, part)));
    let missing = sinks.filter(|(sink, _, part)| {
        let registry = sink.encode.as_ref().and_then(|encode| encode.part(*part)?.registry.as_ref());
        let encoder = match part {
            Part::Value => &sink.encoder,
            Part::Key => &sink.key_encoder,
        };
        registry.is_some() && encoder.as_ref().is_none_or(|encoder| encoder.schema_id.is_none())
    });
    missing
        .map(|(sink, suffix, _)| {
            let text = "what is pinned for its schema is damaged: apply it again";
            Reason::at(format!("sinks.{}.encode{suffix}.registry", sink.name), text)
        })
        .collect()
}

/// Gives the sources and sinks of a pipeline what is pinned for them.
pub fn fill_in(pipeline: &mut Pipeline, pins: &Pins) -> Result<(), Vec<Reason>> {
    let mut reasons = Vec::new();
    for source in pipeline.sources.clone() {
        let at = format!("sources.{}", source.name);
        if let Err(reason) = known_source(pipeline, &source, &at, pins) {
            reasons.push(Reason::at(format!("{at}.decode"), reason));
        }
    }
    for sink in pipeline.sinks.clone() {
        for (suffix, part) in PARTS {
            let pinned = pins.get(&format!("sinks.{}{suffix}", sink.name));
            if let Some((schema, id)) = pinned.and_then(|pin| pin.schema.clone().zip(named_by(pin))) {
                pipeline.register(&sink.name, part, schema, id);
            }
        }
    }
    if reasons.is_empty() { Ok(()) } else { Err(reasons) }
}

/// What the records of a sink name their schema by.
fn named_by(pin: &PinnedSchema) -> Option<SchemaId> {
    let guid = pin.guid.as_deref().and_then(wire::guid);
    guid.map(SchemaId::Guid).or(pin.id.map(SchemaId::Id))
}

fn known_source(pipeline: &mut Pipeline, source: &Source, at: &str, pins: &Pins) -> Result<(), String> {
    let Some(decode) = source.decode.as_ref().filter(|_| source.decoder.is_none()) else { return Ok(()) };
    let value = settled(&decode.value, pins.get(at))?;
    let key = decode.key.as_ref().map(|key| settled(key, pins.get(&format!("{at}.key")))).transpose()?;
    pipeline.know(&source.name, decode.to_codec(&value, key.as_ref()))
}

fn settled(format: &ValueFormat, pinned: Option<&PinnedSchema>) -> Result<Settled, String> {
    if let Some(settled) = format.settle()? {
        return Ok(settled);
    }
    let pinned = pinned.ok_or("its columns were not asked for when it was applied: apply it again")?;
    match (&pinned.schema, &pinned.columns) {
        (Some(schema), _) => format.settle_by(schema),
        (None, Some(columns)) => Ok(Settled { columns: columns_of_text(columns)?, reader: None }),
        (None, None) => Err("what is pinned for it is damaged: apply it again".into()),
    }
}

/// Asks others what only they know.
pub struct Asking<'a> {
    /// Brokers, for samples.
    pub connections: &'a Connections,
    /// Registries.
    pub registries: &'a Registries,
    /// What was pinned before, with the specification of that time: what is written as it was is not asked again.
    pub before: Option<(&'a Pipeline, &'a Pins)>,
    /// It is asked again nevertheless.
    pub refresh: bool,
}

impl Asking<'_> {
    /// Asks for all sources, fills their columns in and answers what to pin.
    ///
    /// # Errors
    /// Every source that stays unknown, and why.
    pub fn sources(&self, pipeline: &mut Pipeline) -> Result<Pins, Vec<Reason>> {
        let (mut pins, mut reasons) = (Pins::new(), Vec::new());
        for source in &pipeline.sources {
            let Some(decode) = &source.decode else { continue };
            let places = [("", Some(&decode.value)), (".key", decode.key.as_ref())];
            for (suffix, format) in places {
                let Some(format) = format else { continue };
                let at = format!("sources.{}{suffix}", source.name);
                match self.pin(source, format, &at, suffix) {
                    Ok(None) => {}
                    Ok(Some(pin)) => {
                        pins.insert(at, pin);
                    }
                    Err(reason) => {
                        reasons.push(Reason::at(format!("sources.{}.decode{suffix}", source.name), reason))
                    }
                }
            }
        }
        if !reasons.is_empty() {
            return Err(reasons);
        }
        fill_in(pipeline, &pins)?;
        Ok(pins)
    }

    fn pin(
        &self,
        source: &Source,
        format: &ValueFormat,
        at: &str,
        suffix: &str,
    ) -> Result<Option<PinnedSchema>, String> {
        if let Some(pin) = self.kept(source, at) {
            return Ok(Some(pin));
        }
        match &format.columns {
            Columns::Given(_) | Columns::Defined(_) => Ok(None),
            Columns::Registered(registered) => {
                let part = if suffix.is_empty() { "value" } else { "key" };
                self.registered(source, registered, part).map(Some)
            }
            Columns::Inferred(sample) if suffix.is_empty() => {
                let raw = self.sample(source, *sample)?;
                let (columns, _) = codec::infer(format.codec, &raw)?;
                Ok(Some(PinnedSchema {
                    columns: Some(text_of_columns(&columns)?),
                    ..PinnedSchema::default()
                }))
            }
            Columns::Inferred(_) => Err("the columns of keys cannot be inferred: declare them".into()),
        }
    }

    /// What was pinned before, where what asks for it is written as it was.
    fn kept(&self, source: &Source, at: &str) -> Option<PinnedSchema> {
        let (pipeline, pins) = self.before.filter(|_| !self.refresh)?;
        let old = pipeline.source(&source.name)?;
        let same = old.decode == source.decode && old.connector == source.connector;
        pins.get(at).filter(|_| same).cloned()
    }

    fn registered(&self, source: &Source, asked: &Registered, part: &str) -> Result<PinnedSchema, String> {
        let registry = self.registries.get(&asked.registry)?;
        let subject = match (&asked.subject, &source.connector) {
            (Some(subject), _) => subject.clone(),
            (None, SourceConnector::Kafka(kafka)) => format!("{}-{part}", kafka.topic),
            (None, _) => {
                return Err("it has no topic to name the subject after: give `registry.subject`".into());
            }
        };
        let found = registry
            .patiently(PATIENCE, |registry| match asked.version {
                Some(version) => registry.version(&subject, version),
                None => registry.latest(&subject),
            })
            .map_err(|e| format!("registry `{}`: {e}", asked.registry))?;
        Ok(PinnedSchema {
            schema: Some(of_message(found.schema, asked.message.as_deref())),
            subject: Some(subject),
            version: Some(found.version),
            id: Some(found.id),
            ..PinnedSchema::default()
        })
    }

    fn sample(&self, source: &Source, sample: Sample) -> Result<crate::batch::RawRecords, String> {
        match &source.connector {
            SourceConnector::Kafka(kafka) => {
                let connection = self.connections.get(&kafka.connection).map_err(|e| e.to_string())?;
                kafka::sample(&connection, &kafka.topic, sample.records, sample.within)
                    .map_err(|e| e.to_string())
            }
            SourceConnector::File(file) => {
                let limits = ReadLimits { records: sample.records, bytes: SAMPLE_BYTES, wait: sample.within };
                let read = LineReader::open(&file.path, 0).and_then(|mut reader| reader.read(limits));
                match read.map_err(|e: ConnectorError| e.to_string())? {
                    Read::Records(raw) => Ok(raw),
                    Read::Rows(_) | Read::Idle | Read::End => {
                        Err(format!("{} is empty", file.path.display()))
                    }
                }
            }
            SourceConnector::Generate(_) | SourceConnector::Memory { .. } => {
                Err("this source makes rows itself".into())
            }
        }
    }

    /// Registers the schemas of all sinks that name a registry and answers what to pin. A schema that its subject does
    /// not take, or that the rows do not fit, is refused before anything is registered; `rehearse` registers nothing.
    /// Nobody is asked for a sink that is as it was.
    ///
    /// # Errors
    /// Every sink whose schema cannot be made or registered, and why.
    pub fn sinks(
        &self,
        pipeline: &mut Pipeline,
        schemas: &Schemas,
        rehearse: bool,
    ) -> Result<Pins, Vec<Reason>> {
        let (mut wanted, mut reasons) = (Vec::new(), Vec::new());
        for sink in &pipeline.sinks {
            let Some(input) = schemas.input(&sink.name) else { continue };
            for (suffix, part) in PARTS {
                let Some(encode) = sink.encode.as_ref().and_then(|encode| encode.part(part)) else {
                    continue;
                };
                let Some(registry) = &encode.registry else { continue };
                let at = format!("sinks.{}.encode{suffix}", sink.name);
                let name = format!("sinks.{}{suffix}", sink.name);
                let before = self.kept_sink(sink, &name);
                let pin = self.sink_schema(pipeline, sink, (encode, part), (registry, before), input);
                match pin.and_then(|pin| check_encoder(encode, &pin, input).map(|()| pin)) {
                    Ok(pin) => wanted.push((name, at, registry, pin)),
                    Err(reason) => reasons.push(Reason::at(at, reason)),
                }
            }
        }
        if !reasons.is_empty() {
            return Err(reasons);
        }
        let mut pins = Pins::new();
        for (name, at, registry, mut pin) in wanted {
            let registered = if rehearse { Ok(()) } else { self.register(registry, &mut pin) };
            match registered {
                Ok(()) => _ = pins.insert(name, pin),
                Err(reason) => reasons.push(Reason::at(format!("{at}.registry"), reason)),
            }
        }
        if reasons.is_empty() { Ok(pins) } else { Err(reasons) }
    }

    /// What was pinned for a sink's values or keys, where it is written as it was and has its schema's id.
    fn kept_sink(&self, sink: &Sink, at: &str) -> Option<&PinnedSchema> {
        let (pipeline, pins) = self.before.filter(|_| !self.refresh)?;
        let old = pipeline.sink(&sink.name)?;
        let same = old.encode == sink.encode && old.connector == sink.connector;
        pins.get(at).filter(|pin| same && pin.id.is_some())
    }

    fn sink_schema(
        &self,
        pipeline: &Pipeline,
        sink: &Sink,
        (encode, part): (&spec::Encode, Part),
        (asked, before): (&SinkRegistry, Option<&PinnedSchema>),
        input: &SchemaRef,
    ) -> Result<PinnedSchema, String> {
        let client = self.registries.get(&asked.registry)?;
        let of_registry = |e: RegistryError| format!("registry `{}`: {e}", asked.registry);
        let topic = pipeline.topic(&sink.name);
        if asked.latest {
            if let Some(before) = before {
                return Ok(before.clone());
            }
            let subject = subject(asked, topic, part, None)?;
            let found = client.patiently(PATIENCE, |client| client.latest(&subject)).map_err(of_registry)?;
            return Ok(PinnedSchema {
                schema: Some(of_message(found.schema, asked.message.as_deref())),
                subject: Some(subject),
                version: Some(found.version),
                id: Some(found.id),
                guid: guid(asked, found.guid)?,
                columns: None,
            });
        }
        let columns = chosen(encode.columns.as_deref(), input)?;
        let schema = match &encode.definition {
            Some(schema) => Arc::clone(schema),
            None => Arc::new(codec::schema_of(encode.codec, &columns, &record_name(&sink.name, part))?),
        };
        let subject = subject(asked, topic, part, codec::record_name(encode.codec, &schema).as_deref())?;
        if let Some(before) = before.filter(|pin| pin.schema.as_ref() == Some(&schema)) {
            return Ok(before.clone());
        }
        let pin = PinnedSchema { subject: Some(subject.clone()), ..PinnedSchema::default() };
        // What is registered needs nobody's consent, whatever has followed it since.
        match client.patiently(PATIENCE, |client| client.lookup(&subject, &schema)) {
            Ok(found) => {
                let (id, guid) = (Some(found.id), guid(asked, found.guid)?);
                return Ok(PinnedSchema { schema: Some(schema), id, guid, ..pin });
            }
            Err(RegistryError::Unknown { .. }) => {}
            Err(other) => return Err(of_registry(other)),
        }
        let verdict =
            client.patiently(PATIENCE, |client| client.compatible(&subject, &schema)).map_err(of_registry)?;
        if let Err(reasons) = verdict {
            return Err(format!(
                "subject `{subject}` of registry `{}` does not take this schema: {}",
                asked.registry,
                reasons.join("; ")
            ));
        }
        Ok(PinnedSchema { schema: Some(schema), ..pin })
    }

    fn register(&self, asked: &SinkRegistry, pin: &mut PinnedSchema) -> Result<(), String> {
        let (Some(schema), Some(subject), None) = (&pin.schema, &pin.subject, pin.id) else { return Ok(()) };
        let client = self.registries.get(&asked.registry)?;
        let of_registry = |e: RegistryError| format!("registry `{}`: {e}", asked.registry);
        let register = |client: &Registry| client.register(subject, schema);
        pin.id = Some(client.patiently(PATIENCE, register).map_err(of_registry)?);
        if asked.in_header {
            let lookup = |client: &Registry| client.lookup(subject, schema);
            let found = client.patiently(PATIENCE, lookup).map_err(of_registry)?;
            pin.guid = guid(asked, found.guid)?;
        }
        Ok(())
    }
}

/// A schema's GUID as it is pinned: where records name the schema by it.
fn guid(asked: &SinkRegistry, guid: Option<[u8; 16]>) -> Result<Option<String>, String> {
    match guid {
        _ if !asked.in_header => Ok(None),
        Some(guid) => Ok(Some(SchemaId::Guid(guid).to_string())),
        None => Err(format!(
            "registry `{}` gives its schemas no GUIDs, which a header needs: without `schema_id: header` records name \
             them by their ids",
            asked.registry
        )),
    }
}

/// The schema with its message chosen.
fn of_message(schema: Arc<RegisteredSchema>, message: Option<&str>) -> Arc<RegisteredSchema> {
    match message {
        None => schema,
        Some(message) => {
            Arc::new(RegisteredSchema { message: Some(message.to_owned()), ..(*schema).clone() })
        }
    }
}

/// The name of the records of a sink's own schema.
fn record_name(sink: &str, part: Part) -> String {
    let name = sink.replace('-', "_");
    match part {
        Part::Value => name,
        Part::Key => format!("{name}_key"),
    }
}

fn subject(
    asked: &SinkRegistry,
    topic: Option<&str>,
    part: Part,
    record: Option<&str>,
) -> Result<String, String> {
    if let Some(subject) = &asked.subject {
        return Ok(subject.clone());
    }
    let topic = topic.ok_or("it has no topic to name the subject after: give `registry.subject`")?;
    asked.strategy.subject(topic, part, record)
}

/// The columns that a sink writes.
fn chosen(names: Option<&[String]>, input: &SchemaRef) -> Result<SchemaRef, String> {
    let Some(names) = names else { return Ok(Arc::clone(input)) };
    let fields: Result<Vec<Field>, String> = names
        .iter()
        .map(|name| input.field_with_name(name).cloned().map_err(|_| format!("there is no column `{name}`")))
        .collect();
    Ok(Arc::new(Schema::new(fields?)))
}

fn text_of_columns(columns: &Schema) -> Result<String, String> {
    let mut bytes = Vec::new();
    arrow_ipc::writer::StreamWriter::try_new(&mut bytes, columns)
        .and_then(|mut writer| writer.finish())
        .map_err(|e| format!("its columns cannot be kept: {e}"))?;
    Ok(STANDARD.encode(bytes))
}

fn columns_of_text(text: &str) -> Result<SchemaRef, String> {
    let damaged = || "the columns that are pinned for it are damaged: apply it again".to_owned();
    let bytes = STANDARD.decode(text).map_err(|_| damaged())?;
    let reader = arrow_ipc::reader::StreamReader::try_new(bytes.as_slice(), None).map_err(|_| damaged())?;
    Ok(reader.schema())
}

/// Whether every codec takes what it is told: asked before anything is stored, so that nothing is stored that could
/// not start.
pub fn check_codecs(pipeline: &Pipeline, schemas: &Schemas, registries: &Registries) -> Vec<Reason> {
    let sources = pipeline.sources.iter().filter_map(|source| {
        let refused = Decoder::new(source.decoder.as_ref()?, registries).err()?;
        Some(Reason::at(format!("sources.{}.decode", source.name), refused))
    });
    let sinks = pipeline.sinks.iter().flat_map(|sink| {
        let encoders = [(&sink.encoder, ""), (&sink.key_encoder, ".key")];
        encoders.into_iter().filter_map(|(encoder, suffix)| {
            let refused = Encoder::new(encoder.as_ref()?, schemas.input(&sink.name)?).err()?;
            Some(Reason::at(format!("sinks.{}.encode{suffix}", sink.name), refused))
        })
    });
    sources.chain(sinks).collect()
}

/// Whether rows of these columns can be written by the schema of a pin, which may have no id yet.
fn check_encoder(encode: &spec::Encode, pin: &PinnedSchema, input: &SchemaRef) -> Result<(), String> {
    let named = |schema| (schema, named_by(pin).unwrap_or(SchemaId::Id(0)));
    let encoder = encode.to_codec(pin.schema.clone().map(named));
    Encoder::new(&encoder, input).map(drop)
}

/// Columns for people.
pub fn columns(schema: &Schema) -> Vec<Column> {
    let column = |field: &FieldRef| {
        let not_null = if field.is_nullable() { "" } else { "!" };
        Column { name: field.name().clone(), of: format!("{}{not_null}", spec::show_type(field.data_type())) }
    };
    schema.fields().iter().map(column).collect()
}
