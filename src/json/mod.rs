//! JSON as text: positions and spans, no knowledge of any agent.

mod habits;
mod pointer;
mod problem;
mod reader;
mod resync;
mod scanner;
mod syntax;
mod tree;
mod window;

pub use pointer::{Pointer, PointerError, PointerPattern};
pub use problem::{Problem, ProblemKind, Summary, Tail};
pub use reader::{Part, Record, RecordReader, Records, read_records};
pub use syntax::{ErrorKind, SyntaxError};
pub use tree::{Document, Items, Kind, MAX_DEPTH, Members, Node, Value};
