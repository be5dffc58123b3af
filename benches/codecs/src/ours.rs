//! Our codecs as contestants, each with records of its own format, and again with records that name their schema. Knows
//! nothing of other libraries but the one that makes the Avro records.

use std::hint::black_box;
use std::sync::Arc;

use arrow::array::{ArrayRef, BinaryArray, RecordBatch, StringArray};
use arrow::datatypes::SchemaRef;
use sabot_codec::batch::RawRecords;
use sabot_codec::codec::registry::Registries;
use sabot_codec::codec::wire::SchemaId;
use sabot_codec::codec::{
    self, Codec, Decode, Decoder, Encode, Encoded, Encoder, Framing, RegisteredSchema, SchemaKind,
};

use crate::Failed;
use crate::contest::Contestant;
use crate::records::Shape;
use crate::{registry, theirs};

/// Records as they are.
pub const PLAIN: &str = "sabot";
/// Records that name their schema.
pub const FRAMED: &str = "sabot, framed";

/// A codec with rows and the records that they are.
pub struct Ours {
    codec: Codec,
    by: &'static str,
    decode: Decode,
    encode: Encode,
    /// Who is asked for the schemas that records name.
    registries: Registries,
    /// As columns.
    pub rows: RecordBatch,
    /// As records.
    pub values: Vec<Vec<u8>>,
}

impl Ours {
    /// A codec with these rows. Avro brings its own columns and rows, text and bytes have the JSON as theirs.
    pub fn new<S: Shape>(codec: Codec, rows: &RecordBatch, structs: &[S]) -> Result<Ours, Failed> {
        let mut ours = Ours {
            codec,
            by: PLAIN,
            decode: Decode::plain(codec, rows.schema()),
            encode: Encode::plain(codec),
            registries: Registries::default(),
            rows: rows.clone(),
            values: Vec::new(),
        };
        match codec {
            Codec::Avro => return ours.avro(structs),
            Codec::Protobuf => ours.own_schema(RegisteredSchema::new(SchemaKind::Protobuf, S::PROTO)),
            Codec::JsonSchema => ours.own_schema(codec::schema_of(codec, &rows.schema(), S::NAME)?),
            Codec::String | Codec::Bytes => ours.single(structs)?,
            _ => {}
        }
        ours.values = ours.encoded()?;
        Ok(ours)
    }

    /// The same rows, as records that name their schema by its id; `None` for a codec without a schema of its own.
    fn framed(&self, shape: &str) -> Result<Option<Ours>, Failed> {
        let Some(schema) = &self.encode.writer else { return Ok(None) };
        let id = registry::register(&format!("{shape}-{}", self.codec.name()), schema)?;
        let framing = Framing::Confluent { registry: registry::NAME.to_owned() };
        let mut framed = Ours {
            codec: self.codec,
            by: FRAMED,
            decode: Decode { framing, ..self.decode.clone() },
            encode: Encode { schema_id: Some(SchemaId::Id(id)), ..self.encode.clone() },
            // Not the one that registered: what records were written with is to come from the registry.
            registries: registry::client()?,
            rows: self.rows.clone(),
            values: Vec::new(),
        };
        framed.values = framed.encoded()?;
        Ok(Some(framed))
    }

    fn own_schema(&mut self, schema: RegisteredSchema) {
        let schema = Arc::new(schema);
        self.decode.reader = Some(Arc::clone(&schema));
        self.encode.writer = Some(schema);
    }

    fn avro<S: Shape>(mut self, structs: &[S]) -> Result<Ours, Failed> {
        let schema = RegisteredSchema::new(SchemaKind::Avro, S::AVRO);
        self.decode.schema = codec::columns(self.codec, &schema)?;
        self.own_schema(schema);
        self.values = theirs::avro_records(structs)?;
        self.rows = decoded(&self.decode, &self.registries, &self.values)?;
        Ok(self)
    }

    fn single<S: Shape>(&mut self, structs: &[S]) -> Result<(), Failed> {
        let texts = structs.iter().map(serde_json::to_string).collect::<Result<Vec<_>, _>>()?;
        let column: ArrayRef = match self.codec {
            Codec::String => Arc::new(StringArray::from(texts)),
            _ => Arc::new(BinaryArray::from_iter_values(texts)),
        };
        self.rows = RecordBatch::try_from_iter([("value", column)])?;
        self.decode.schema = self.rows.schema();
        Ok(())
    }

