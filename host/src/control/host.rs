//! The host: keeps components and pipelines in its catalog and runs the pipelines that should run. Calls on one
//! pipeline wait for each other; calls on different pipelines do not.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::{SystemTime, UNIX_EPOCH};

use super::api::*;
use super::bookkeeper::Bookkeeper;
use super::crash_loop::CrashLoop;
use super::{Reason, Refusal, RefusalKind};
use crate::catalog::{self, Catalog, CatalogError, ComponentRecord, Described, PipelineRecord, Wanted};
use crate::codec::registry::Registries;
use crate::config::Config;
use crate::connector::kafka::{Connections, EmbeddedBroker};
use crate::operator::native::Functions;
use crate::runtime::{Handle, OnGiveUp, PipelineLog};
use crate::supervise::RestartPolicy;
use crate::wasm;

/// What a call answers.
pub(super) type Answer<T> = Result<T, Refusal>;

/// Threads that compile components at once.
const COMPILE_THREADS: usize = 2;

/// Everything a host holds. Shared by all callers.
pub struct Host {
    pub(super) shared: Arc<Shared>,
    bookkeeper: Bookkeeper,
    /// It was told to end.
    ending: AtomicBool,
}

/// What calls and the bookkeeper share.
pub(super) struct Shared {
    pub catalog: Arc<Catalog>,
    pub engine: wasm::Engine,
    pub connections: Connections,
    pub registries: Registries,
    pub embedded: Option<Arc<EmbeddedBroker>>,
    pub config: Config,
    pub entries: RwLock<BTreeMap<String, Arc<Entry>>>,
}

/// A pipeline on this host. The lock is held for a whole change of it.
#[derive(Default)]
pub(super) struct Entry {
    pub change: Mutex<()>,
    pub place: Mutex<Place>,
    /// Held while dead letters of it are run again.
    pub replay: Mutex<()>,
    /// What was said of it, and what its components said.
    pub log: Arc<PipelineLog>,
    /// What the embedding program gave with it.
    functions: Mutex<Functions>,
}

/// What this host does with a pipeline.
#[derive(Default)]
pub(super) enum Place {
    /// Nothing.
    #[default]
    Idle,
    /// It was started (and may have ended by itself).
    Started(Arc<Handle>),
    /// It could not be started.
    Broken {
        /// Why.
        reasons: Vec<Reason>,
        /// When.
        at: SystemTime,
        /// Nobody tried: the host had ended at every start.
        untried: bool,
    },
}

impl Entry {
    pub fn started(&self) -> Option<Arc<Handle>> {
        match &*self.place() {
            Place::Started(handle) => Some(Arc::clone(handle)),
            _ => None,
        }
    }

    /// What runs, or will by itself.
    pub fn at_work(&self) -> Option<Arc<Handle>> {
        self.started().filter(|handle| !handle.life().snapshot().is_at_rest())
    }

    /// Whether it gave up, and runs again only when told to.
    pub fn gave_up(&self) -> bool {
        self.started().is_some_and(|handle| handle.life().snapshot().gave_up())
    }

