//! JSON records, and the ways in which one is broken.

use serde_json::{Value, json};

/// The columns.
pub fn columns() -> Value {
    json!({
        "id": "int64!", "user": "string", "amount": "float64", "small": "int8", "price": "decimal(10, 2)",
        "at": "timestamp_ms", "paid": "bool", "tags": "list<string>", "address": { "zip": "int32" }, "blob": "bytes",
    })
}

/// Record `n`.
pub fn good(n: i64) -> Vec<u8> {
    // Now and then a large one, which is as good as any other.
    let more = if n == 400_000 { format!(",\"more\":\"{}\"", "x".repeat(10_000_000)) } else { String::new() };
    format!(
        "{{\"id\":{n},\"user\":\"user-{n} \\u00fc\",\"amount\":{}.5,\"small\":{},\"price\":{}.25,\"at\":{},\
         \"paid\":true,\"tags\":[\"a\",\"{n}\"],\"address\":{{\"zip\":{}}},\"blob\":\"AAEC\"{more}}}",
        n % 5_000,
        n % 100 - 50,
        n % 9_999,
        1_700_000_000_000 + n,
        n % 10_000,
    )
    .into_bytes()
}

/// What comes out of it.
pub fn row(n: i64) -> Value {
    json!({
        "id": n, "user": format!("user-{n} ü"), "amount": (n % 5_000) as f64 + 0.5, "small": n % 100 - 50,
        "price": (n % 9_999) as f64 + 0.25, "at": 1_700_000_000_000 + n, "paid": true,
        "tags": ["a", n.to_string()], "address": { "zip": n % 10_000 }, "blob": "AAEC",
    })
}

/// Broken record `which`.
pub fn bad(which: usize) -> Option<Vec<u8>> {
    /// Ways that `variant` makes a thousand of.
    const WAYS: usize = 20;
    let (way, variant) = (which % WAYS, which / WAYS);
    let record = good(which as i64);
    let with =
        |column: &str, value: String| Some(format!("{{\"id\":{which},\"{column}\":{value}}}").into_bytes());
    let pick = |values: &[&str]| values[variant % values.len()].to_owned();
    match way {
        // Every start of an object is none.
        0 => Some(record[..1 + variant * 2 % (record.len() - 1)].to_vec()),
        1 => Some(
            [record.as_slice(), pick(&["x", "}", ",", "{}", "\0", " 1", "null", "]"]).as_bytes()].concat(),
        ),
        2 => Some([pick(&["\u{feff}", "x", "[", ",", "//c\n", "\u{a0}"]).as_bytes(), &record].concat()),
        3 => with("user", pick(&["1", "true", "{}", "[\"a\"]", "1.5"])),
        4 => with("amount", pick(&["\"1\"", "true", "{}", "[1]"])),
        5 => with("small", pick(&["128", "-129", "1.5", "1e3", "9999999999999999999999"])),
        6 => with("price", pick(&["123456789.00", "0.001", "1e20", "\"12,5\"", "true"])),
        7 => with(
            "at",
            pick(&["\"yesterday\"", "\"2024-13-01\"", "1e300", "true", "\"2024-02-30T00:00:00Z\""]),
        ),
        8 => with("paid", pick(&["1", "\"true\"", "tru", "TRUE", "[]"])),
        9 => with("tags", pick(&["\"a\"", "[1]", "[\"a\",]", "[\"a\" \"b\"]", "{}", "[[]]"])),
        10 => with("address", pick(&["{\"zip\":2147483648}", "[]", "{\"zip\":\"1\"}", "{\"zip\" 1}", "7"])),
        11 => with("blob", pick(&["\"!\"", "\"AAE\\u0000\"", "\"A\"", "1", "\"====\""])),
        // Invalid UTF-8 of every kind: stray, cut, overlong, surrogate, beyond the last character.
        12 => {
            let invalid: [&[u8]; 6] =
                [b"\x80", b"\xc3", b"\xc0\xaf", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xff"];
            let text = [b"\"".as_slice(), invalid[variant % 6], &[b'a'].repeat(variant), b"\"}"].concat();
            Some([format!("{{\"id\":{which},\"user\":").as_bytes(), &text].concat())
        }
        13 => {
            with("user", pick(&["\"\\ud800\"", "\"\\udc00x\"", "\"\\x\"", "\"\\u12\"", "\"a\nb\"", "\"\\"]))
        }
        // Deeper than anything is: arrays and objects, closed and not.
        14 => {
            let deep = 1_000 + variant * 20_000;
            let (open, close) = if variant % 2 == 0 { ("[", "]") } else { ("{\"a\":", "}") };
            let close = if variant % 3 == 0 { String::new() } else { close.repeat(deep) };
            with("more", format!("{}1{close}", open.repeat(deep)))
        }
        15 => Some(
            pick(&["[]", "1", "\"text\"", "null", "true", "[{\"id\":1}]", "", " ", "{}", "{\"user\":\"a\"}"])
                .into_bytes(),
        ),
        16 => Some(
            format!(
                "{{\"id\":{},\"user\":\"{which}\"}}",
                pick(&["null", "\"1\"", "1.5", "9223372036854775808"])
            )
            .into_bytes(),
        ),
        17 => with(
            "amount",
            pick(&["01", "+1", ".5", "1.", "NaN", "Infinity", "0x1", "1e", "-", "1e400", "--1"]),
        ),
        18 => match variant {
            // 10 MB of the wrong type; more than any record may have; no value.
            0 | 1 => with("amount", format!("\"{}\"", "x".repeat(10_000_000 + variant))),
            2 => with("more", format!("\"{}\"", "x".repeat(17_000_000))),
            3..6 => None,
            _ => with("tags", format!("[{}1]", "\"a\",".repeat(variant * 100))),
        },
        _ => Some(format!("{{'id':{which},user:\"{variant}\"}}").into_bytes()),
    }
}
