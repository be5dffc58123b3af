//! YAML text to a tree, by the events of serde-saphyr's parser: that keeps lines and duplicate keys. Depth and
//! size are bounded before anything is built, also through aliases. Knows nothing of pipelines.

use std::borrow::Cow;
use std::collections::HashMap;

use serde_saphyr::granit_parser::{self, ErrorKind, Event, Parser, ScalarStyle, ScanError, Span, StrInput};

use super::error::{Findings, SpecError, quoted};
use super::tree::{Entry, Node, Value};
use super::units::show_size;
use super::{MAX_BYTES, MAX_DEPTH, MAX_NODES};

/// Text of a document, aliases written out.
const MAX_EXPANDED_BYTES: usize = 4 * MAX_BYTES;

/// The one document in `text`, or the mistakes that keep it from being read.
pub(super) fn parse(text: &str, findings: &mut Findings) -> Option<Node> {
    let options = granit_parser::options! {
        emit_comments: false,
        disallow_directives: true,
        flow_nesting_limit: MAX_DEPTH,
        block_nesting_limit: MAX_DEPTH,
    };
    let mut builder = Builder {
        events: Parser::new_from_str_with_options(text, options),
        anchors: HashMap::new(),
        built: Size::default(),
        findings,
    };
    match builder.document() {
        Ok(node) => Some(node),
        Err(stop) => {
            builder.findings.add(stop);
            None
        }
    }
}

/// A node that an alias can stand for.
struct Anchor {
    node: Node,
    size: Size,
    depth: usize,
}

/// How much a tree takes: its values, and the bytes of its texts.
#[derive(Clone, Copy, Default)]
struct Size {
    nodes: usize,
    bytes: usize,
}

struct Builder<'a> {
    events: Parser<'a, StrInput<'a>>,
    anchors: HashMap<usize, Anchor>,
    /// Built so far, aliases counted as what they stand for.
    built: Size,
    findings: &'a mut Findings,
}

/// A node with the depth of the tree below it.
struct Built {
    node: Node,
    depth: usize,
}

impl<'a> Builder<'a> {
    /// A text without a document is one with nothing in it.
    fn document(&mut self) -> Result<Node, SpecError> {
        let mut root = None;
        loop {
            let (event, span) = self.next()?;
            match event {
                Event::StreamStart | Event::DocumentEnd => {}
                Event::StreamEnd => {
                    let nothing = Value::Scalar { text: String::new(), plain: true };
                    return Ok(root.unwrap_or(Node { value: nothing, line: None }));
                }
                Event::DocumentStart(..) if root.is_some() => {
                    return Err(SpecError::new("", "a second document begins here")
                        .expected("one pipeline in a file: move this one to a file of its own")
                        .line(line(&span)));
                }
                Event::DocumentStart(..) => {
                    let (event, span) = self.next()?;
                    root = Some(self.node(event, &span, 0)?.node);
                }
                _ => return Err(SpecError::new("", "this is not a YAML document").line(line(&span))),
            }
        }
    }

    fn next(&mut self) -> Result<(Event<'a>, Span), SpecError> {
        match self.events.next() {
            Some(Ok(next)) => Ok(next),
            Some(Err(error)) => Err(syntax(&error)),
            None => Err(SpecError::new("", "the text ends in the middle of a document")),
        }
    }

    fn node(&mut self, event: Event<'a>, span: &Span, depth: usize) -> Result<Built, SpecError> {
        let before = self.built;
        let bytes = if let Event::Scalar(text, ..) = &event { text.len() } else { 0 };
        // What an alias stands for is counted where it is looked up.
        let nodes = usize::from(!matches!(event, Event::Alias(_)));
        self.count(Size { nodes, bytes }, depth, span)?;
        let (value, below, anchor) = match event {
            Event::Scalar(text, style, anchor, tag) => {
                self.refuse_tag(tag.is_some(), span);
                (scalar(text, style), 0, anchor)
            }
            Event::SequenceStart(_, anchor, tag) => {
                self.refuse_tag(tag.is_some(), span);
                let (items, below) = self.list(depth)?;
                (Value::List(items), below, anchor)
            }
            Event::MappingStart(_, anchor, tag) => {
                self.refuse_tag(tag.is_some(), span);
                let (entries, below) = self.map(depth)?;
                (Value::Map(entries), below, anchor)
            }
            Event::Alias(id) => return self.alias(id, span, depth),
            _ => return Err(SpecError::new("", "a value is missing").line(line(span))),
        };
        let node = Node { value, line: line(span) };
        if anchor != 0 {
            let (nodes, bytes) = (self.built.nodes - before.nodes, self.built.bytes - before.bytes);
            let size = Size { nodes, bytes };
            // Kept for aliases beside the tree itself: that takes as much again.
            self.count(size, depth, span)?;
            self.anchors.insert(anchor, Anchor { node: node.clone(), size, depth: below });
        }
        Ok(Built { node, depth: below })
    }

