//! A client of a schema registry with Confluent's REST API: Confluent's own, Redpanda's, Karapace, Apicurio's
//! compatible one. Blocking, usable from any thread, shared by all tasks. Every call is one attempt, bounded in
//! time: tasks say that they wait, and [`Registry::patiently`] is for those that can do nothing else. Knows
//! nothing of records, and of schemas no more than their text.

mod answer;
mod cache;
mod error;
mod http;
mod registries;
mod resolve;
mod settings;
mod subject;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use backon::{BlockingRetryable as _, ExponentialBuilder};
use serde_json::{Value, json};

pub use cache::ERROR_KEPT;
pub use error::RegistryError;
pub use registries::Registries;
pub use settings::{Auth, Settings, Tls};
pub use subject::Strategy;

use super::registered::{RegisteredSchema, SchemaKind};
use super::wire::SchemaId;
use answer::{CompatibilityAnswer, IdAnswer, Reference, SchemaAnswer, encoded, no_answer, parse};
use cache::{Answer, Cache, Key};
use http::Http;
use resolve::Resolving;

/// Bytes of the texts of all schemas that are kept.
const CACHE_BYTES: usize = 256 << 20;

/// A registry.
pub struct Registry {
    http: Http,
    cache: Mutex<Cache>,
    /// Schemas that somebody is asking for now: everybody else waits for that answer.
    flights: Mutex<HashMap<SchemaId, Arc<OnceLock<Answer>>>>,
}

/// A version of a subject.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SubjectVersion {
    /// The subject.
    pub subject: String,
    /// Its version, from 1 on.
    pub version: u32,
    /// The schema's id.
    pub id: u32,
    /// The schema's GUID; older registries have none.
    pub guid: Option<[u8; 16]>,
    /// The schema, with what it refers to.
    pub schema: Arc<RegisteredSchema>,
}

impl Registry {
    /// A client, or what is wrong with the settings. Asks nothing yet.
    pub fn new(settings: &Settings) -> Result<Registry, String> {
        let cache = Mutex::new(Cache::new(settings.cache, CACHE_BYTES));
        Ok(Registry { http: Http::new(settings)?, cache, flights: Mutex::default() })
    }

    /// The schema with this id, from the cache where it is there.
    pub fn by_id(&self, id: u32) -> Result<Arc<RegisteredSchema>, RegistryError> {
        self.schema(SchemaId::Id(id))
    }

    /// The schema with this GUID, from the cache where it is there.
    pub fn by_guid(&self, guid: [u8; 16]) -> Result<Arc<RegisteredSchema>, RegistryError> {
        self.schema(SchemaId::Guid(guid))
    }

    /// The schema that a record names, from the cache where it is there. Of all who ask for one at the same time,
    /// one asks the registry.
    pub fn schema(&self, id: SchemaId) -> Result<Arc<RegisteredSchema>, RegistryError> {
        if let Some(known) = locked(&self.cache).get(&Key::Schema(id), Instant::now()) {
            return known;
        }
        let flight = Arc::clone(locked(&self.flights).entry(id).or_default());
        let answer = flight.get_or_init(|| {
            let answer = self.fetch(id);
            locked(&self.cache).put(Key::Schema(id), &answer, Instant::now());
            locked(&self.flights).remove(&id);
            answer
        });
        answer.clone()
    }

    fn fetch(&self, id: SchemaId) -> Answer {
        let (path, what) = match id {
            SchemaId::Id(_) => (format!("/schemas/ids/{id}"), "id"),
            SchemaId::Guid(_) => (format!("/schemas/guids/{id}"), "GUID"),
        };
        let mut resolving = Resolving::new(&self.http, &self.cache);
        let answer = resolving.ask(&path, || format!("a schema with the {what} {id}"))?;
        resolving.schema(answer, 0).map(Arc::new)
    }

    /// The newest version of a subject.
    pub fn latest(&self, subject: &str) -> Result<SubjectVersion, RegistryError> {
        self.version_at(subject, "latest", || format!("a subject {subject}"))
    }

    /// This version of a subject.
    pub fn version(&self, subject: &str, version: u32) -> Result<SubjectVersion, RegistryError> {
        self.version_at(subject, &version.to_string(), || format!("version {version} of a subject {subject}"))
    }

    fn version_at(
        &self,
        subject: &str,
        version: &str,
        what: impl Fn() -> String,
    ) -> Result<SubjectVersion, RegistryError> {
        let mut resolving = Resolving::new(&self.http, &self.cache);
        let path = format!("/subjects/{}/versions/{version}", encoded(subject));
        let answer = resolving.ask(&path, what)?;
        let place = Place::of(&answer)?;
        let schema = Arc::new(resolving.schema(answer, 0)?);
        Ok(self.found(subject, place, schema))
    }

    /// The version of a subject that is this schema.
    pub fn lookup(
        &self,
        subject: &str,
        schema: &Arc<RegisteredSchema>,
    ) -> Result<SubjectVersion, RegistryError> {
        let body = self.body(schema, |name, referred| self.lookup(name, referred))?;
        let path = format!("/subjects/{}", encoded(subject));
        let answer = self.post(&path, &body, || format!("this schema under the subject {subject}"))?;
        let place = Place::of(&parse(&answer)?)?;
        Ok(self.found(subject, place, Arc::clone(schema)))
    }

