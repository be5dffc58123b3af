//! What names a schema by its content: the parsing canonical form, its CRC-64-AVRO fingerprint, and the header of
//! single-object encoding that carries it. Knows nothing of columns.

use super::parse::parse;
use super::types::{Id, Kind, Types};
use crate::codec::registered::RegisteredSchema;

/// What single-object encoding begins with: two bytes of its own, then the fingerprint.
const MARK: [u8; 2] = [0xc3, 0x01];

/// The CRC-64-AVRO fingerprint of a schema's parsing canonical form: the same for schemas that differ only in
/// documentation, aliases, defaults, logical types and spelling. Fails where the text is no schema.
pub fn fingerprint(schema: &RegisteredSchema) -> Result<u64, String> {
    Ok(crc64(canonical(&parse(schema)?).as_bytes()))
}

/// The fingerprint in front of a value in single-object encoding, and the value; `None` where there is none.
pub fn single_object(value: &[u8]) -> Option<(u64, &[u8])> {
    let (fingerprint, value) = value.strip_prefix(&MARK)?.split_first_chunk()?;
    Some((u64::from_le_bytes(*fingerprint), value))
}

/// The parsing canonical form.
pub(super) fn canonical(types: &Types) -> String {
    let mut out = String::new();
    write(types, types.root(), &mut Vec::new(), &mut out);
    out
}

/// Writes a type; one with a name only the first time, so this ends also where a type holds itself.
fn write(types: &Types, id: Id, written: &mut Vec<Id>, out: &mut String) {
    let of = types.get(id);
    let Some(name) = of.named() else {
        match &of.kind {
            Kind::Array(items) => {
                out.push_str(r#"{"type":"array","items":"#);
                write(types, *items, written, out);
                out.push('}');
            }
            Kind::Map(values) => {
                out.push_str(r#"{"type":"map","values":"#);
                write(types, *values, written, out);
                out.push('}');
            }
            Kind::Union(branches) => {
                list(branches, out, |branch, out| write(types, *branch, written, out));
            }
            _ => quoted(of.name(), out),
        }
        return;
    };
    if written.contains(&id) {
        return quoted(&name.full, out);
    }
    written.push(id);
    out.push_str(r#"{"name":"#);
    quoted(&name.full, out);
    match &of.kind {
        Kind::Enum(of) => {
            out.push_str(r#","type":"enum","symbols":"#);
            list(&of.symbols, out, |symbol, out| quoted(symbol, out));
        }
        Kind::Fixed(_, size) => out.push_str(&format!(r#","type":"fixed","size":{size}"#)),
        Kind::Record(of) => {
            out.push_str(r#","type":"record","fields":"#);
            list(&of.fields, out, |field, out| {
                out.push_str(r#"{"name":"#);
                quoted(&field.name, out);
                out.push_str(r#","type":"#);
                write(types, field.of, written, out);
                out.push('}');
            });
        }
        _ => unreachable!("only records, enums and fixed have names"),
    }
    out.push('}');
}

fn list<T>(items: &[T], out: &mut String, mut item: impl FnMut(&T, &mut String)) {
    out.push('[');
    for (position, one) in items.iter().enumerate() {
        if position > 0 {
            out.push(',');
        }
        item(one, out);
    }
    out.push(']');
}

/// Names and symbols have no character that JSON escapes.
fn quoted(name: &str, out: &mut String) {
    out.extend(["\"", name, "\""]);
}

/// CRC-64-AVRO.
fn crc64(text: &[u8]) -> u64 {
    text.iter().fold(EMPTY, |crc, byte| (crc >> 8) ^ TABLE[usize::from(crc as u8 ^ byte)])
}

/// The fingerprint of nothing, which is the polynomial too.
const EMPTY: u64 = 0xc15d_213a_a4d7_a795;

const TABLE: [u64; 256] = {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        let (mut crc, mut bit) = (byte as u64, 0);
        while bit < 8 {
            crc = (crc >> 1) ^ (EMPTY & (crc & 1).wrapping_neg());
            bit += 1;
        }
        table[byte] = crc;
        byte += 1;
    }
    table
};
