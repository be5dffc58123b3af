//! The examples of the documentation are read, planned and refused as the pages say. A block is marked by the word
//! after `yaml`: `check` and `refused` are whole pipelines followed by what is printed, the others are parts.

use super::{plan, render};
use crate::spec::{self, Format};

const PAGES: [&str; 2] =
    [include_str!("../../../docs/pipeline.md"), include_str!("../../../docs/dead-letters.md")];

/// What is not of pipelines on these (text that codecs take and say, the host's config) is left out.
const CODECS: [(&str, &str); 8] = [
    ("arrow", include_str!("../../../docs/codecs/arrow.md")),
    ("avro", include_str!("../../../docs/codecs/avro.md")),
    ("json", include_str!("../../../docs/codecs/json.md")),
    ("json_schema", include_str!("../../../docs/codecs/json-schema.md")),
    ("msgpack", include_str!("../../../docs/codecs/msgpack.md")),
    ("protobuf", include_str!("../../../docs/codecs/protobuf.md")),
    ("string", include_str!("../../../docs/codecs/string-bytes.md")),
    ("registry: default", include_str!("../../../docs/codecs/registry.md")),
];

/// A fenced block: what follows the fence, and its text.
fn blocks(page: &str) -> Vec<(&str, &str)> {
    let mut blocks = Vec::new();
    let mut parts = page.split("```");
    while let (Some(_), Some(block)) = (parts.next(), parts.next()) {
        blocks.push(block.split_once('\n').unwrap());
    }
    blocks
}

fn indented(text: &str) -> String {
    text.lines().map(|line| format!("  {line}\n")).collect()
}

/// A part of a pipeline with what it needs around it.
fn whole(kind: &str, text: &str) -> String {
    let text = indented(text);
    let row = "{ id: int64, user: string, amount: float64, at: timestamp_ms, country: string, shard: int32 }";
    let source = |name: &str| format!("  {name}: {{ memory: {{ name: x, schema: {row} }} }}\n");
    let gone = "  gone-away: { from: orders, blackhole: {} }\n";
    let (sources, steps, sinks) = match kind {
        "yaml source" if !text.contains("orders:") => {
            (text + &source("orders"), String::new(), gone.to_owned())
        }
        "yaml source" => (text, String::new(), gone.to_owned()),
        "yaml schema" => {
            let read = format!(
                "  orders:\n    memory:\n      name: x\n      schema:\n{}",
                indented(&indented(&indented(&text)))
            );
            (read, String::new(), gone.to_owned())
        }
        "yaml steps" => (source("orders") + &source("users"), text, gone.to_owned()),
        "yaml sinks" => (source("orders"), "  score: { from: orders, wasm: scorer }\n".to_owned(), text),
        _ => panic!("a block of kind `{kind}`"),
    };
    format!("name: page\nsources:\n{sources}steps:\n{steps}sinks:\n{sinks}")
}

fn errors(text: &str) -> String {
    match spec::parse(text.as_bytes(), Format::Auto) {
        Ok(_) => String::new(),
        Err(errors) => errors.iter().map(|error| format!("{error}\n")).collect(),
    }
}

#[test]
fn every_example_is_as_its_page_says() {
    let mut blocks = PAGES.into_iter().flat_map(blocks);
    let mut seen = 0;
    while let Some((kind, text)) = blocks.next() {
        seen += 1;
        let shown = match kind {
            "yaml check" => {
                let parsed = spec::parse(text.as_bytes(), Format::Auto).unwrap();
                assert_eq!(parsed.warnings, []);
                render(&plan(&parsed.pipeline), &parsed.pipeline)
            }
            "yaml refused" => errors(text),
            _ => {
                let text = whole(kind, text);
                assert_eq!(errors(&text), "", "in\n{text}");
                continue;
            }
        };
        let (kind, printed) = blocks.next().unwrap();
        assert_eq!((kind, printed), ("text", shown.as_str()), "what is printed below\n{text}");
    }
    assert!(seen >= 10, "{seen} blocks were found");
}

#[test]
fn every_codec_has_a_page_whose_pipelines_are_taken() {
    for (codec, page) in CODECS {
        let mut seen = 0;
        for (kind, text) in blocks(page) {
            if matches!(kind, "text" | "yaml host") {
                continue;
            }
            let whole = if kind == "yaml pipeline" { text.to_owned() } else { whole(kind, text) };
            assert_eq!(errors(&whole), "", "in\n{whole}");
            seen += usize::from(text.contains(codec));
        }
        assert!(seen > 0, "no pipeline on the page of {codec}");
    }
}
