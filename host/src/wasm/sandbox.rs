//! A store with one instance in it: every call into a guest goes through here, with its phase, its deadline and
//! one way to tell what went wrong. After a trap the guest is never entered again.

use std::sync::Arc;
use std::time::Duration;

use arrow::array::RecordBatch;
use wasmtime::component::{
    ComponentExportIndex, ComponentNamedList, Instance, InstancePre, Lift, Lower, TypedFunc,
};
use wasmtime::{Store, StoreContextMut, Trap, UpdateDeadline};

use super::bindings::{OpError, RowError};
use super::context::{Context, Phase, Stop};
use super::engine::Inner;
use super::log::LogGate;
use crate::operator::{self, component::CallError};

/// A guest and all that belongs to it.
pub(super) struct Sandbox {
    store: Store<Context>,
    instance: Instance,
    /// Why the guest may not be entered any more.
    dead: Option<&'static str>,
}

/// How much a guest may use.
#[derive(Clone, Copy, Debug)]
pub(super) struct Allowance {
    /// Linear memory, bytes.
    pub(super) memory_bytes: usize,
    /// What one call may hand over, bytes on this side.
    pub(super) answer_bytes: usize,
    /// Time for instantiating.
    pub(super) setup_limit: Duration,
}

impl Sandbox {
    /// Instantiates. The guest's start code runs as part of it, as in `describe`: it may call nothing.
    pub(super) fn new(
        engine: &Inner,
        pre: &InstancePre<Context>,
        label: Arc<str>,
        allowance: Allowance,
        gate: &Arc<LogGate>,
    ) -> Result<Self, CallError> {
        let context =
            Context::new(label, allowance.memory_bytes, Arc::clone(&engine.ticks), Arc::clone(gate));
        let mut store = Store::new(&engine.wasm, context);
        store.limiter(|context| &mut context.limiter);
        store.set_hostcall_fuel(allowance.answer_bytes);
        store.epoch_deadline_callback(at_tick);
        store.set_epoch_deadline(1);
        begin(&mut store, Phase::Describe, allowance.setup_limit);
        match pre.instantiate(&mut store) {
            Ok(instance) => Ok(Sandbox { store, instance, dead: None }),
            Err(error) => Err(failure(&mut store, "starting", allowance.setup_limit, &error)),
        }
    }

    pub(super) fn context_mut(&mut self) -> &mut Context {
        self.store.data_mut()
    }

    /// A function that was checked to be there with this type.
    pub(super) fn function<P, R>(
        &mut self,
        index: &ComponentExportIndex,
    ) -> Result<TypedFunc<P, R>, CallError>
    where
        P: ComponentNamedList + Lower,
        R: ComponentNamedList + Lift,
    {
        let found = self.instance.get_typed_func(&mut self.store, index);
        found.map_err(|e| CallError::Fatal(format!("an export that was there is missing now: {e:#}")))
    }

    /// Calls a function. `name` is for messages.
    pub(super) fn call<P, R>(
        &mut self,
        name: &str,
        phase: Phase,
        limit: Duration,
        function: &TypedFunc<P, R>,
        params: P,
    ) -> Result<R, CallError>
    where
        P: ComponentNamedList + Lower,
        R: ComponentNamedList + Lift,
    {
        if let Some(why) = self.dead {
            return Err(CallError::Fatal(format!("{name} was called on an instance that {why}")));
        }
        begin(&mut self.store, phase, limit);
        function.call(&mut self.store, params).map_err(|error| {
            self.dead = Some("has failed before; make a fresh one");
            failure(&mut self.store, name, limit, &error)
        })
    }

    /// What the last call has emitted, with the index of the port.
    pub(super) fn take_emitted(&mut self) -> Vec<(u32, RecordBatch)> {
        let outbox = self.context_mut().outbox.as_mut();
        outbox.map(|outbox| std::mem::take(&mut outbox.batches)).unwrap_or_default()
    }

    /// Makes room for the next call's results, also after a call that failed.
    pub(super) fn clear(&mut self) {
        if let Some(outbox) = self.context_mut().outbox.as_mut() {
            outbox.clear();
        }
    }

