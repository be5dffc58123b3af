//! An aggregate: the mean of a column by group, negative values refused. `slip` in its configuration makes one
//! mistake that a host must notice. It knows the SDK alone.

use sabot_sdk::prelude::*;

/// What comes in.
#[derive(Row)]
pub struct Input {
    value: f64,
}

/// What is known of a group so far.
#[derive(Row, OutputRow, Default)]
pub struct State {
    count: i64,
    sum: f64,
}

/// What comes of a group.
#[derive(OutputRow)]
pub struct Mean {
    mean: Option<f64>,
}

/// The configuration.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// What to do wrong.
    #[serde(default)]
    slip: Option<Slip>,
}

/// What to do wrong.
#[derive(serde::Deserialize, Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub enum Slip {
    /// Announce one port.
    OnePort,
    /// Emit while rows are added.
    Emit,
    /// Panic at the value 13.
    Panic,
    /// Lose the merged state.
    Forget,
}

/// The aggregate.
pub struct Average {
    slip: Option<Slip>,
}

impl Operator for Average {
    type Config = Config;

    fn manifest() -> Manifest {
        Manifest::new(env!("CARGO_PKG_NAME"), env!("CARGO_PKG_VERSION")).columns(Columns::of::<Input>())
    }

    fn bind(inputs: &[Port], config: Config) -> Result<Self, OpError> {
        inputs.iter().try_for_each(|port| port.expect_columns::<Input>())?;
        Ok(Average { slip: config.slip })
    }

    fn outputs(&self) -> Result<Vec<Port>, OpError> {
        let mut ports = sabot::aggregate_ports::<Self>()?;
        if self.slip == Some(Slip::OnePort) {
            ports.pop();
        }
        Ok(ports)
    }
}

impl Aggregate for Average {
    type Input<'a> = Input;
    type State = State;
    type Output = Mean;

    fn update(&self, state: &mut State, row: Input) -> Result<(), RowError> {
        match self.slip {
            Some(Slip::Emit) => Output::<State>::new(0, "state").iter_mut().for_each(Output::emit),
            Some(Slip::Panic) if row.value == 13.0 => panic!("thirteen"),
            _ => {}
        }
        if row.value < 0.0 {
            return Err(RowError::new("negative", format!("the value is {}", row.value)));
        }
        state.count += 1;
        state.sum += row.value;
        Ok(())
    }

    fn merge(&self, state: &mut State, other: State) {
        if self.slip != Some(Slip::Forget) {
            state.count += other.count;
            state.sum += other.sum;
        }
    }

    fn finish(&self, state: State) -> Mean {
        Mean { mean: (state.count > 0).then(|| state.sum / state.count as f64) }
    }
}

sabot_sdk::export!(aggregate: Average);
