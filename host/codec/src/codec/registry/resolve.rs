//! A schema with all that it refers to, within bounds: a registry may be wrong, or not be one. Knows nothing of
//! who asks.

use std::sync::{Arc, Mutex};
use std::time::Instant;

use super::answer::{Reference, SchemaAnswer, encoded, no_answer, parse};
use super::cache::{Cache, Key};
use super::error::RegistryError;
use super::http::Http;
use super::locked;
use crate::codec::registered::RegisteredSchema;

/// References within references, at most.
pub(super) const DEPTH_MAX: usize = 16;
/// Schemas that one refers to, at most; one that is referred to twice counts twice.
const REFERENCES_MAX: usize = 256;
/// Bytes of a schema and all that it refers to, at most.
const BYTES_MAX: usize = 16 << 20;

/// One schema on its way.
pub(super) struct Resolving<'a> {
    http: &'a Http,
    cache: &'a Mutex<Cache>,
    deadline: Instant,
    references: usize,
    bytes: usize,
}

impl<'a> Resolving<'a> {
    pub(super) fn new(http: &'a Http, cache: &'a Mutex<Cache>) -> Resolving<'a> {
        Resolving { http, cache, deadline: http.deadline(), references: 0, bytes: 0 }
    }

    /// Asks for a schema.
    pub(super) fn ask(&self, path: &str, what: impl Fn() -> String) -> Result<SchemaAnswer, RegistryError> {
        self.http.send(path, None, what, self.deadline).and_then(|body| parse(&body))
    }

    /// The schema of an answer, `depth` references below the one that was asked for.
    pub(super) fn schema(
        &mut self,
        mut answer: SchemaAnswer,
        depth: usize,
    ) -> Result<RegisteredSchema, RegistryError> {
        let mut schema = RegisteredSchema::new(answer.kind()?, std::mem::take(&mut answer.schema));
        self.count(0, schema.text.len())?;
        for reference in answer.references() {
            if depth == DEPTH_MAX {
                return Err(no_answer(format!(
                    "a schema with references within references, deeper than {DEPTH_MAX}"
                )));
            }
            let referred = self.reference(&reference, depth + 1)?;
            schema.references.push((reference.name, referred));
        }
        Ok(schema)
    }

    fn reference(
        &mut self,
        reference: &Reference,
        depth: usize,
    ) -> Result<Arc<RegisteredSchema>, RegistryError> {
        let Reference { subject, version, .. } = reference;
        let key = Key::Version(subject.clone(), *version);
        if let Some(known) = locked(self.cache).get(&key, Instant::now()) {
            let known = known?;
            let (references, bytes) = size(&known);
            self.count(references, bytes)?;
            return Ok(known);
        }
        self.count(1, 0)?;
        let what = || format!("version {version} of the subject {subject}, which the schema refers to");
        // A schema may be deleted while others still refer to it.
        let path = format!("/subjects/{}/versions/{version}?deleted=true", encoded(subject));
        let answer = self.ask(&path, what)?;
        let schema = Arc::new(self.schema(answer, depth)?);
        locked(self.cache).put(key, &Ok(Arc::clone(&schema)), Instant::now());
        Ok(schema)
    }

    fn count(&mut self, references: usize, bytes: usize) -> Result<(), RegistryError> {
        self.references += references;
        self.bytes += bytes;
        if self.references > REFERENCES_MAX {
            return Err(no_answer(format!("a schema that refers to more than {REFERENCES_MAX} others")));
        }
        if self.bytes > BYTES_MAX {
            return Err(no_answer(format!(
                "a schema that is larger than {BYTES_MAX} bytes with its references"
            )));
        }
        Ok(())
    }
}

/// Number of schemas, itself included, and their bytes. What is in the cache is within the bounds.
fn size(schema: &RegisteredSchema) -> (usize, usize) {
    schema.references.iter().fold((1, schema.text.len()), |(count, bytes), (_, referred)| {
        let (more, more_bytes) = size(referred);
        (count + more, bytes + more_bytes)
    })
}
