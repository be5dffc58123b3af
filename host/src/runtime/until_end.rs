//! A reader that ends where an endless one would wait: for pipelines that are to stop once they have caught up.

use crate::connector::{ConnectorError, Read, ReadLimits, Reader};

/// Ends when its partition has nothing more and says that nothing is left.
pub(super) struct UntilEnd(pub Box<dyn Reader>);

impl Reader for UntilEnd {
    fn read(&mut self, limits: ReadLimits) -> Result<Read, ConnectorError> {
        match self.0.read(limits)? {
            Read::Idle if self.0.lag() == Some(0) => Ok(Read::End),
            other => Ok(other),
        }
    }

    fn position(&self) -> i64 {
        self.0.position()
    }

    fn lag(&self) -> Option<i64> {
        self.0.lag()
    }
}
