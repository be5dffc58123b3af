//! A component of the world `flat-map` that misbehaves as it is told. It knows the SDK alone.

use hostile::{Config, Input, Mode, Other, TEXT};
use sabot_sdk::prelude::*;

/// What it adds to a row.
#[derive(OutputRow)]
pub struct Added {
    /// The same number.
    pub copy: i64,
    /// The same for all.
    pub text: &'static str,
    /// The input row.
    #[column("$row")]
    pub row: u32,
}

/// The operator.
pub struct Hostile {
    config: Config,
    added: Output<Added>,
    other: Output<Other>,
}

impl Operator for Hostile {
    type Config = Config;

    fn manifest() -> Manifest {
        Manifest::new("hostile-flat-map", env!("CARGO_PKG_VERSION"))
            .columns(Columns::of::<Input>())
            .extends(true)
    }

    fn bind(_inputs: &[Port], config: Config) -> Result<Self, OpError> {
        hostile::at_bind(&config)?;
        Ok(Hostile { config, added: Output::new(0, "output")?, other: Output::new(0, "other")? })
    }

    fn outputs(&self) -> Result<Vec<Port>, OpError> {
        Ok(vec![self.added.port()])
    }

    fn open(&mut self) -> Result<(), OpError> {
        hostile::at_open(&self.config)
    }

    fn close(&mut self) {
        hostile::at_close(&self.config);
    }
}

impl FlatMap for Hostile {
    fn process(&mut self, batch: Batch<'_>, refused: &mut RowErrors) -> Result<(), OpError> {
        let ids = hostile::ids(&batch)?;
        hostile::at_batch(&self.config, &ids)?;
        hostile::refuse(&self.config, &ids, refused);
        let mode = self.config.mode;
        // What it refuses with an error it emits nevertheless: the host drops that.
        let refuses = mode == Mode::RetryOnValue;
        let mut sent: Vec<i64> =
            ids.iter().copied().filter(|id| !refuses || *id != self.config.value).collect();
        if mode == Mode::WrongRowCount {
            sent.pop();
        }
        let beyond = if mode == Mode::OriginOutOfRange { ids.len() as u32 } else { 0 };
        for (row, id) in ids.iter().enumerate().filter(|(_, id)| sent.contains(id)) {
            self.added.push(Added { copy: *id, text: TEXT, row: row as u32 + beyond });
        }
        let message = match mode {
            Mode::WrongSchema => {
                sent.iter().for_each(|_| self.other.push(Other { other: true }));
                self.other.rows().message()
            }
            _ => self.added.rows().message(),
        };
        hostile::emit(&self.config, &sent, message);
        Ok(())
    }
}

sabot_sdk::export!(flat_map: Hostile);