    fn list(&mut self, depth: usize) -> Result<(Vec<Node>, usize), SpecError> {
        let mut items = Vec::new();
        let mut below = 0;
        loop {
            let (event, span) = self.next()?;
            if event == Event::SequenceEnd {
                return Ok((items, below));
            }
            let item = self.node(event, &span, depth + 1)?;
            below = below.max(item.depth + 1);
            items.push(item.node);
        }
    }

    fn map(&mut self, depth: usize) -> Result<(Vec<Entry>, usize), SpecError> {
        let mut entries = Vec::new();
        let mut below = 0;
        loop {
            let (event, span) = self.next()?;
            if event == Event::MappingEnd {
                return Ok((entries, below));
            }
            let key = self.node(event, &span, depth + 1)?;
            let (event, value_span) = self.next()?;
            let value = self.node(event, &value_span, depth + 1)?;
            below = below.max(value.depth + 1);
            if let Some(key) = self.key(key.node) {
                entries.push(Entry { key, line: line(&span), node: value.node });
            }
        }
    }

    /// A key's text. What cannot be one is a mistake, and its value is not looked at.
    fn key(&mut self, key: Node) -> Option<String> {
        match key.value {
            Value::Scalar { text, plain: true } if text == "<<" => {
                self.findings.add(
                    SpecError::new("", "merge keys (`<<`) are not supported")
                        .expected("the keys written out, or an alias for a whole value")
                        .line(key.line),
                );
                None
            }
            Value::Scalar { text, .. } => Some(text),
            Value::List(_) | Value::Map(_) => {
                let what = key.describe();
                self.findings.add(
                    SpecError::new("", format!("{what} cannot be a key")).expected("text").line(key.line),
                );
                None
            }
        }
    }

    fn alias(&mut self, id: usize, span: &Span, depth: usize) -> Result<Built, SpecError> {
        let Some(anchor) = self.anchors.get(&id) else {
            return Err(SpecError::new("", "an alias stands inside the value it refers to").line(line(span)));
        };
        let (size, below) = (anchor.size, anchor.depth);
        self.count(size, depth + below, span)?;
        // Still there: `count` takes nothing away.
        let node = self.anchors.get(&id).map(|anchor| anchor.node.clone());
        node.map(|node| Built { node, depth: below })
            .ok_or_else(|| SpecError::new("", "an alias refers to nothing").line(line(span)))
    }

    fn count(&mut self, size: Size, depth: usize, span: &Span) -> Result<(), SpecError> {
        self.built.nodes += size.nodes;
        self.built.bytes += size.bytes;
        let too_much = if self.built.nodes > MAX_NODES {
            Some(format!("more than {MAX_NODES} values, aliases written out"))
        } else if self.built.bytes > MAX_EXPANDED_BYTES {
            Some(format!("more than {} of text, aliases written out", show_size(MAX_EXPANDED_BYTES as u64)))
        } else {
            None
        };
        if let Some(message) = too_much {
            return Err(SpecError::new("", message).expected("a smaller file").line(line(span)));
        }
        if depth > MAX_DEPTH {
            return Err(
                SpecError::new("", format!("values are nested more than {MAX_DEPTH} deep")).line(line(span))
            );
        }
        Ok(())
    }

    fn refuse_tag(&mut self, tagged: bool, span: &Span) {
        if tagged {
            self.findings.add(
                SpecError::new("", "tags (`!…`) are not supported")
                    .expected("the value without a tag, or text in quotes")
                    .line(line(span)),
            );
        }
    }
}

fn scalar(text: Cow<'_, str>, style: ScalarStyle) -> Value {
    Value::Scalar { text: text.into_owned(), plain: style == ScalarStyle::Plain }
}

fn line(span: &Span) -> Option<usize> {
    Some(span.start.line())
}

