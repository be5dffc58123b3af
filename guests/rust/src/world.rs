//! Between the generated bindings and the operator traits: one adapter a world, and the macros that export them.
//! This is the only module that knows both.

use crate::bindings::exports::sabot::operator as exports;
use crate::bindings::sabot::operator::types as wit;
use crate::error::{OpError, RowErrors};
use crate::host;
use crate::ipc::{self, BatchLayout};
use crate::manifest::{Columns, Manifest, Port, schema_message};
use crate::operator::{Agent, Aggregate, Filter, FlatMap, Map, Operator, Output, Scalar, Selection};
use crate::row::Batch;
use arrow_schema::SchemaRef;
use std::marker::PhantomData;
use std::sync::Arc;

/// The one operator of a component, where the export macro keeps it.
pub trait Slot: Operator {
    /// What the world adds to the operator.
    type Extra: Default;

    /// Gives access to it.
    fn slot<T>(access: impl FnOnce(&mut Option<Instance<Self, Self::Extra>>) -> T) -> T;
}

/// A bound operator and what it takes to read its batches.
pub struct Instance<T, X> {
    operator: T,
    inputs: Vec<Input>,
    extra: X,
}

struct Input {
    schema: SchemaRef,
    layout: BatchLayout,
}

impl Input {
    fn read(&mut self, message: Vec<u8>) -> Result<Batch<'_>, OpError> {
        self.layout.read(&message)?;
        Ok(Batch { message, layout: &self.layout, schema: &self.schema })
    }
}

impl<T, X> Instance<T, X> {
    fn input(&mut self, port: usize) -> Result<(&mut T, &mut Input, &mut X), OpError> {
        let input = self.inputs.get_mut(port);
        let input = input.ok_or_else(|| OpError::Fatal(format!("the component has no input port {port}")))?;
        Ok((&mut self.operator, input, &mut self.extra))
    }
}

fn bound<T: Slot, R>(
    access: impl FnOnce(&mut Instance<T, T::Extra>) -> Result<R, OpError>,
) -> Result<R, wit::OpError> {
    T::slot(|slot| match slot {
        Some(instance) => access(instance).map_err(wit::OpError::from),
        None => Err(wit::OpError::Fatal("the component was called before `bind`".into())),
    })
}

impl From<OpError> for wit::OpError {
    fn from(error: OpError) -> Self {
        match error {
            OpError::Config(e) => wit::OpError::Config(e),
            OpError::Schema(e) => wit::OpError::Schema(e),
            OpError::Transient(e) => wit::OpError::Transient(e),
            OpError::Fatal(e) => wit::OpError::Fatal(e),
        }
    }
}

impl From<RowErrors> for Vec<wit::RowError> {
    fn from(errors: RowErrors) -> Self {
        let convert = |(row, error): (u32, crate::RowError)| wit::RowError {
            row,
            code: error.code.into_owned(),
            message: error.message,
            retryable: error.retryable,
        };
        errors.0.into_iter().map(convert).collect()
    }
}

impl From<Manifest> for wit::Manifest {
    fn from(m: Manifest) -> Self {
        wit::Manifest {
            name: m.name,
            version: m.version,
            columns: match m.columns {
                Columns::All => wit::Columns::All,
                Columns::Named(names) => wit::Columns::Named(names),
                Columns::Typed(fields) => wit::Columns::Typed(schema_message(&fields)),
            },
            extends: m.extends,
            deterministic: m.deterministic,
            states: Vec::new(),
            upgrades_from: Vec::new(),
            config_schema: m.config_schema,
            capabilities: m.capabilities.into_iter().map(|c| c.name().into()).collect(),
        }
    }
}

fn bind<T: Slot>(inputs: Vec<wit::Port>, config: &str) -> Result<Vec<wit::Port>, OpError> {
    host::log_panics();
    let config = serde_json::from_str(config).map_err(|e| OpError::Config(e.to_string()))?;
    let mut ports = Vec::new();
    for port in inputs {
        let schema = ipc::decode_schema(&port.schema)
            .map_err(|e| OpError::Schema(format!("input {}: {e}", port.name)))?;
        ports.push(Port::new(port.name, schema));
    }
    let operator = T::bind(&ports, config)?;
    let mut outputs = Vec::new();
    for port in operator.outputs()? {
        let schema = ipc::encode_schema(&port.schema)
            .map_err(|e| OpError::Schema(format!("output {}: {e}", port.name)))?;
        outputs.push(wit::Port { name: port.name, schema });
    }
    let inputs =
        ports.into_iter().map(|p| Input { schema: p.schema, layout: BatchLayout::default() }).collect();
    T::slot(|slot| *slot = Some(Instance { operator, inputs, extra: T::Extra::default() }));
    Ok(outputs)
}

