//! One engine a process: the compiler with its settings, a clock of ticks, and a bounded pool of threads on which
//! components are compiled and checked, away from the threads that move data. Nothing ambient is given to a
//! component here or anywhere.

use std::collections::{BTreeSet, HashMap};
use std::io;
use std::panic::{self, AssertUnwindSafe};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::thread;
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, bounded};
use sha2::{Digest, Sha256};
use wasmtime::component::Linker;

use super::cache::Cache;
use super::context::Context;
use super::limits::{SETUP_TIMEOUT, STACK_BYTES};
use super::{Component, WasmError};

/// How often deadlines are looked at and a running component yields its thread.
pub(super) const TICK: Duration = Duration::from_millis(5);
/// The clock's rate.
pub(super) const TICKS_PER_SECOND: u64 = 200;
/// Uploads that may wait for the pool.
const MAX_WAITING: usize = 64;
/// Linux nice value of the pool's threads: data comes before compiling.
const COMPILE_NICE: i32 = 10;

/// Settings of an [`Engine`].
#[derive(Clone, Debug)]
pub struct EngineOptions {
    /// Folder of compiled components; `None` compiles again at each start.
    pub cache: Option<PathBuf>,
    /// Components compiled at the same time; at least one.
    pub compile_threads: usize,
    /// Processor time that describe, bind and open may take, each.
    pub setup_timeout: Duration,
}

impl Default for EngineOptions {
    /// No cache; half of the processors.
    fn default() -> Self {
        let processors = thread::available_parallelism().map_or(1, usize::from);
        EngineOptions { cache: None, compile_threads: (processors / 2).max(1), setup_timeout: SETUP_TIMEOUT }
    }
}

/// Compiles components and keeps the time for all of them. Cheap to clone.
#[derive(Clone)]
pub struct Engine {
    inner: Arc<Inner>,
    jobs: Sender<Job>,
}

pub(super) struct Inner {
    pub(super) wasm: wasmtime::Engine,
    pub(super) linker: Linker<Context>,
    pub(super) ticks: Arc<AtomicU64>,
    pub(super) setup_limit: Duration,
    cache: Option<Cache>,
    loaded: Mutex<HashMap<String, Weak<Component>>>,
}

struct Job {
    bytes: Vec<u8>,
    answer: Sender<Result<Arc<Component>, WasmError>>,
}

impl Engine {
    /// Starts the engine with its ticker and its pool; they end when the last clone is dropped.
    pub fn new(options: &EngineOptions) -> io::Result<Self> {
        let wasm =
            wasmtime::Engine::new(&config()).map_err(|e| io::Error::other(format!("wasmtime: {e:#}")))?;
        let linker =
            super::linker::linker(&wasm).map_err(|e| io::Error::other(format!("wasmtime: {e:#}")))?;
        let cache = options.cache.as_deref().map(|folder| Cache::open(folder, &wasm)).transpose()?;
        let ticks = Arc::new(AtomicU64::new(0));
        start_ticker(&wasm, Arc::downgrade(&ticks))?;
        let setup_limit = options.setup_timeout;
        let inner = Arc::new(Inner { wasm, linker, ticks, setup_limit, cache, loaded: Mutex::default() });
        let (jobs, waiting) = bounded(MAX_WAITING);
        for i in 0..options.compile_threads.max(1) {
            start_compiler(i, &inner, waiting.clone())?;
        }
        Ok(Engine { inner, jobs })
    }

    /// Compiles, inspects and describes a component, or takes all three from an earlier time with the same bytes.
    /// Blocks until a thread of the pool has done it: seconds for a large component.
    pub fn compile(&self, bytes: &[u8]) -> Result<Arc<Component>, WasmError> {
        if let Some(component) = self.inner.loaded(&digest_hex(bytes)) {
            return Ok(component);
        }
        let (answer, result) = bounded(1);
        let job = Job { bytes: bytes.to_vec(), answer };
        if self.jobs.send(job).is_err() {
            return Err(WasmError::new("the compile pool has stopped; restart the host"));
        }
        let stopped = |_| Err(WasmError::new("the compile pool has stopped; restart the host"));
        result.recv().unwrap_or_else(stopped)
    }

    /// Drops the compiled code of all components but these (`sha256:…`): what was left when the host was killed.
    pub fn forget_others(&self, digests: &BTreeSet<String>) {
        if let Some(cache) = &self.inner.cache {
            cache.forget_others(|digest| digests.contains(&format!("sha256:{digest}")));
        }
    }

    /// Drops the compiled code of a component that was removed (`sha256:…` or its hex digits).
    pub fn forget(&self, digest: &str) {
        if let Some(cache) = &self.inner.cache {
            cache.forget(digest.strip_prefix("sha256:").unwrap_or(digest));
        }
    }
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Engine").field("tick", &self.inner.ticks).finish_non_exhaustive()
    }
}

impl Inner {
    fn loaded(&self, digest: &str) -> Option<Arc<Component>> {
        let loaded = self.loaded.lock().unwrap_or_else(PoisonError::into_inner);
        loaded.get(digest).and_then(Weak::upgrade)
    }

