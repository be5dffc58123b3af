//! What a guest can import. Every interface of the package is defined; whether a function may be called at the
//! moment is decided when it is called, so that a component whose toolchain imports more than it uses still runs.

use std::io::Read;
use std::time::{SystemTime, UNIX_EPOCH};

use wasmtime::StoreContextMut;
use wasmtime::component::{Linker, WasmList, WasmStr};

use super::bindings::{Level, interface};
use super::context::{Context, Stop};
use super::engine::TICKS_PER_SECOND;
use super::limits::{MAX_NAME_BYTES, MAX_TEXT_BYTES, cut};

/// Random bytes that one call may ask for.
const MAX_RANDOM_BYTES: u32 = 64 << 10;

/// The host's side of the package.
pub(super) fn linker(engine: &wasmtime::Engine) -> wasmtime::Result<Linker<Context>> {
    let mut linker = Linker::new(engine);
    output(&mut linker)?;
    telemetry(&mut linker)?;
    clock(&mut linker)?;
    entropy(&mut linker)?;
    let state = ["get-many", "put-many", "delete-many", "scan"];
    refuse(&mut linker, "state", &state, "keyed state is not in this release")?;
    refuse(&mut linker, "timers", &["register", "cancel"], "timers are not in this release")?;
    Ok(linker)
}

fn output(linker: &mut Linker<Context>) -> wasmtime::Result<()> {
    linker.instance(&interface("output"))?.func_wrap(
        "emit",
        |mut store: StoreContextMut<'_, Context>, (port, batch): (u32, WasmList<u8>)| {
            store.data_mut().in_time()?;
            store.data().inside_run("output.emit")?;
            let Some(mut outbox) = store.data_mut().outbox.take() else {
                return Err(Stop::Forbidden("output.emit was called from within itself".into()).into());
            };
            let kept = outbox.emit(port, batch.as_le_slice(&store));
            store.data_mut().outbox = Some(outbox);
            Ok(kept?)
        },
    )
}

fn telemetry(linker: &mut Linker<Context>) -> wasmtime::Result<()> {
    let mut telemetry = linker.instance(&interface("telemetry"))?;
    telemetry.func_wrap(
        "log",
        |mut store: StoreContextMut<'_, Context>, (level, message): (Level, WasmStr)| {
            store.data_mut().in_time()?;
            let text = cut(&message.to_str(&store)?, MAX_TEXT_BYTES).to_owned();
            // Kept also in describe, where it is refused: a panic's text is all there is to go by.
            let context = store.data_mut();
            let second = context.tick() / TICKS_PER_SECOND;
            let label = context.label.clone();
            context.log.push(level, &text, &label, second);
            Ok(context.outside_describe("telemetry.log")?)
        },
    )?;
    telemetry.func_wrap("counter", |mut store: StoreContextMut<'_, Context>, (name, add): (WasmStr, u64)| {
        store.data_mut().in_time()?;
        store.data().outside_describe("telemetry.counter")?;
        let name = cut(&name.to_str(&store)?, MAX_NAME_BYTES).to_owned();
        store.data_mut().count(&name, add);
        Ok(())
    })
}

fn clock(linker: &mut Linker<Context>) -> wasmtime::Result<()> {
    linker.instance(&interface("clock"))?.func_wrap(
        "now-ms",
        |mut store: StoreContextMut<'_, Context>, (): ()| {
            store.data_mut().in_time()?;
            store.data().outside_describe("clock.now-ms")?;
            granted(store.data().clock, "clock.now-ms", "clock")?;
            let now = SystemTime::now().duration_since(UNIX_EPOCH);
            Ok((now.map_or(0, |since| since.as_millis() as i64),))
        },
    )
}

fn entropy(linker: &mut Linker<Context>) -> wasmtime::Result<()> {
    linker.instance(&interface("entropy"))?.func_wrap(
        "random",
        |mut store: StoreContextMut<'_, Context>, (n,): (u32,)| {
            store.data_mut().in_time()?;
            store.data().outside_describe("entropy.random")?;
            granted(store.data().entropy, "entropy.random", "entropy")?;
            if n > MAX_RANDOM_BYTES {
                let text =
                    format!("it asked for {n} random bytes; one call gives at most {MAX_RANDOM_BYTES}");
                return Err(Stop::Forbidden(text).into());
            }
            let mut bytes = vec![0; n as usize];
            std::fs::File::open("/dev/urandom").and_then(|mut file| file.read_exact(&mut bytes))?;
            Ok((bytes,))
        },
    )
}

fn granted(granted: bool, function: &str, capability: &str) -> Result<(), Stop> {
    if granted {
        return Ok(());
    }
    Err(Stop::Forbidden(format!(
        "it called {function} without the capability `{capability}`: its manifest must ask for it and the \
         pipeline grant it (`grant: [{capability}]`)"
    )))
}

/// Defines functions that stop whoever calls them.
fn refuse(
    linker: &mut Linker<Context>,
    name: &'static str,
    functions: &[&'static str],
    why: &'static str,
) -> wasmtime::Result<()> {
    let mut instance = linker.instance(&interface(name))?;
    for &function in functions {
        instance.func_new(function, move |_, _, _, _| {
            Err(Stop::Forbidden(format!("it called {name}.{function}: {why}")).into())
        })?;
    }
    Ok(())
}
