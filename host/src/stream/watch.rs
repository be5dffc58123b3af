//! When a pipeline that somebody waits for has come to its end. Pure: looks at one status after another.

use crate::control::STARTS_AGAIN;
use crate::control::api::{PipelineState, PipelineStatus};

/// So many looks in a row that find nothing left to read mean that all has been read.
const QUIET_LOOKS: u32 = 3;

/// What is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Until {
    /// All sources have ended. Those of Kafka and of an open `memory` never do.
    Ended,
    /// All that there is to read at the moment has been read.
    Read,
}

/// How it ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// It has stopped: its sources have ended, or somebody stopped it.
    Stopped,
    /// There is nothing left to read.
    Read,
    /// It failed, for this reason.
    Failed(String),
}

/// Waits for the end of a pipeline, a look at a time.
#[derive(Debug)]
pub struct Watch {
    until: Until,
    quiet: u32,
}

impl Watch {
    /// Until that.
    pub fn new(until: Until) -> Self {
        Watch { until, quiet: 0 }
    }

    /// The next look, at least some milliseconds after the last one.
    pub fn look(&mut self, status: &PipelineStatus) -> Option<End> {
        match status.state {
            PipelineState::Stopped => return Some(End::Stopped),
            PipelineState::Failed => {
                // Nobody waits for the next start.
                let reason = status.reason.as_deref().unwrap_or_default();
                let reason = reason.split_once(STARTS_AGAIN).map_or(reason, |(reason, _)| reason);
                return Some(End::Failed(reason.to_owned()));
            }
            PipelineState::Running if self.until == Until::Read && nothing_left(status) => self.quiet += 1,
            _ => self.quiet = 0,
        }
        (self.quiet == QUIET_LOOKS).then_some(End::Read)
    }
}

/// Every source is known to have been read to its end.
fn nothing_left(status: &PipelineStatus) -> bool {
    status.sources.iter().all(|s| !s.partitions.is_empty() && s.lag == Some(0))
}
