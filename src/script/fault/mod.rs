//! What goes wrong: faults as data, and as pure changes of what is sent.

mod model;

pub use model::{BadChunk, ContentLength, Count, ErrorInfo, Fault, FaultKind, Place, RetryAfter};
