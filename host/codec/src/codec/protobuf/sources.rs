//! The files that a schema is made of, text or serialized descriptors, the schema's own and those it refers to: found,
//! put in the order in which they import each other, and compiled. Knows nothing of messages.

use std::collections::hash_map::Entry;
use std::collections::{BTreeSet, HashMap, HashSet};
use std::panic::{AssertUnwindSafe, catch_unwind};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use prost::Message as _;
use prost_reflect::prost_types::{FileDescriptorProto, FileDescriptorSet};
use prost_reflect::{DescriptorPool, FileDescriptor};
use protox::file::{File, FileResolver, GoogleFileResolver};

use super::known;
use super::lean::Budget;
use super::text::{MAX_NAME, tidy};
use crate::codec::problem::shortened;
use crate::codec::registered::RegisteredSchema;

/// Most files of one schema.
const MAX_FILES: usize = 500;

/// Most bytes of them, as they are given: compiled they take a hundred times as much.
const MAX_BYTES: usize = 1 << 20;

/// Most bytes of schemas whose errors say the line: each error looks through the places of all that is in its file.
const MAX_PLACED: usize = 64 << 10;

/// Most imports of all files, those that files import for others counted for each of these.
const MAX_IMPORTS: usize = 20_000;

/// The file that declares options, which the compiler has its own assumptions about.
const OPTIONS: &str = "google/protobuf/descriptor.proto";

/// A file, not compiled yet.
enum Source {
    Text(String),
    Descriptor(Box<FileDescriptorProto>),
}

/// Files by their import path.
#[derive(Default)]
struct Sources {
    files: HashMap<String, Source>,
    /// How many there were, those included that are taken out.
    count: usize,
    /// Bytes of all files as they are given.
    bytes: usize,
    budget: Budget,
}

/// Compiles a schema: its file, with all that it imports.
pub(super) fn compile(schema: &RegisteredSchema) -> Result<FileDescriptor, String> {
    // The compiler trusts descriptors, and panics where they contradict themselves.
    let compiled = catch_unwind(AssertUnwindSafe(|| compile_files(schema)));
    let compiled = compiled.unwrap_or_else(|_| {
        Err("the schema cannot be used: it is none that a compiler of Protobuf makes or takes".to_owned())
    });
    // It may quote a name or a string, however long that is.
    compiled.map_err(shortened)
}

fn compile_files(schema: &RegisteredSchema) -> Result<FileDescriptor, String> {
    let mut sources = Sources::default();
    let mut left: Vec<&(String, _)> = schema.references.iter().collect();
    while let Some((path, reference)) = left.pop() {
        if !sources.files.contains_key(path) {
            sources.add_file(path, &reference.text).map_err(|why| format!("{path}: {why}"))?;
            left.extend(&reference.references);
        }
    }
    let main = sources.add_main(&schema.text)?;
    let mut pool = DescriptorPool::new();
    for file in Imports::new(sources).of(&main)? {
        // The debug form is the one with the line.
        pool.add_file_descriptor_proto(file).map_err(|error| format!("{error:?}"))?;
    }
    pool.get_file_by_name(&main).ok_or_else(|| format!("{main}: the schema has no such file"))
}