    fn encoded(&self) -> Result<Vec<Vec<u8>>, Failed> {
        let mut encoded = Encoded::default();
        Encoder::new(&self.encode, self.rows.schema_ref())?.encode(&self.rows, &mut encoded);
        match encoded.errors.first() {
            None => Ok((0..self.rows.num_rows()).map(|row| encoded.row(row).to_vec()).collect()),
            Some(error) => Err(format!("{} did not encode: {error:?}", self.codec.name()).into()),
        }
    }

    /// Bytes of all records.
    pub fn bytes(&self) -> usize {
        self.values.iter().map(Vec::len).sum()
    }

    /// Both ways, plain and, where the codec has a schema of its own, framed.
    pub fn contestants(&self, shape: &'static str) -> Result<Vec<Contestant<'static>>, Failed> {
        let mut contestants = self.both_ways(shape)?;
        if let Some(framed) = self.framed(shape)? {
            contestants.extend(framed.both_ways(shape)?);
        }
        Ok(contestants)
    }

    fn both_ways(&self, shape: &'static str) -> Result<Vec<Contestant<'static>>, Failed> {
        if decoded(&self.decode, &self.registries, &self.values)? != self.rows {
            return Err(format!("{}: other rows come back", self.codec.name()).into());
        }
        let contestant = |way, run| Contestant {
            shape,
            codec: self.codec.name(),
            way,
            by: self.by,
            records: self.values.len(),
            bytes: self.bytes(),
            run,
        };
        let decode = decoding(&self.decode, &self.registries, &self.values)?;
        let (mut encoder, rows) = (Encoder::new(&self.encode, self.rows.schema_ref())?, self.rows.clone());
        let mut out = Encoded::default();
        let encode = Box::new(move || {
            encoder.encode(&rows, &mut out);
            black_box(&out);
        });
        Ok(vec![contestant("decode", decode), contestant("encode", encode)])
    }

    /// One record that holds all rows, decoded.
    pub fn in_one_record(&self, shape: &'static str, record: Vec<u8>) -> Result<Contestant<'static>, Failed> {
        let bytes = record.len();
        let run = decoding(&self.decode, &self.registries, &[record])?;
        let (codec, by) = (self.codec.name(), "sabot, all rows in one record");
        Ok(Contestant { shape, codec, way: "decode", by, records: self.rows.num_rows(), bytes, run })
    }
}

/// The columns of a shape, and these records of it as rows.
pub fn rows<S: Shape>(structs: &[S]) -> Result<RecordBatch, Failed> {
    let schema = RegisteredSchema::new(SchemaKind::Protobuf, S::PROTO);
    let columns: SchemaRef = codec::columns(Codec::Protobuf, &schema)?;
    let values = structs.iter().map(serde_json::to_vec).collect::<Result<Vec<_>, _>>()?;
    decoded(&Decode::plain(Codec::Json, columns), &Registries::default(), &values)
}

fn records(values: &[Vec<u8>]) -> RawRecords {
    let mut raw = RawRecords::with_capacity("bench".into(), 0, values.len(), 0);
    values.iter().enumerate().for_each(|(offset, value)| raw.push(offset as i64, None, None, Some(value)));
    raw
}

fn decoded(settings: &Decode, registries: &Registries, values: &[Vec<u8>]) -> Result<RecordBatch, Failed> {
    let decoded = Decoder::new(settings, registries)?.decode(&records(values))?;
    match decoded.errors.first() {
        None => Ok(decoded.rows),
        Some(error) => Err(format!("{} did not decode: {error:?}", settings.codec.name()).into()),
    }
}

fn decoding(
    settings: &Decode,
    registries: &Registries,
    values: &[Vec<u8>],
) -> Result<Box<dyn FnMut()>, Failed> {
    let (mut decoder, raw) = (Decoder::new(settings, registries)?, records(values));
    Ok(Box::new(move || {
        black_box(decoder.decode(&raw)).ok();
    }))
}
