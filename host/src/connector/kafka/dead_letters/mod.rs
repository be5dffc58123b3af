//! Dead letters in a topic: key, value and headers of the record as they came, and after those what went wrong, in
//! headers whose names begin with `sabot.`. Knows nothing of why a letter is dead, nor of how it is run again.

mod believed;
mod headers;
mod reader;
mod writer;

pub use reader::KafkaLetters;
pub use writer::KafkaDeadLetters;