impl Sources {
    /// Adds the schema's own file; gives its name.
    fn add_main(&mut self, text: &str) -> Result<String, String> {
        let mut main = "schema.proto".to_owned();
        match self.read(text)? {
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
        let source = match self.read(text)? {
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

    fn read(&mut self, text: &str) -> Result<Read, String> {
        self.bytes += text.len();
        if self.bytes > MAX_BYTES {
            return Err(format!(
                "the schema and what it refers to have more than {MAX_BYTES} bytes: split it"
            ));
        }
        read(text)
    }

    fn add(&mut self, path: String, source: Source) -> Result<(), String> {
        if path.len() > MAX_NAME {
            return Err(format!(
                "the path of a file has {} bytes; it may have {MAX_NAME}: shorten it",
                path.len()
            ));
        }
        if let Entry::Vacant(place) = self.files.entry(path) {
            place.insert(source);
            self.count += 1;
        }
        if self.count > MAX_FILES {
            return Err(format!("the schema refers to more than {MAX_FILES} files"));
        }
        Ok(())
    }

    /// Takes a file, parsed, and lean; none where there is no such file.
    fn open(&mut self, path: &str) -> Result<Option<FileDescriptorProto>, String> {
        // Such a file counts as if it had been given, from here on.
        if !self.files.contains_key(path)
            && let Some(text) = known::text(path)
        {
            self.add_file(path, text)?;
        }
        let own = self.files.remove(path).filter(|_| path != OPTIONS);
        let mut file = match own {
            Some(Source::Text(text)) => {
                // The debug form is the one with the line.
                File::from_source(path, &text).map_err(|error| format!("{error:?}"))?.into()
            }
            Some(Source::Descriptor(file)) => *file,
            None => return Ok(GoogleFileResolver::new().open_file(path).ok().map(FileDescriptorProto::from)),
        };
        file.name = Some(path.to_owned());
        let places = self.bytes <= MAX_PLACED;
        self.budget.lean(&mut file, places).map_err(|why| format!("{path}: {why}"))?;
        Ok(Some(file))
    }
}

/// Files in the order in which they import each other.
struct Imports {
    sources: Sources,
    /// Each behind all that it imports.
    files: Vec<FileDescriptorProto>,
    /// The place of each, by its path.
    places: HashMap<String, usize>,
    /// What each imports for those that import it.
    public: Vec<BTreeSet<usize>>,
    imports: usize,
}

impl Imports {
    fn new(sources: Sources) -> Imports {
        Imports { sources, files: Vec::new(), places: HashMap::new(), public: Vec::new(), imports: 0 }
    }

    /// A file and all that it imports, itself last. Without recursion: a chain of imports may be long.
    fn of(mut self, main: &str) -> Result<Vec<FileDescriptorProto>, String> {
        let mut open: Vec<(FileDescriptorProto, usize)> =
            self.sources.open(main)?.into_iter().map(|file| (file, 0)).collect();
        while let Some((file, next)) = open.last_mut() {
            let Some(import) = file.dependency.get(*next).cloned() else {
                if let Some((file, _)) = open.pop() {
                    self.close(file)?;
                }
                continue;
            };
            *next += 1;
            if self.places.contains_key(&import) {
                continue;
            }
            if open.iter().any(|(outer, _)| outer.name() == import) {
                let way: Vec<&str> = open.iter().map(|(outer, _)| outer.name()).collect();
                return Err(format!("import cycle detected: {} -> {import}", way.join(" -> ")));
            }
            match self.sources.open(&import)? {
                Some(imported) => open.push((imported, 0)),
                None => return Err(not_found(&open, &import)),
            }
        }
        Ok(self.files)
    }

    /// Everything that a file imports is there. What others import for it, it imports itself from here on: the compiler
    /// goes every way that leads to a file, or not far enough.
    fn close(&mut self, mut file: FileDescriptorProto) -> Result<(), String> {
        let (mut all, mut public) = (BTreeSet::new(), BTreeSet::new());
        let publicly: HashSet<i32> = file.public_dependency.iter().copied().collect();
        for (index, import) in file.dependency.iter().enumerate() {
            let Some(&place) = self.places.get(import) else { continue };
            let reached = self.public[place].iter().copied().chain([place]);
            all.extend(reached.clone());
            if publicly.contains(&(index as i32)) {
                public.extend(reached);
            }
        }
        self.imports += all.len();
        if self.imports > MAX_IMPORTS {
            return Err(format!(
                "the files of the schema have more than {MAX_IMPORTS} imports: import fewer publicly"
            ));
        }
        file.dependency = all.iter().map(|&place| self.files[place].name().to_owned()).collect();
        file.public_dependency.clear();
        self.places.insert(file.name().to_owned(), self.files.len());
        self.files.push(file);
        self.public.push(public);
        Ok(())
    }
}

#[cold]
fn not_found(open: &[(FileDescriptorProto, usize)], import: &str) -> String {
    let Some((file, next)) = open.last() else { return format!("import '{import}' not found") };
    // Field 3 of a file are its imports, of which the last one was not found.
    let path = [3, *next as i32 - 1];
    let places = file.source_code_info.iter().flat_map(|info| &info.location);
    let place = places.filter(|place| place.path == path).find_map(|place| place.span.get(..2));
    let place = place.map(|at| format!("{}:{}: ", at[0] + 1, at[1] + 1)).unwrap_or_else(|| " ".to_owned());
    format!("{}:{place}import '{import}' not found", file.name())
}

/// What a schema's text is.
enum Read {
    File(Source),
    Set(FileDescriptorSet),
}

/// Text is `.proto`, or base64 where it has neither statements nor blocks.
fn read(text: &str) -> Result<Read, String> {
    if text.contains([';', '{']) {
        return tidy(text).map(|text| Read::File(Source::Text(text)));
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