    fn load(self: &Arc<Self>, bytes: &[u8]) -> Result<Arc<Component>, WasmError> {
        let digest = digest_hex(bytes);
        if let Some(component) = self.loaded(&digest) {
            return Ok(component);
        }
        let (code, new) = self.compiled(&digest, bytes)?;
        let component = Arc::new(Component::inspect(self, code.clone(), digest.clone(), bytes.len())?);
        // Only what can run is kept: nobody would ever ask for the rest, nor drop it.
        if new && let Some(cache) = &self.cache {
            let kept = code.serialize().map_err(io::Error::other).and_then(|code| cache.put(&digest, &code));
            if let Err(e) = kept {
                tracing::warn!(digest, error = %e, "a compiled component was not cached; it is compiled at each start");
            }
        }
        let mut loaded = self.loaded.lock().unwrap_or_else(PoisonError::into_inner);
        loaded.retain(|_, component| component.strong_count() > 0);
        loaded.insert(digest, Arc::downgrade(&component));
        Ok(component)
    }

    /// The code, and whether it was compiled just now.
    fn compiled(
        &self,
        digest: &str,
        bytes: &[u8],
    ) -> Result<(wasmtime::component::Component, bool), WasmError> {
        if let Some(code) = self.cache.as_ref().and_then(|cache| cache.get(digest)) {
            // SAFETY: `deserialize` wants bytes that `serialize` of a compatible engine made and nobody changed.
            // The cache gives back only files whose SHA-256 it wrote itself, in a folder of ours that nobody else
            // can write, under a name with this engine's compatibility hash.
            match unsafe { wasmtime::component::Component::deserialize(&self.wasm, &code) } {
                Ok(component) => return Ok((component, false)),
                Err(e) => {
                    tracing::warn!(digest, error = %e, "a compiled component does not load; compiling again")
                }
            }
        }
        super::inspect::check_bytes(bytes)?;
        let component = wasmtime::component::Component::from_binary(&self.wasm, bytes)
            .map_err(|e| WasmError::new(format!("it is no valid component: {e:#}")))?;
        Ok((component, true))
    }
}

/// SHA-256 in hex.
fn digest_hex(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

fn config() -> wasmtime::Config {
    let mut config = wasmtime::Config::new();
    config
        .epoch_interruption(true)
        .max_wasm_stack(STACK_BYTES)
        .cranelift_opt_level(wasmtime::OptLevel::Speed)
        .memory_init_cow(true)
        // An image of a memory that is mostly empty costs what it spans, not what is in it.
        .memory_guaranteed_dense_image_size(1 << 20)
        // No threads, futures or streams inside a component: calls are cheaper without their bookkeeping.
        .concurrency_support(false)
        // The same bits on every machine, so that a batch may be run again elsewhere.
        .relaxed_simd_deterministic(true)
        // Nothing here walks wasm frames.
        .generate_address_map(false)
        .native_unwind_info(false);
    config
}

fn start_ticker(engine: &wasmtime::Engine, ticks: Weak<AtomicU64>) -> io::Result<()> {
    let engine = engine.weak();
    let run = move || {
        while let (Some(ticks), Some(engine)) = (ticks.upgrade(), engine.upgrade()) {
            ticks.fetch_add(1, Ordering::Relaxed);
            engine.increment_epoch();
            drop((ticks, engine));
            thread::sleep(TICK);
        }
    };
    thread::Builder::new().name("sabot-ticker".into()).stack_size(64 << 10).spawn(run).map(drop)
}

fn start_compiler(i: usize, inner: &Arc<Inner>, jobs: Receiver<Job>) -> io::Result<()> {
    let inner = Arc::downgrade(inner);
    let run = move || {
        // On Linux this is the calling thread's own value, and threads that the compiler starts inherit it. Where it
        // is refused compiling merely competes with the data.
        let _ = rustix::process::setpriority_process(None, COMPILE_NICE);
        for job in jobs {
            let Some(inner) = inner.upgrade() else { return };
            // A compiler that panics on some component must not take the pool with it.
            let loaded = panic::catch_unwind(AssertUnwindSafe(|| inner.load(&job.bytes)));
            let lost =
                |_| Err(WasmError::new("the compiler panicked on this component; it cannot be run here"));
            // Nobody waits any more: the answer may go nowhere.
            let _ = job.answer.send(loaded.unwrap_or_else(lost));
        }
    };
    thread::Builder::new().name(format!("sabot-compile-{i}")).stack_size(8 << 20).spawn(run).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_is_that_of_the_ticks() {
        assert_eq!(TICK * TICKS_PER_SECOND as u32, Duration::from_secs(1));
    }

    #[test]
    fn the_ticker_ends_with_its_engine() {
        let engine = Engine::new(&EngineOptions::default()).unwrap();
        let ticks = Arc::downgrade(&engine.inner.ticks);
        drop(engine);
        while ticks.strong_count() > 0 {
            thread::yield_now();
        }
    }
}