    /// Registers a schema under a subject, and what it refers to and is registered nowhere under its name; gives
    /// the schema's id. Registering what is registered changes nothing.
    pub fn register(&self, subject: &str, schema: &Arc<RegisteredSchema>) -> Result<u32, RegistryError> {
        let body = self.body(schema, |name, referred| match self.lookup(name, referred) {
            Err(RegistryError::Unknown { .. }) => {
                self.register(name, referred)?;
                self.lookup(name, referred)
            }
            found => found,
        })?;
        let path = format!("/subjects/{}/versions", encoded(subject));
        let answer = self.post(&path, &body, || format!("the subject {subject}"))?;
        let IdAnswer { id } = parse(&answer)?;
        locked(&self.cache).put(Key::Schema(SchemaId::Id(id)), &Ok(Arc::clone(schema)), Instant::now());
        Ok(id)
    }

    /// Whether a schema can follow the newest version of a subject, by the subject's own level; the inner error
    /// is the registry's reasons. A subject that is not there takes any schema; for one that is, what the schema
    /// refers to has to be registered.
    pub fn compatible(
        &self,
        subject: &str,
        schema: &Arc<RegisteredSchema>,
    ) -> Result<Result<(), Vec<String>>, RegistryError> {
        let body = match self.body(schema, |name, referred| self.lookup(name, referred)) {
            // What it refers to may come with it, as long as there is nothing to follow.
            Err(RegistryError::Unknown { .. }) if self.is_unknown(subject)? => return Ok(Ok(())),
            body => body?,
        };
        let path = format!("/compatibility/subjects/{}/versions/latest?verbose=true", encoded(subject));
        let answer = match self.post(&path, &body, || format!("the subject {subject}")) {
            Err(RegistryError::Unknown { .. }) => return Ok(Ok(())),
            answer => answer?,
        };
        let CompatibilityAnswer { is_compatible, messages } = parse(&answer)?;
        Ok(match is_compatible {
            true => Ok(()),
            false => {
                Err(messages.filter(|all| !all.is_empty()).unwrap_or_else(|| vec!["no reason given".into()]))
            }
        })
    }

    fn is_unknown(&self, subject: &str) -> Result<bool, RegistryError> {
        match self.latest(subject) {
            Err(RegistryError::Unknown { .. }) => Ok(true),
            found => found.map(|_| false),
        }
    }

    /// Makes a call again while the registry is not available, up to this time, with growing pauses. For those
    /// who can do nothing else meanwhile.
    pub fn patiently<T>(
        &self,
        patience: Duration,
        mut call: impl FnMut(&Registry) -> Result<T, RegistryError>,
    ) -> Result<T, RegistryError> {
        let end = Instant::now() + patience;
        let pauses = ExponentialBuilder::new()
            .with_min_delay(Duration::from_millis(100))
            .with_max_delay(Duration::from_secs(2))
            .without_max_times()
            .with_total_delay(Some(patience))
            .with_jitter();
        let again = |error: &RegistryError| error.is_unavailable() && Instant::now() < end;
        (|| call(self)).retry(pauses).when(again).call()
    }

    fn post(&self, path: &str, body: &Value, what: impl Fn() -> String) -> Result<Vec<u8>, RegistryError> {
        self.http.send(path, Some(body), what, self.http.deadline())
    }

    /// The request about a schema. `find` is asked for where a reference is, by its name, that no answer so far
    /// has told.
    fn body(
        &self,
        schema: &RegisteredSchema,
        find: impl Fn(&str, &Arc<RegisteredSchema>) -> Result<SubjectVersion, RegistryError>,
    ) -> Result<Value, RegistryError> {
        let mut references = Vec::new();
        for (name, referred) in &schema.references {
            let place = locked(&self.cache).place(referred);
            let (subject, version) = match place {
                Some(place) => place,
                None => find(name, referred).map(|found| (found.subject, found.version))?,
            };
            references.push(Reference { name: name.clone(), subject, version });
        }
        let mut body = json!({"schema": schema.text});
        // Registries from before there were other languages know no types.
        if schema.kind != SchemaKind::Avro {
            body["schemaType"] = schema.kind.name().into();
        }
        if !references.is_empty() {
            body["references"] = json!(references);
        }
        Ok(body)
    }

    /// A version that the registry told of: records name it by its id or GUID.
    fn found(&self, subject: &str, place: Place, schema: Arc<RegisteredSchema>) -> SubjectVersion {
        let Place { version, id, guid } = place;
        let mut cache = locked(&self.cache);
        let (now, answer) = (Instant::now(), Ok(Arc::clone(&schema)));
        cache.put(Key::Schema(SchemaId::Id(id)), &answer, now);
        if let Some(guid) = guid {
            cache.put(Key::Schema(SchemaId::Guid(guid)), &answer, now);
        }
        cache.put(Key::Version(subject.to_owned(), version), &answer, now);
        SubjectVersion { subject: subject.to_owned(), version, id, guid, schema }
    }
}

/// Where a schema is registered.
struct Place {
    version: u32,
    id: u32,
    guid: Option<[u8; 16]>,
}

impl Place {
    fn of(answer: &SchemaAnswer) -> Result<Place, RegistryError> {
        match (answer.version, answer.id) {
            (Some(version), Some(id)) => Ok(Place { version, id, guid: answer.guid() }),
            _ => Err(no_answer("a version of a subject without its number or id".to_owned())),
        }
    }
}

impl std::fmt::Debug for Registry {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Registry").field("urls", &self.http.urls()).finish_non_exhaustive()
    }
}

/// What is behind a mutex; nobody leaves it half changed.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