fn syntax(error: &ScanError) -> SpecError {
    if *error.kind() == ErrorKind::RecursionLimitExceeded {
        let message = format!("values are nested more than {MAX_DEPTH} deep");
        return SpecError::new("", message).line(Some(error.marker().line()));
    }
    let column = error.marker().col() + 1;
    let error_text = quoted(&error.info()).replace('`', "");
    SpecError::new("", format!("this is not YAML: {error_text} (column {column})"))
        .line(Some(error.marker().line()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(text: &str) -> Result<Node, Vec<String>> {
        let mut findings = Findings::default();
        let node = parse(text, &mut findings);
        if findings.is_empty() {
            Ok(node.unwrap())
        } else {
            Err(findings.into_errors().iter().map(ToString::to_string).collect())
        }
    }

    fn json(text: &str) -> String {
        let node = tree(text).unwrap();
        node.to_json("", &mut Findings::default()).to_string()
    }

    #[test]
    fn block_and_flow_become_the_same_tree() {
        let block = "a:\n  b: [1, 2.5, no]\n  c: 'x'\nd:\n";
        let flow = "{a: {b: [1, 2.5, no], c: 'x'}, d: }";
        assert_eq!(json(block), r#"{"a":{"b":[1,2.5,"no"],"c":"x"},"d":null}"#);
        assert_eq!(json(block), json(flow));
    }

    #[test]
    fn lines_are_kept() {
        let node = tree("a: 1\n\n# comment\nb:\n  - x\n  - y: 2\n").unwrap();
        let mut lines = Vec::new();
        node.visit_lines("", &mut |path, line| lines.push(format!("{path} {line}")));
        assert_eq!(lines.join(", "), "a 1, b[0] 5, b[1].y 6, b[1] 6, b 4");
    }

    #[test]
    fn aliases_stand_for_their_value() {
        assert_eq!(
            json("a: &x {k: 1}\nb: *x\nc: [*x, *x]\n"),
            r#"{"a":{"k":1},"b":{"k":1},"c":[{"k":1},{"k":1}]}"#
        );
    }

    #[test]
    fn an_alias_bomb_is_refused_before_it_is_built() {
        let mut bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n".to_owned();
        for level in 1..20 {
            let below = level - 1;
            bomb += &format!("a{level}: &a{level} [{}]\n", vec![format!("*a{below}"); 9].join(", "));
        }
        assert_eq!(
            tree(&bomb).unwrap_err(),
            ["line 5: more than 50000 values, aliases written out; expected a smaller file"]
        );
    }

    #[test]
    fn a_long_text_is_not_multiplied() {
        let long = format!("a: &x {}\nb: [{}]\n", "y".repeat(500_000), vec!["*x"; 1000].join(", "));
        assert_eq!(
            tree(&long).unwrap_err(),
            ["line 2: more than 4MiB of text, aliases written out; expected a smaller file"]
        );
    }

    #[test]
    fn deep_nesting_is_refused_also_through_aliases() {
        let flow = "[".repeat(100_000);
        assert!(tree(&flow).unwrap_err()[0].contains("nest"), "{:?}", tree(&flow));
        let block: String = (0..1000).map(|depth| format!("{}a:\n", " ".repeat(depth))).collect();
        assert!(tree(&block).unwrap_err()[0].contains("nest"), "{:?}", tree(&block));
        let mut chain = "a0: &a0 [x]\n".to_owned();
        for level in 1..200 {
            chain += &format!("a{level}: &a{level} [*a{}]\n", level - 1);
        }
        assert_eq!(tree(&chain).unwrap_err(), ["line 64: values are nested more than 64 deep"]);
    }

    #[test]
    fn what_a_specification_has_no_use_for_is_named() {
        insta::assert_snapshot!(tree("a: &x [*x]").unwrap_err().join("\n"), @"line 1: an alias stands inside the value it refers to");
        insta::assert_snapshot!(tree("a: !!int 5\nb: {<<: {c: 1}}\n? [k]\n: v\n").unwrap_err().join("\n"), @r"
        line 1: tags (`!…`) are not supported; expected the value without a tag, or text in quotes
        line 2: merge keys (`<<`) are not supported; expected the keys written out, or an alias for a whole value
        line 3: a list cannot be a key; expected text
        ");
        insta::assert_snapshot!(tree("a: 1\n---\nb: 2\n").unwrap_err().join("\n"), @"line 2: a second document begins here; expected one pipeline in a file: move this one to a file of its own");
        insta::assert_snapshot!(tree("a: *nothing").unwrap_err().join("\n"), @"line 1: this is not YAML: while parsing node, found unknown anchor (column 4)");
        insta::assert_snapshot!(tree("a: [1, 2").unwrap_err().join("\n"), @"line 1: this is not YAML: unclosed bracket '[' (column 4)");
        insta::assert_snapshot!(tree("a: 1\n b: 2\n").unwrap_err().join("\n"), @"line 2: this is not YAML: mapping values are not allowed in this context (column 3)");
        insta::assert_snapshot!(tree("%YAML 1.2\n---\na: 1\n").unwrap_err().join("\n"), @"line 1: this is not YAML: YAML directives are disallowed (column 1)");
    }
}
