//! What names a schema by its content: the parsing canonical form, its CRC-64-AVRO fingerprint, and the header of
//! single-object encoding that carries it. Knows nothing of columns.

use std::collections::HashSet;

use super::parse::parse;
use super::types::{Id, Kind, Type, Types};
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
    let (mut written, mut open) = (HashSet::new(), vec![Piece::Type(types.root())]);
    while let Some(piece) = open.pop() {
        match piece {
            Piece::Text(text) => out.push_str(text),
            // Names and symbols have no character that JSON escapes.
            Piece::Quoted(name) => out.extend(["\"", name, "\""]),
            Piece::Number(number) => out.push_str(&number.to_string()),
            Piece::Type(id) => {
                let begin = open.len();
                let of = types.get(id);
                // One with a name is written only the first time, so this ends also where a type holds itself.
                match of.named() {
                    Some(name) if !written.insert(id) => open.push(Piece::Quoted(&name.full)),
                    _ => pieces(of, &mut open),
                }
                // The last one is the next.
                open[begin..].reverse();
            }
        }
    }
    out
}

/// What comes next in a canonical form. A list of them and no recursion: types refer to types as often as there are
/// any.
enum Piece<'a> {
    Text(&'static str),
    Quoted(&'a str),
    Number(usize),
    Type(Id),
}

/// What a type is written as.
fn pieces<'a>(of: &'a Type, out: &mut Vec<Piece<'a>>) {
    use Piece::{Quoted, Text};
    let inside = match &of.kind {
        Kind::Array(items) => [Text(r#"{"type":"array","items":"#), Piece::Type(*items), Text("}")],
        Kind::Map(values) => [Text(r#"{"type":"map","values":"#), Piece::Type(*values), Text("}")],
        Kind::Union(branches) => return list(branches, out, |branch, out| out.push(Piece::Type(*branch))),
        Kind::Enum(of) => {
            out.extend([Text(r#"{"name":"#), Quoted(&of.name.full), Text(r#","type":"enum","symbols":"#)]);
            list(&of.symbols, out, |symbol, out| out.push(Quoted(symbol)));
            return out.push(Text("}"));
        }
        Kind::Record(of) => {
            out.extend([Text(r#"{"name":"#), Quoted(&of.name.full), Text(r#","type":"record","fields":"#)]);
            list(&of.fields, out, |field, out| {
                out.extend([Text(r#"{"name":"#), Quoted(&field.name), Text(r#","type":"#)]);
                out.extend([Piece::Type(field.of), Text("}")]);
            });
            return out.push(Text("}"));
        }
        Kind::Fixed(name, size) => {
            out.extend([Text(r#"{"name":"#), Quoted(&name.full), Text(r#","type":"fixed","size":"#)]);
            [Piece::Number(*size), Text("}"), Text("")]
        }
        _ => [Quoted(of.name()), Text(""), Text("")],
    };
    out.extend(inside);
}

fn list<'a, T>(items: &'a [T], out: &mut Vec<Piece<'a>>, mut item: impl FnMut(&'a T, &mut Vec<Piece<'a>>)) {
    out.push(Piece::Text("["));
    for (position, one) in items.iter().enumerate() {
        if position > 0 {
            out.push(Piece::Text(","));
        }
        item(one, out);
    }
    out.push(Piece::Text("]"));
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