    pub fn place(&self) -> MutexGuard<'_, Place> {
        self.place.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The functions that its native steps use.
    pub fn functions(&self) -> Functions {
        self.functions.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Gives it other functions. Tasks that run keep those they were started with.
    pub fn give(&self, functions: Functions) {
        *self.functions.lock().unwrap_or_else(PoisonError::into_inner) = functions;
    }

    pub fn changing(&self) -> MutexGuard<'_, ()> {
        self.change.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

pub(super) fn now_ms() -> u64 {
    ms(SystemTime::now())
}

pub(super) fn ms(at: SystemTime) -> u64 {
    at.duration_since(UNIX_EPOCH).map_or(0, |d| d.as_millis() as u64)
}

impl Host {
    /// Opens the host's folder and starts what was running.
    pub fn open(config: &Config) -> Answer<Host> {
        Host::open_with(config, None)
    }

    /// The same with an embedded broker as the connection `default`, where topics are made as they are named.
    pub fn open_with(config: &Config, embedded: Option<Arc<EmbeddedBroker>>) -> Answer<Host> {
        let options = catalog::Options { reuse_versions: config.insecure };
        let catalog = Catalog::open(&config.data_dir, config.limits, options)?;
        for damage in catalog.damages() {
            tracing::error!("{damage}");
        }
        let engine = wasm::Engine::new(&wasm::EngineOptions {
            cache: Some(config.data_dir.join("compiled")),
            compile_threads: COMPILE_THREADS,
            ..Default::default()
        })
        .map_err(|e| Refusal::new(RefusalKind::Internal, "the WebAssembly engine", e.to_string()))?;
        engine.forget_others(&catalog.components().into_iter().map(|component| component.digest).collect());
        let properties =
            config.connections.iter().map(|(name, c)| (name.clone(), c.properties.clone())).collect();
        let queue_bytes = config.limits.kafka_queue_bytes;
        let connections =
            Connections::new(&properties, queue_bytes, embedded.clone()).map_err(|mistakes| {
                let reasons = mistakes.into_iter().map(Reason::new).collect();
                Refusal::with_reasons(RefusalKind::Invalid, "connections with mistakes", reasons)
            })?;
        let registries = Registries::new(&config.registries).map_err(|mistakes| {
            let reasons = mistakes.into_iter().map(Reason::new).collect();
            Refusal::with_reasons(RefusalKind::Invalid, "registries with mistakes", reasons)
        })?;
        let shared = Arc::new(Shared {
            catalog: Arc::new(catalog),
            engine,
            connections,
            registries,
            embedded,
            config: config.clone(),
            entries: RwLock::default(),
        });
        let bookkeeper = Bookkeeper::start(&shared).map_err(|e| {
            Refusal::new(RefusalKind::Internal, "a thread could not be started", e.to_string())
        })?;
        let host = Host { shared, bookkeeper, ending: AtomicBool::new(false) };
        host.start_wanted();
        Ok(host)
    }

    /// Starts what was running, unless the host ends whenever it does.
    fn start_wanted(&self) {
        let mut wanted = self.shared.catalog.pipelines();
        // One that gave up would only do so again: it waits for somebody who has looked into it.
        wanted.retain(|record| record.wanted == Wanted::Running && record.gave_up.is_none());
        if wanted.is_empty() {
            return;
        }
        let starts = CrashLoop::new(&self.shared.config.data_dir);
        let refused = starts.begin();
        if let Some(reason) = &refused {
            tracing::error!("{reason}");
        }
        for record in wanted {
            let entry = self.shared.entry(&record.name);
            let _change = entry.changing();
            match &refused {
                Some(reason) => {
                    let reasons = vec![Reason::new(reason.clone())];
                    *entry.place() = Place::Broken { reasons, at: SystemTime::now(), untried: true };
                }
                // The reasons are in its status.
                None => drop(self.start_record(&entry, &record)),
            }
        }
        starts.settle_later();
    }

    /// Checks and stores a component.
    pub fn push_component(&self, bytes: &[u8]) -> Answer<Pushed> {
        let component = self.shared.engine.compile(bytes).map_err(|e| refused_component(&e))?;
        let manifest = component.manifest();
        let described = Described {
            name: manifest.name.clone(),
            version: manifest.version.clone(),
            world: manifest.world.name().to_owned(),
            manifest: serde_json::to_value(manifest).unwrap_or_default(),
        };
        let (record, created) =
            self.shared.catalog.put_component(described, bytes, now_ms()).inspect_err(|_| {
                // What is not kept needs no compiled code on the disk either.
                if self.shared.catalog.component(component.digest()).is_err() {
                    self.shared.engine.forget(component.digest());
                }
            })?;
        Ok(Pushed { component: self.component_info(record), created })
    }

    fn component_info(&self, record: ComponentRecord) -> ComponentInfo {
        let used_by = self.shared.catalog.used_by(&record.digest);
        let used_by = used_by
            .into_iter()
            .map(|u| Usage { pipeline: u.pipeline, step: u.step, previous: u.previous })
            .collect();
        ComponentInfo {
            digest: record.digest,
            name: record.name,
            version: record.version,
            world: record.world,
            size_bytes: record.size_bytes,
            uploaded_ms: record.uploaded_ms,
            manifest: record.manifest,
            used_by,
        }
    }

    /// All components.
    pub fn components(&self) -> Vec<ComponentInfo> {
        self.shared.catalog.components().into_iter().map(|c| self.component_info(c)).collect()
    }

    /// The component that `reference` means.
    pub fn component(&self, reference: &str) -> Answer<ComponentInfo> {
        Ok(self.component_info(self.shared.catalog.component(reference)?))
    }

    /// The bytes as uploaded.
    pub fn component_bytes(&self, reference: &str) -> Answer<Vec<u8>> {
        let digest = self.shared.catalog.component(reference)?.digest;
        Ok(self.shared.catalog.component_bytes(&digest)?)
    }

    /// Removes a component that nobody uses.
    pub fn remove_component(&self, reference: &str) -> Answer<()> {
        let removed = self.shared.catalog.remove_component(reference)?;
        self.shared.engine.forget(&removed.digest);
        Ok(())
    }

    /// All pipelines, without their specifications.
    pub fn pipelines(&self) -> Vec<PipelineStatus> {
        let records = self.shared.catalog.pipelines();
        records.iter().map(|r| PipelineStatus { spec: None, ..self.shared.status(r) }).collect()
    }

    /// A pipeline.
    pub fn pipeline(&self, name: &str) -> Answer<PipelineStatus> {
        Ok(self.shared.status(&*self.shared.catalog.pipeline(name)?))
    }

    /// Wants a pipeline to run.
    pub fn start_pipeline(&self, name: &str) -> Answer<PipelineStatus> {
        let entry = self.known(name)?;
        let _change = entry.changing();
        let record = self.shared.catalog.want(name, Wanted::Running)?;
        if entry.at_work().is_none() {
            self.start_record(&entry, &record)?;
        }
        self.pipeline(name)
    }

    /// Stops a pipeline once everything it read is delivered.
    pub fn stop_pipeline(&self, name: &str) -> Answer<PipelineStatus> {
        let entry = self.known(name)?;
        let _change = entry.changing();
        self.shared.catalog.want(name, Wanted::Stopped)?;
        if let Some(handle) = entry.started() {
            handle.stop();
        } else {
            *entry.place() = Place::Idle;
        }
        self.pipeline(name)
    }

    /// Stops and forgets a pipeline.
    pub fn remove_pipeline(&self, name: &str) -> Answer<()> {
        let entry = self.known(name)?;
        let _change = entry.changing();
        if let Some(handle) = entry.started() {
            handle.stop();
        }
        self.shared.catalog.remove_pipeline(name)?;
        *entry.place() = Place::Idle;
        entry.log.clear();
        self.shared.forget_unused(name, &entry);
        Ok(())
    }

    /// The entry of a pipeline that the catalog knows, damaged ones included.
    pub(super) fn known(&self, name: &str) -> Answer<Arc<Entry>> {
        match self.shared.catalog.pipeline(name) {
            Ok(_) | Err(CatalogError::Damaged { .. }) => Ok(self.shared.entry(name)),
            Err(unknown) => Err(unknown.into()),
        }
    }

    /// Starts what `record` says, which should run; that it gave up before is forgotten. The caller holds the entry's
    /// change lock.
    pub(super) fn start_record(&self, entry: &Entry, record: &PipelineRecord) -> Answer<()> {
        self.shared.catalog.want(&record.name, Wanted::Running)?;
        let started = self.shared.job(record, entry.functions(), &self.bookkeeper).and_then(|job| {
            let unregistered = super::schemas::unregistered(job.spec());
            if !unregistered.is_empty() {
                return Err(unregistered);
            }
            Handle::start(Arc::new(job), RestartPolicy::default(), self.shared.on_give_up(&record.name))
                .map_err(|e| vec![Reason::new(format!("a thread could not be started: {e}"))])
        });
        match started {
            Ok(handle) => {
                *entry.place() = Place::Started(Arc::new(handle));
                Ok(())
            }
            Err(reasons) => {
                tracing::error!(pipeline = record.name, "cannot start: {reasons:?}");
                *entry.place() =
                    Place::Broken { reasons: reasons.clone(), at: SystemTime::now(), untried: false };
                let title = format!("pipeline `{}` cannot start", record.name);
                Err(Refusal::with_reasons(RefusalKind::Conflict, title, reasons))
            }
        }
    }

    pub(super) fn bookkeeper(&self) -> &Bookkeeper {
        &self.bookkeeper
    }

    /// The newest lines of a pipeline's log, oldest first.
    pub fn logs(&self, pipeline: &str, limit: usize) -> Answer<Vec<LogLine>> {
        let entry = self.known(pipeline)?;
        Ok(super::status::logs(&entry.log, limit))
    }

    /// Whether everything that should run has been started, and the host is not about to end. What was running is
    /// started before there is a `Host` to ask. A pipeline that failed later has been started. The reasons name
    /// pipelines and say no more of them: they are read by those who may not see a status.
    pub fn ready(&self) -> Answer<()> {
        let refused = |reasons| Err(Refusal::with_reasons(RefusalKind::Unavailable, "not ready", reasons));
        if self.ending.load(Relaxed) {
            return refused(vec![Reason::new("the host is shutting down")]);
        }
        let records = self.shared.catalog.pipelines();
        let wanted = records.iter().filter(|record| record.wanted == Wanted::Running);
        let reasons: Vec<Reason> = wanted.filter_map(|record| self.missing(&record.name)).collect();
        if reasons.is_empty() { Ok(()) } else { refused(reasons) }
    }

    /// That a pipeline could not even be started, if so.
    fn missing(&self, name: &str) -> Option<Reason> {
        let entry = {
            let entries = self.shared.entries.read().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(entries.get(name)?)
        };
        let Place::Broken { untried, .. } = *entry.place() else { return None };
        Some(Reason::new(match untried {
            false => format!("pipeline `{name}` could not be started: `sabot pipeline show {name}` says why"),
            true => format!(
                "pipeline `{name}` was not started: the host had ended soon after each of its last starts; \
                 `sabot pipeline show {name}` says what to do"
            ),
        }))
    }

    /// The host is about to end: it is not ready any more.
    pub fn announce_end(&self) {
        self.ending.store(true, Relaxed);
    }

    /// Stops every pipeline gracefully; what should run does so again after the next start.
    pub fn shutdown(&self) {
        self.announce_end();
        let entries: Vec<Arc<Entry>> = {
            let entries = self.shared.entries.read().unwrap_or_else(PoisonError::into_inner);
            entries.values().cloned().collect()
        };
        CrashLoop::new(&self.shared.config.data_dir).settle();
        std::thread::scope(|scope| {
            for handle in entries.iter().filter_map(|e| e.started()) {
                scope.spawn(move || handle.stop());
            }
        });
    }
}

impl Shared {
    /// The entry of a pipeline, made where there is none.
    pub fn entry(&self, name: &str) -> Arc<Entry> {
        let mut entries = self.entries.write().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(entries.entry(name.to_owned()).or_default())
    }

    /// Forgets the entry of a pipeline that is not stored, unless somebody else has it, who goes on with it.
    pub fn forget_unused(&self, name: &str, entry: &Arc<Entry>) {
        let unknown = matches!(self.catalog.pipeline(name), Err(CatalogError::Unknown { .. }));
        let mut entries = self.entries.write().unwrap_or_else(PoisonError::into_inner);
        // One is the map's, one is the caller's, and nobody gets another while this lock is held.
        if unknown && Arc::strong_count(entry) == 2 {
            entries.remove(name);
        }
    }

    /// Writes down that a pipeline gave up. It must not hold on to the host: that would end within the pipeline's
    /// own thread.
    fn on_give_up(&self, name: &str) -> OnGiveUp {
        let (catalog, name) = (Arc::clone(&self.catalog), name.to_owned());
        Box::new(move |reason| {
            if let Err(e) = catalog.give_up(&name, reason, now_ms()) {
                tracing::error!(pipeline = name, "the catalog could not be told that it gave up: {e}");
            }
        })
    }

    /// Folder of a pipeline's own files.
    pub fn folder(&self, name: &str) -> PathBuf {
        self.config.data_dir.join("work").join(name)
    }
}

pub(super) fn refused_component(error: &wasm::WasmError) -> Refusal {
    let reasons = error.reasons.iter().map(Reason::new).collect();
    Refusal::with_reasons(RefusalKind::Invalid, "not a component that can run here", reasons)
}

#[cfg(test)]
mod tests {
    use super::super::How;
    use super::*;
    use crate::operator::native::Function;

    const PIPELINE: &str = "
name: p
sources: { made: { generate: { schema: { id: int64 }, columns: { id: sequence }, rate: 10 } } }
sinks: { gone: { from: made, blackhole: {} } }
";

    fn host(folder: &std::path::Path) -> Host {
        let config = Config { data_dir: folder.join("data"), insecure: true, ..Config::default() };
        Host::open(&config).unwrap()
    }

    fn entries(host: &Host) -> usize {
        host.shared.entries.read().unwrap().len()
    }

    #[test]
    fn names_that_were_refused_leave_nothing_and_whoever_waits_for_an_entry_keeps_it() {
        let folder = tempfile::tempdir().unwrap();
        let host = host(folder.path());
        let wrong = PIPELINE.replace("id: sequence", "ident: sequence");
        assert!(host.apply(None, wrong.as_bytes(), How::default()).is_err());
        host.apply(None, PIPELINE.as_bytes(), How { dry_run: true, ..How::default() }).unwrap();
        assert_eq!(entries(&host), 0);
        host.apply(None, PIPELINE.as_bytes(), How::default()).unwrap();
        let waits = host.shared.entry("p");
        host.remove_pipeline("p").unwrap();
        assert!(Arc::ptr_eq(&waits, &host.shared.entry("p")), "it goes on with the entry that all see");
        drop(waits);
        host.apply(None, PIPELINE.as_bytes(), How::default()).unwrap();
        host.remove_pipeline("p").unwrap();
        assert_eq!(entries(&host), 0);
    }

    #[test]
    fn a_host_that_ends_at_every_start_comes_up_without_its_pipelines() {
        let folder = tempfile::tempdir().unwrap();
        let first = host(folder.path());
        first.apply(None, PIPELINE.as_bytes(), How::default()).unwrap();
        first.shutdown();
        drop(first);
        std::fs::write(folder.path().join("data/starts"), "5").unwrap();
        let second = host(folder.path());
        let status = second.pipeline("p").unwrap();
        assert_eq!(status.state, PipelineState::Failed);
        assert!(status.reason.unwrap().contains("5 times in a row"));
        insta::assert_snapshot!(second.ready().unwrap_err(), @r"
        not ready
          pipeline `p` was not started: the host had ended soon after each of its last starts; `sabot pipeline show p` says what to do
        ");
        assert_eq!(second.start_pipeline("p").unwrap().state, PipelineState::Starting);
        second.ready().unwrap();
        second.shutdown();
        insta::assert_snapshot!(second.ready().unwrap_err(), @r"
        not ready
          the host is shutting down
        ");
    }

    #[test]
    fn a_host_is_ready_when_everything_that_should_run_was_started() {
        let folder = tempfile::tempdir().unwrap();
        let first = host(folder.path());
        first.ready().unwrap();
        let with_function = "
name: native
sources: { made: { generate: { schema: { id: int64 }, columns: { id: sequence }, rate: 10 } } }
steps: { kept: { from: made, native: same } }
sinks: { gone: { from: kept, blackhole: {} } }
";
        let same = Function::map(Ok);
        first.run(with_function.as_bytes(), Functions::from([("same".to_owned(), same)])).unwrap();
        first.apply(None, PIPELINE.as_bytes(), How::default()).unwrap();
        first.ready().unwrap();
        first.shutdown();
        drop(first);
        // Now nobody gives it the function.
        let second = host(folder.path());
        insta::assert_snapshot!(second.ready().unwrap_err(), @r"
        not ready
          pipeline `native` could not be started: `sabot pipeline show native` says why
        ");
        assert_eq!(second.ready().unwrap_err().kind, RefusalKind::Unavailable);
        second.stop_pipeline("native").unwrap();
        second.ready().unwrap();
        second.shutdown();
    }
}
