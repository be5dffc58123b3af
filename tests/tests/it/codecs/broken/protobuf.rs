//! Protobuf records that name their schema, and the ways in which one is broken. The bytes are put together by hand.

pub const SCHEMA: &str = "syntax = \"proto3\";\npackage shop;\n\
    message Order { int64 id = 1; optional string user = 2; repeated string tags = 3; }\n\
    message Other { int64 id = 1; message Inner { int64 id = 1; } }\n";

fn varint(mut value: u64, out: &mut Vec<u8>) {
    while value > 0x7f {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

fn field(number: u64, wire: u64, out: &mut Vec<u8>) {
    varint(number << 3 | wire, out);
}

fn text(number: u64, text: &[u8], out: &mut Vec<u8>) {
    field(number, 2, out);
    varint(text.len() as u64, out);
    out.extend_from_slice(text);
}

/// Magic byte, id, and the first message of the file.
fn header(id: u32) -> Vec<u8> {
    let mut out = vec![0];
    out.extend(id.to_be_bytes());
    out.push(0);
    out
}

fn record(id: u32, n: i64, user: &[u8]) -> Vec<u8> {
    let mut out = header(id);
    field(1, 0, &mut out);
    varint(n as u64, &mut out);
    text(2, user, &mut out);
    text(3, b"a", &mut out);
    text(3, format!("t{n}").as_bytes(), &mut out);
    out
}

/// Record `n`.
pub fn good(id: u32, n: i64) -> Vec<u8> {
    record(id, n, super::avro::user(n).as_bytes())
}

/// Broken record `which`.
pub fn bad(id: u32, which: usize) -> Option<Vec<u8>> {
    let (way, variant) = (which % 13, which / 13);
    let whole = good(id, which as i64);
    let (head, body) = whole.split_at(6);
    let after = |bytes: &[u8]| Some([head, body, bytes].concat());
    let mut more = Vec::new();
    match way {
        0 => {
            let mut changed = whole.clone();
            changed[0] = 2 + variant as u8;
            Some(changed)
        }
        1 => Some(head[..variant % 5].to_vec()),
        2 => Some([header(900 + variant as u32 % 3).as_slice(), body].concat()),
        // Cut within the last text: a cut between two fields is a message.
        3 => Some(whole[..whole.len() - 1 - variant % 2].to_vec()),
        // More bytes than a number of 64 bits has.
        4 => {
            field(1, 0, &mut more);
            more.extend(vec![0xff; 10 + variant]);
            more.push(1);
            after(&more)
        }
        5 => {
            field(2 + variant as u64, 6 + variant as u64 % 2, &mut more);
            after(&more)
        }
        // Field 0, and the end of a group that did not begin.
        6 => {
            field(if variant % 2 == 0 { 0 } else { 9 }, if variant % 2 == 0 { 0 } else { 4 }, &mut more);
            more.push(variant as u8 & 0x7f);
            after(&more)
        }
        7 => {
            // Now and then behind 10 MB of text.
            let before = if variant == 40 { 10_000_000 } else { variant };
            Some(record(id, which as i64, &[b"a".repeat(before), vec![0xff - variant as u8 % 16]].concat()))
        }
        // Text that is longer than everything there is.
        8 => {
            field(2, 2, &mut more);
            varint(1 << (20 + variant % 40), &mut more);
            after(&more)
        }
        // The second message of the file, one within it, and one that is not there.
        9 => {
            let indexes: [&[u8]; 3] = [&[2, 2], &[4, 2, 0], &[2, 18]];
            Some([&head[..5], indexes[variant % 3], body].concat())
        }
        // A number where text has to be, and text where a number has to be.
        10 => {
            match variant % 2 {
                0 => {
                    field(2, 0, &mut more);
                    more.push(variant as u8);
                }
                _ => text(1, &vec![b'x'; variant], &mut more),
            }
            after(&more)
        }
        // Groups that nobody asked for, deeper than anything is: closed and not.
        11 => {
            let deep = 101 + variant * 1_000;
            (0..deep).for_each(|_| field(9, 3, &mut more));
            (0..if variant % 2 == 0 { deep } else { 0 }).for_each(|_| field(9, 4, &mut more));
            after(&more)
        }
        _ if variant == 0 => None,
        _ => Some(format!("{{\"id\":{which}}}").into_bytes()),
    }
}
