//! A component of the world `filter` that misbehaves as it is told. It knows the SDK alone, and goes around it where
//! the SDK would not let it misbehave.

use hostile::{Config, Input, Mode};
use sabot_sdk::bindings::exports::sabot::operator::{control, selector};
use sabot_sdk::bindings::sabot::operator::types;
use sabot_sdk::prelude::*;
use sabot_sdk::world::{Component, FilterWorld, Instance, Slot};
use std::cell::{Cell, RefCell};

/// The operator.
pub struct Hostile {
    config: Config,
}

impl Operator for Hostile {
    type Config = Config;

    fn manifest() -> Manifest {
        Manifest::new("hostile-filter", env!("CARGO_PKG_VERSION")).columns(Columns::of::<Input>())
    }

    fn bind(_inputs: &[Port], config: Config) -> Result<Self, OpError> {
        MODE.set(Some(config.mode));
        hostile::at_bind(&config)?;
        Ok(Hostile { config })
    }

    fn open(&mut self) -> Result<(), OpError> {
        hostile::at_open(&self.config)
    }

    fn close(&mut self) {
        hostile::at_close(&self.config);
    }
}

impl Filter for Hostile {
    fn select(&mut self, batch: Batch<'_>, selection: &mut Selection) -> Result<(), OpError> {
        let ids = hostile::ids(&batch)?;
        hostile::at_batch(&self.config, &ids)?;
        (0..ids.len()).for_each(|row| selection.keep(row));
        let mut refused = RowErrors::default();
        hostile::refuse(&self.config, &ids, &mut refused);
        refused.into_iter().for_each(|(row, error)| selection.refuse(row, error));
        Ok(())
    }
}

thread_local! {
    static MODE: Cell<Option<Mode>> = const { Cell::new(None) };
    static SLOT: RefCell<Option<Instance<Hostile, ()>>> = const { RefCell::new(None) };
}

impl Slot for Hostile {
    type Extra = ();

    fn slot<T>(access: impl FnOnce(&mut Option<Instance<Self, ()>>) -> T) -> T {
        SLOT.with_borrow_mut(access)
    }
}

type Honest = Component<FilterWorld, Hostile>;

/// The component.
pub struct Exported;

impl control::Guest for Exported {
    fn describe() -> types::Manifest {
        Honest::describe()
    }

    fn bind(inputs: Vec<types::Port>, config: String) -> Result<Vec<types::Port>, types::OpError> {
        let mut ports = Honest::bind(inputs, config)?;
        if MODE.get() == Some(Mode::GarbageSchema) {
            ports.push(types::Port { name: "garbage".into(), schema: vec![1, 2, 3] });
        }
        Ok(ports)
    }

    fn open() -> Result<(), types::OpError> {
        Honest::open()
    }

    fn close() {
        <Honest as control::Guest>::close();
    }
}

impl selector::Guest for Exported {
    fn select(batch: Vec<u8>) -> Result<selector::Selection, types::OpError> {
        let mut selection = Honest::select(batch)?;
        match MODE.get() {
            Some(Mode::ShortBitmap) => {
                selection.keep.pop();
            }
            Some(Mode::LongBitmap) => selection.keep.push(0xff),
            Some(Mode::DescendingRows) => {
                let error =
                    |row| types::RowError { row, code: "x".into(), message: "y".into(), retryable: false };
                selection.errors = vec![error(1), error(0)];
            }
            _ => {}
        }
        Ok(selection)
    }
}

use control::__export_sabot_operator_control_0_1_0_cabi;
use selector::__export_sabot_operator_selector_0_1_0_cabi;

__export_sabot_operator_control_0_1_0_cabi!(
    Exported with_types_in sabot_sdk::bindings::exports::sabot::operator::control
);
__export_sabot_operator_selector_0_1_0_cabi!(
    Exported with_types_in sabot_sdk::bindings::exports::sabot::operator::selector
);
