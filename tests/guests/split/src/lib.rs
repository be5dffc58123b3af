//! An agent without state: orders go to `large` or `small`, and a row with a negative amount is refused. It knows
//! the SDK alone.

use sabot_sdk::prelude::*;

/// What comes in and what goes out.
#[derive(Row, OutputRow)]
pub struct Order {
    id: i64,
    amount: f64,
}

/// The agent.
pub struct Split {
    large: Output<Order>,
    small: Output<Order>,
}

impl Operator for Split {
    type Config = NoConfig;

    fn manifest() -> Manifest {
        Manifest::new("split", env!("CARGO_PKG_VERSION")).columns(Columns::of::<Order>())
    }

    fn bind(inputs: &[Port], _config: NoConfig) -> Result<Self, OpError> {
        inputs.iter().try_for_each(|port| port.expect_columns::<Order>())?;
        Ok(Split { large: Output::new(0, "large")?, small: Output::new(1, "small")? })
    }

    fn outputs(&self) -> Result<Vec<Port>, OpError> {
        Ok(vec![self.large.port(), self.small.port()])
    }
}

impl Agent for Split {
    fn process(&mut self, _port: usize, batch: Batch<'_>, refused: &mut RowErrors) -> Result<(), OpError> {
        for (row, order) in batch.typed::<Order>()?.iter().enumerate() {
            match order {
                Ok(order) if order.amount < 0.0 => {
                    refused
                        .push(row, RowError::new("negative-amount", format!("amount is {}", order.amount)));
                }
                Ok(order) if order.amount > 500.0 => self.large.push(order),
                Ok(order) => self.small.push(order),
                Err(error) => refused.push(row, error),
            }
        }
        self.large.emit_if_any();
        self.small.emit_if_any();
        Ok(())
    }
}

sabot_sdk::export!(agent: Split);