    /// The rows that it refused of a batch of so many: rows that there are, ascending, each at most once.
    pub(super) fn row_errors(
        &mut self,
        errors: Vec<RowError>,
        rows: usize,
    ) -> Result<Vec<operator::RowError>, CallError> {
        let mut next = 0;
        for error in &errors {
            if error.row as usize >= rows {
                let last = rows.saturating_sub(1);
                let wrong = format!("it refused row {} of a batch of {rows} rows (0 to {last})", error.row);
                return Err(self.invalid(wrong));
            }
            if u64::from(error.row) < next {
                let wrong = format!("it refused row {} after row {}; rows must ascend", error.row, next - 1);
                return Err(self.invalid(wrong));
            }
            next = u64::from(error.row) + 1;
        }
        Ok(errors.into_iter().map(row_error).collect())
    }

    /// What the guest has answered is wrong: says so with its log.
    pub(super) fn invalid(&mut self, message: impl Into<String>) -> CallError {
        CallError::Invalid { message: message.into(), logs: self.store.data_mut().log.take() }
    }
}

fn begin(store: &mut Store<Context>, phase: Phase, limit: Duration) {
    let context = store.data_mut();
    context.start_tick = context.tick();
    context.first_tick_at = None;
    context.phase = phase;
    context.limiter.refused_bytes = None;
    context.limit = limit;
}

/// Once a tick while a guest runs: ends it when its time is over or nobody waits for it any more, and else lets
/// others have the thread's processor.
fn at_tick(mut store: StoreContextMut<'_, Context>) -> wasmtime::Result<UpdateDeadline> {
    store.data_mut().in_time()?;
    std::thread::yield_now();
    Ok(UpdateDeadline::Continue(1))
}

/// What a failed call comes to. The log goes with it.
fn failure(store: &mut Store<Context>, name: &str, limit: Duration, error: &wasmtime::Error) -> CallError {
    let context = store.data_mut();
    let logs = context.log.take();
    match error.downcast_ref::<Stop>() {
        Some(Stop::Deadline) => match context.phase {
            Phase::Run => CallError::Timeout { limit, logs },
            _ => CallError::Trap { message: format!("{name} gave no answer within {limit:?}"), logs },
        },
        Some(Stop::Recalled) => CallError::Recalled,
        Some(stop) => CallError::Invalid { message: stop.to_string(), logs },
        None => CallError::Trap { message: format!("{name} trapped: {}", told(context, error)), logs },
    }
}

/// A trap in words.
fn told(context: &Context, error: &wasmtime::Error) -> String {
    let limiter = &context.limiter;
    if let Some(wanted) = limiter.refused_bytes {
        let (wanted, allowed) = (size(wanted), size(limiter.memory_bytes()));
        return format!("it wanted {wanted} of memory and limits.memory allows {allowed}");
    }
    match error.downcast_ref::<Trap>() {
        Some(Trap::UnreachableCodeReached) => "it panicked or aborted (`unreachable` was executed)".into(),
        Some(Trap::StackOverflow) => "its stack overflowed".into(),
        Some(Trap::MemoryOutOfBounds) => {
            "it reached outside of its memory (an overflow of a stack that lies there looks the same)".into()
        }
        Some(trap) => trap.to_string(),
        None => format!("{error:#}"),
    }
}

/// Bytes as a spec has them.
fn size(bytes: usize) -> String {
    if bytes.is_multiple_of(1 << 20) {
        format!("{}MiB", bytes >> 20)
    } else {
        format!("{}KiB", bytes.div_ceil(1 << 10))
    }
}

/// What a guest's refusal of a whole call comes to.
pub(super) fn refused(error: OpError) -> CallError {
    match error {
        OpError::Transient(text) => CallError::Transient(bounded(text)),
        OpError::Fatal(text) => CallError::Fatal(bounded(text)),
        OpError::Config(text) => CallError::Fatal(format!("configuration: {}", bounded(text))),
        OpError::Schema(text) => CallError::Fatal(format!("schema: {}", bounded(text))),
    }
}

/// A guest's text, cut where it is too long.
pub(super) fn bounded(mut text: String) -> String {
    text.truncate(super::limits::cut(&text, super::limits::MAX_TEXT_BYTES).len());
    super::limits::on_one_line(&text)
}

/// A row error from across the border.
fn row_error(error: RowError) -> operator::RowError {
    let mut code = error.code;
    code.truncate(super::limits::cut(&code, super::limits::MAX_ERROR_CODE_BYTES).len());
    operator::RowError {
        row: error.row,
        code: code.into(),
        message: bounded(error.message),
        retryable: error.retryable,
    }
}
