//! Avro records that name their schema, and the ways in which one is broken. The bytes are put together by hand: no
//! library writes what is not Avro.

pub const SCHEMA: &str = r#"{"type":"record","name":"Order","fields":[
    {"name":"id","type":"long"},{"name":"user","type":["null","string"]},
    {"name":"tags","type":{"type":"array","items":"string"}}]}"#;

/// A zigzag varint.
fn long(value: i64, out: &mut Vec<u8>) {
    let mut rest = ((value << 1) ^ (value >> 63)) as u64;
    while rest > 0x7f {
        out.push(rest as u8 | 0x80);
        rest >>= 7;
    }
    out.push(rest as u8);
}

fn text(text: &[u8], out: &mut Vec<u8>) {
    long(text.len() as i64, out);
    out.extend_from_slice(text);
}

fn header(id: u32) -> Vec<u8> {
    let mut out = vec![0];
    out.extend(id.to_be_bytes());
    out
}

fn record(id: u32, n: i64, user: &[u8], tag: &[u8]) -> Vec<u8> {
    let mut out = header(id);
    long(n, &mut out);
    long(1, &mut out);
    text(user, &mut out);
    long(2, &mut out);
    text(b"a", &mut out);
    text(tag, &mut out);
    long(0, &mut out);
    out
}

/// The user of record `n`. One has 10 MB, which is as good as any other.
pub fn user(n: i64) -> String {
    if n == 400_000 { "x".repeat(10_000_000) } else { format!("user-{n}") }
}

/// Record `n`.
pub fn good(id: u32, n: i64) -> Vec<u8> {
    record(id, n, user(n).as_bytes(), format!("t{n}").as_bytes())
}

/// Broken record `which`.
pub fn bad(id: u32, which: usize) -> Option<Vec<u8>> {
    let (way, variant) = (which % 12, which / 12);
    let whole = good(id, which as i64);
    let (head, body) = whole.split_at(5);
    let after = |bytes: &[u8]| Some([head, bytes].concat());
    let mut long_then = Vec::new();
    match way {
        // A first byte of 1 would announce another kind of header.
        0 => {
            let mut changed = whole.clone();
            changed[0] = 2 + variant as u8;
            Some(changed)
        }
        1 => Some(head[..variant % 5].to_vec()),
        2 => Some([header(900 + variant as u32 % 3).as_slice(), body].concat()),
        3 => after(&body[..variant % body.len()]),
        // More bytes than a number of 64 bits has.
        4 => after(&[vec![0x80 | variant as u8; 10 + variant], vec![1]].concat()),
        5 => after(&[body, vec![0; 1 + variant].as_slice()].concat()),
        // A branch that is not there.
        6 => {
            long(which as i64, &mut long_then);
            long(2 + variant as i64, &mut long_then);
            after(&long_then)
        }
        7 => {
            // Now and then behind 10 MB of text.
            let before = if variant == 40 { 10_000_000 } else { variant };
            let text = [b"a".repeat(before), vec![0xff - variant as u8 % 16]].concat();
            Some(record(id, which as i64, &text, b"t"))
        }
        // Text that is longer than everything there is, or of a length below zero.
        8 => {
            long(which as i64, &mut long_then);
            long(1, &mut long_then);
            let length = if variant % 2 == 0 { 1 << (20 + variant % 40) } else { -1 - variant as i64 };
            long(length, &mut long_then);
            after(&long_then)
        }
        // Arrays of more items than bytes: by their count, and by a count below zero with a size.
        9 => {
            long(which as i64, &mut long_then);
            long(0, &mut long_then);
            long(
                if variant % 2 == 0 { i64::MAX - variant as i64 } else { i64::MIN + variant as i64 },
                &mut long_then,
            );
            after(&long_then)
        }
        10 if variant % 2 == 0 => Some(Vec::new()),
        10 => Some(format!("{{\"id\":{which}}}").into_bytes()),
        // No value, where a column cannot be null.
        _ if variant == 0 => None,
        _ => Some(record(id, which as i64, b"u", &[b"x".repeat(variant).as_slice(), &[0xc3, 0x28]].concat())),
    }
}
