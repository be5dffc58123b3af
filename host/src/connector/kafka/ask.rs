//! A question to a broker that is answered on a thread of its own, so that whoever drives a group can look after
//! it in the meantime. Knows nothing of what is asked.

use std::time::Duration;

use crossbeam_channel::{Receiver, RecvTimeoutError, bounded};

use crate::connector::ConnectorError;

/// An answer to come.
pub(super) struct Ask<T>(Receiver<Result<T, ConnectorError>>);

impl<T: Send + 'static> Ask<T> {
    /// Starts `question`, which is bounded in time by itself.
    pub fn start(question: impl FnOnce() -> Result<T, ConnectorError> + Send + 'static) -> Self {
        let (answer, receiver) = bounded(1);
        let asked = std::thread::Builder::new().name("kafka-ask".into()).spawn(move || {
            // Nobody waits any more: the answer is not needed.
            let _ = answer.send(question());
        });
        drop(asked);
        Ask(receiver)
    }

    /// The answer, if it comes within `wait`.
    pub fn wait(&self, wait: Duration) -> Option<Result<T, ConnectorError>> {
        match self.0.recv_timeout(wait) {
            Ok(answer) => Some(answer),
            Err(RecvTimeoutError::Timeout) => None,
            // The thread panicked, or the system has no thread to give.
            Err(RecvTimeoutError::Disconnected) => {
                Some(Err(ConnectorError::Retry("no thread could ask the broker; trying again".into())))
            }
        }
    }
}