/// The exported component of a world around an operator.
pub struct Component<W, T>(PhantomData<(W, T)>);

impl<W, T: Slot> exports::control::Guest for Component<W, T> {
    fn describe() -> wit::Manifest {
        T::manifest().into()
    }

    fn bind(inputs: Vec<wit::Port>, config: String) -> Result<Vec<wit::Port>, wit::OpError> {
        bind::<T>(inputs, &config).map_err(wit::OpError::from)
    }

    fn open() -> Result<(), wit::OpError> {
        bound::<T, _>(|instance| instance.operator.open())
    }

    fn close() {
        T::slot(|slot| {
            if let Some(instance) = slot {
                instance.operator.close();
            }
        });
    }
}

/// World `filter`.
pub enum FilterWorld {}

impl<T: Filter + Slot> exports::selector::Guest for Component<FilterWorld, T> {
    fn select(batch: Vec<u8>) -> Result<exports::selector::Selection, wit::OpError> {
        bound::<T, _>(|instance| {
            let (operator, input, _) = instance.input(0)?;
            let batch = input.read(batch)?;
            let mut selection = Selection::none(batch.rows());
            operator.select(batch, &mut selection)?;
            Ok(exports::selector::Selection { keep: selection.keep, errors: selection.refused.into() })
        })
    }
}

