//! A component of the world `filter` that wants to log from `describe`, when nothing is linked. It knows the SDK
//! alone.

use sabot_sdk::prelude::*;

/// The operator.
pub struct Hostile;

impl Operator for Hostile {
    type Config = NoConfig;

    fn manifest() -> Manifest {
        log(Level::Info, "here I am");
        Manifest::new("hostile-describe-log", env!("CARGO_PKG_VERSION"))
    }

    fn bind(_inputs: &[Port], _config: NoConfig) -> Result<Self, OpError> {
        Ok(Hostile)
    }
}

impl Filter for Hostile {
    fn select(&mut self, _batch: Batch<'_>, _selection: &mut Selection) -> Result<(), OpError> {
        Ok(())
    }
}

sabot_sdk::export!(filter: Hostile);
