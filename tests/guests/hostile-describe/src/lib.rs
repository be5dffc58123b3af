//! A component of the world `filter` that never comes back from `describe`. It knows the SDK alone.

use sabot_sdk::prelude::*;

/// The operator.
pub struct Hostile;

impl Operator for Hostile {
    type Config = NoConfig;

    fn manifest() -> Manifest {
        let mut i = 0u64;
        loop {
            i = std::hint::black_box(i.wrapping_add(1));
        }
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