fn process<T: Slot>(
    port: usize,
    batch: Vec<u8>,
    run: impl FnOnce(&mut T, Batch<'_>, &mut RowErrors) -> Result<(), OpError>,
) -> Result<Vec<wit::RowError>, wit::OpError> {
    bound::<T, _>(|instance| {
        let (operator, input, _) = instance.input(port)?;
        let mut refused = RowErrors::default();
        run(operator, input.read(batch)?, &mut refused)?;
        Ok(refused.into())
    })
}

/// World `map`.
pub enum MapWorld {}

impl<T: Map + Slot> exports::mapper::Guest for Component<MapWorld, T> {
    fn process(batch: Vec<u8>) -> Result<Vec<wit::RowError>, wit::OpError> {
        process::<T>(0, batch, T::process)
    }
}

/// World `flat-map`.
pub enum FlatMapWorld {}

impl<T: FlatMap + Slot> exports::flat_mapper::Guest for Component<FlatMapWorld, T> {
    fn process(batch: Vec<u8>) -> Result<Vec<wit::RowError>, wit::OpError> {
        process::<T>(0, batch, T::process)
    }
}

/// World `scalar`.
pub enum ScalarWorld {}

impl<T: Scalar + Slot> exports::evaluator::Guest for Component<ScalarWorld, T> {
    fn evaluate(batch: Vec<u8>) -> Result<Vec<wit::RowError>, wit::OpError> {
        process::<T>(0, batch, T::evaluate)
    }
}

/// World `agent`.
pub enum AgentWorld {}

impl<T: Agent + Slot> exports::actor::Guest for Component<AgentWorld, T> {
    fn process(port: u32, batch: Vec<u8>) -> Result<Vec<wit::RowError>, wit::OpError> {
        process::<T>(port as usize, batch, |operator, batch, refused| {
            operator.process(port as usize, batch, refused)
        })
    }

    fn on_timers(_fired: Vec<u8>) -> Result<(), wit::OpError> {
        Err(wit::OpError::Fatal("a timer fired, but the component sets none".into()))
    }

    fn on_watermark(timestamp_ms: i64) -> Result<(), wit::OpError> {
        bound::<T, _>(|instance| instance.operator.on_watermark(timestamp_ms))
    }

    fn flush() -> Result<(), wit::OpError> {
        bound::<T, _>(|instance| instance.operator.flush())
    }
}

/// World `aggregate`.
pub enum AggregateWorld {}

/// The groups of an aggregate since they were last taken.
pub struct Groups<S> {
    states: Vec<S>,
}

impl<S> Default for Groups<S> {
    fn default() -> Self {
        Groups { states: Vec::new() }
    }
}

impl<S: Default> Groups<S> {
    fn grow(&mut self, count: u32) {
        if self.states.len() < count as usize {
            self.states.resize_with(count as usize, S::default);
        }
    }

    fn of(&mut self, groups: &[u32], row: usize) -> Result<&mut S, OpError> {
        let group = groups.get(row).copied();
        group.and_then(|g| self.states.get_mut(g as usize)).ok_or_else(|| {
            OpError::Fatal(format!("row {row} belongs to group {group:?}, which there is not"))
        })
    }
}

impl<T: Aggregate + Slot<Extra = Groups<T::State>>> exports::accumulator::Guest
    for Component<AggregateWorld, T>
{
    fn update(
        batch: Vec<u8>,
        groups: Vec<u32>,
        group_count: u32,
    ) -> Result<Vec<wit::RowError>, wit::OpError> {
        bound::<T, _>(|instance| {
            let (operator, input, states) = instance.input(0)?;
            let batch = input.read(batch)?;
            let rows = batch.typed::<T::Input<'_>>()?;
            let mut refused = RowErrors::default();
            states.grow(group_count);
            for row in 0..rows.len() {
                let state = states.of(&groups, row)?;
                if let Err(error) = rows.get(row).and_then(|input| operator.update(state, input)) {
                    refused.push(row, error);
                }
            }
            Ok(refused.into())
        })
    }

    fn merge(message: Vec<u8>, groups: Vec<u32>, group_count: u32) -> Result<(), wit::OpError> {
        bound::<T, _>(|instance| {
            let schema = Arc::new(arrow_schema::Schema::new(<T::State as crate::row::OutputRow>::fields()));
            let mut input = Input { schema, layout: BatchLayout::default() };
            let batch = input.read(message)?;
            let rows = batch.typed::<T::State>()?;
            instance.extra.grow(group_count);
            for row in 0..rows.len() {
                let state = rows
                    .get(row)
                    .map_err(|e| OpError::Fatal(format!("state of row {row}: {}", e.message)))?;
                instance.operator.merge(instance.extra.of(&groups, row)?, state);
            }
            Ok(())
        })
    }

    fn take_state() -> Result<(), wit::OpError> {
        bound::<T, _>(|instance| {
            let mut output = Output::<T::State>::new(0, "state")?;
            std::mem::take(&mut instance.extra.states).into_iter().for_each(|state| output.push(state));
            output.emit();
            Ok(())
        })
    }

    fn finish() -> Result<(), wit::OpError> {
        bound::<T, _>(|instance| {
            let mut output = Output::<T::Output>::new(1, "result")?;
            for state in std::mem::take(&mut instance.extra.states) {
                output.push(instance.operator.finish(state));
            }
            output.emit();
            Ok(())
        })
    }
}

/// The output ports of an [`Aggregate`], for [`Operator::outputs`].
///
/// # Errors
/// A column has a type that does not cross the boundary.
pub fn aggregate_ports<T: Aggregate>() -> Result<Vec<Port>, OpError> {
    Ok(vec![Output::<T::State>::new(0, "state")?.port(), Output::<T::Output>::new(1, "result")?.port()])
}

/// Exports an operator as the component of a world: `export!(filter: MyFilter)`. A crate exports one.
#[macro_export]
macro_rules! export {
    (filter: $operator:ty) => {
        $crate::export!(@component $operator, FilterWorld, (), selector, __export_sabot_operator_selector_0_1_0_cabi);
    };
    (map: $operator:ty) => {
        $crate::export!(@component $operator, MapWorld, (), mapper, __export_sabot_operator_mapper_0_1_0_cabi);
    };
    (flat_map: $operator:ty) => {
        $crate::export!(
            @component $operator, FlatMapWorld, (), flat_mapper, __export_sabot_operator_flat_mapper_0_1_0_cabi
        );
    };
    (scalar: $operator:ty) => {
        $crate::export!(@component $operator, ScalarWorld, (), evaluator, __export_sabot_operator_evaluator_0_1_0_cabi);
    };
    (agent: $operator:ty) => {
        $crate::export!(@component $operator, AgentWorld, (), actor, __export_sabot_operator_actor_0_1_0_cabi);
    };
    (aggregate: $operator:ty) => {
        $crate::export!(
            @component $operator, AggregateWorld,
            $crate::world::Groups<<$operator as $crate::Aggregate>::State>,
            accumulator, __export_sabot_operator_accumulator_0_1_0_cabi
        );
    };
    (@component $operator:ty, $world:ident, $extra:ty, $interface:ident, $export:ident) => {
        const _: () = {
            type Exported = $crate::world::Component<$crate::world::$world, $operator>;

            impl $crate::world::Slot for $operator {
                type Extra = $extra;

                fn slot<T>(
                    access: impl FnOnce(&mut Option<$crate::world::Instance<Self, Self::Extra>>) -> T,
                ) -> T {
                    type Cell = std::cell::RefCell<Option<$crate::world::Instance<$operator, $extra>>>;
                    thread_local! {
                        static SLOT: Cell = const { Cell::new(None) };
                    }
                    SLOT.with_borrow_mut(access)
                }
            }

            $crate::bindings::exports::sabot::operator::control::__export_sabot_operator_control_0_1_0_cabi!(
                Exported with_types_in $crate::bindings::exports::sabot::operator::control
            );
            $crate::bindings::exports::sabot::operator::$interface::$export!(
                Exported with_types_in $crate::bindings::exports::sabot::operator::$interface
            );
        };
    };
}
