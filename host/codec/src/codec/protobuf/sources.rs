//! The files that a schema is made of, as the compiler asks for them: text or serialized descriptors, the schema's
//! own and those it refers to. Knows nothing of messages.

use std::collections::HashMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use prost::Message as _;
use prost_reflect::FileDescriptor;
use prost_reflect::prost_types::{FileDescriptorProto, FileDescriptorSet};
use protox::file::{File, FileResolver, GoogleFileResolver};
use protox::{Compiler, Error};

use crate::codec::registered::RegisteredSchema;

/// Most files of one schema.
const MAX_FILES: usize = 500;

/// Deepest nesting of brackets in a `.proto` text: the compiler recurses.
const MAX_NESTING: usize = 100;

/// A file, not compiled yet.
enum Source {
    Text(String),
    Descriptor(Box<FileDescriptorProto>),
}

/// Files by their import path.
struct Sources {
    files: HashMap<String, Source>,
    google: GoogleFileResolver,
}

/// Compiles a schema: its file, with all that it imports.
pub(super) fn compile(schema: &RegisteredSchema) -> Result<FileDescriptor, String> {
    let mut sources = Sources { files: HashMap::new(), google: GoogleFileResolver::new() };
    let mut left: Vec<&(String, _)> = schema.references.iter().collect();
    while let Some((path, reference)) = left.pop() {
        if !sources.files.contains_key(path) {
            sources.add_file(path, &reference.text).map_err(|why| format!("{path}: {why}"))?;
            left.extend(&reference.references);
        }
    }
    let main = sources.add_main(&schema.text)?;
    let mut compiler = Compiler::with_file_resolver(sources);
    // The debug form is the one with the line.
    compiler.open_file(&main).map_err(|e| format!("{e:?}"))?;
    let pool = compiler.descriptor_pool();
    pool.get_file_by_name(&main).ok_or_else(|| format!("{main}: the schema has no such file"))
}

impl Sources {
    /// Adds the schema's own file; gives its name.
    fn add_main(&mut self, text: &str) -> Result<String, String> {
        let mut main = "schema.proto".to_owned();
        match read(text)? {
            Read::Set(set) => {
                for file in set.file {
                    main = file.name().to_owned();
                    self.add(main.clone(), Source::Descriptor(Box::new(file)))?;
                }
            }
            Read::File(source) => {
                while self.files.contains_key(&main) {
                    main.insert(0, '_');
                }
                self.add(main.clone(), source)?;
            }
        }
        Ok(main)
    }

    /// Adds a file that others import by `path`.
    fn add_file(&mut self, path: &str, text: &str) -> Result<(), String> {
        let source = match read(text)? {
            Read::File(source) => source,
            // A set comes with what it imports, its own file last.
            Read::Set(mut set) => {
                let own = set.file.pop().ok_or("no file in the descriptor set")?;
                for file in set.file {
                    self.add(file.name().to_owned(), Source::Descriptor(Box::new(file)))?;
                }
                Source::Descriptor(Box::new(own))
            }
        };
        self.add(path.to_owned(), source)
    }

    fn add(&mut self, path: String, source: Source) -> Result<(), String> {
        self.files.entry(path).or_insert(source);
        if self.files.len() > MAX_FILES {
            return Err(format!("the schema refers to more than {MAX_FILES} files"));
        }
        Ok(())
    }
}

impl FileResolver for Sources {
    fn resolve_path(&self, path: &std::path::Path) -> Option<String> {
        path.to_str().map(str::to_owned)
    }

    fn open_file(&self, name: &str) -> Result<File, Error> {
        match self.files.get(name) {
            Some(Source::Text(text)) => File::from_source(name, text),
            Some(Source::Descriptor(file)) => {
                let file = FileDescriptorProto { name: Some(name.to_owned()), ..(**file).clone() };
                Ok(File::from_file_descriptor_proto(file))
            }
            None => self.google.open_file(name),
        }
    }
}

/// What a schema's text is.
enum Read {
    File(Source),
    Set(FileDescriptorSet),
}

/// Text is `.proto`, or base64 where it has neither statements nor blocks.
fn read(text: &str) -> Result<Read, String> {
    if text.contains([';', '{']) {
        if nesting(text) > MAX_NESTING {
            return Err(format!("brackets are nested deeper than {MAX_NESTING} levels"));
        }
        return Ok(Read::File(Source::Text(text.to_owned())));
    }
    let expected =
        "expected a .proto file, or a serialized FileDescriptorProto or FileDescriptorSet in base64";
    let text: String = text.split_ascii_whitespace().collect();
    let bytes = STANDARD.decode(text).map_err(|_| expected.to_owned())?;
    // A set has only field 1, which in a file is its name.
    match FileDescriptorProto::decode(&bytes[..]) {
        Ok(file) if !file.message_type.is_empty() => Ok(Read::File(Source::Descriptor(Box::new(file)))),
        _ => match FileDescriptorSet::decode(&bytes[..]) {
            Ok(set) if !set.file.is_empty() => Ok(Read::Set(set)),
            Ok(_) => Err(format!("{expected}; it is empty")),
            Err(why) => Err(format!("{expected}; found base64 of something else: {why}")),
        },
    }
}

/// How deep brackets are nested, outside comments and strings.
fn nesting(text: &str) -> usize {
    let (mut depth, mut deepest) = (0_usize, 0);
    let mut bytes = text.bytes().peekable();
    while let Some(byte) = bytes.next() {
        match byte {
            b'{' | b'[' | b'<' | b'(' => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b'}' | b']' | b'>' | b')' => depth = depth.saturating_sub(1),
            b'"' | b'\'' => {
                while let Some(inner) = bytes.next().filter(|&inner| inner != byte && inner != b'\n') {
                    if inner == b'\\' {
                        bytes.next();
                    }
                }
            }
            b'/' if bytes.peek() == Some(&b'/') => drop(bytes.find(|&inner| inner == b'\n')),
            b'/' if bytes.peek() == Some(&b'*') => {
                bytes.next();
                let mut star = false;
                bytes.find(|&inner| std::mem::replace(&mut star, inner == b'*') && inner == b'/');
            }
            _ => {}
        }
    }
    deepest
}
