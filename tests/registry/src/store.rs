//! What the registry holds: schemas by id, versions of subjects, levels of compatibility. A schema has one id
//! however many subjects have it. Knows nothing of HTTP.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};

/// A schema as it was registered.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Schema {
    pub(crate) kind: String,
    pub(crate) text: String,
    pub(crate) references: Vec<Reference>,
}

/// A version of another subject, under the name that the schema uses.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Reference {
    pub(crate) name: String,
    pub(crate) subject: String,
    pub(crate) version: u32,
}

/// A version of a subject.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Version {
    pub(crate) version: u32,
    pub(crate) id: u32,
    pub(crate) deleted: bool,
}

/// All that is there.
#[derive(Default)]
pub(crate) struct Store {
    /// Id `i` is at `i - 1`.
    schemas: Vec<Schema>,
    pub(crate) subjects: BTreeMap<String, Vec<Version>>,
    pub(crate) levels: BTreeMap<String, String>,
    pub(crate) level: Option<String>,
}

impl Schema {
    /// The same for the same schema in every registry: a UUID made of its hash.
    pub(crate) fn guid(&self) -> String {
        let half = |salt: u8| {
            let mut hasher = DefaultHasher::new();
            (salt, self).hash(&mut hasher);
            hasher.finish()
        };
        let hex = format!("{:016x}{:016x}", half(0), half(1));
        [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]].join("-")
    }
}

impl Store {
    pub(crate) fn by_id(&self, id: u32) -> Option<&Schema> {
        self.schemas.get((id as usize).checked_sub(1)?)
    }

    pub(crate) fn by_guid(&self, guid: &str) -> Option<u32> {
        let found = self.schemas.iter().position(|schema| schema.guid() == guid)?;
        Some(found as u32 + 1)
    }

    /// A version that is there: `latest`, `-1` or a number.
    pub(crate) fn version(&self, subject: &str, version: &str, deleted: bool) -> Option<Version> {
        let mut versions = self.subjects.get(subject)?.iter().filter(|v| deleted || !v.deleted);
        match version {
            "latest" | "-1" => versions.next_back(),
            number => versions.find(|v| v.version.to_string() == number),
        }
        .copied()
    }

    /// The version of a subject that is this schema.
    pub(crate) fn lookup(&self, subject: &str, schema: &Schema) -> Option<Version> {
        let versions = self.subjects.get(subject)?.iter();
        versions.filter(|v| !v.deleted).find(|v| self.by_id(v.id) == Some(schema)).copied()
    }

    /// Registers a schema; the version is the old one where it is there already.
    pub(crate) fn register(&mut self, subject: &str, schema: Schema) -> Version {
        if let Some(version) = self.lookup(subject, &schema) {
            return version;
        }
        let known = self.schemas.iter().position(|known| *known == schema);
        let id = known.unwrap_or_else(|| {
            self.schemas.push(schema);
            self.schemas.len() - 1
        }) as u32
            + 1;
        let versions = self.subjects.entry(subject.to_owned()).or_default();
        let version = versions.last().map_or(0, |last| last.version) + 1;
        versions.push(Version { version, id, deleted: false });
        versions[versions.len() - 1]
    }

    /// Level of compatibility of a subject.
    pub(crate) fn level(&self, subject: &str) -> &str {
        self.levels.get(subject).or(self.level.as_ref()).map_or("BACKWARD", String::as_str)
    }
}
