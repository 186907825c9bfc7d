//! JSON as text: positions and spans, no knowledge of any agent.

mod checker;
mod document;
mod habits;
mod pointer;
mod problem;
mod raw;
mod reader;
mod record;
mod resume;
mod resync;
mod scanner;
mod source_problem;
mod string_bytes;
mod syntax;
mod tree;
mod window;

pub use checker::Checker;
pub use document::{Document, MAX_DEPTH};
pub use pointer::{Pointer, PointerError, PointerPattern};
pub use problem::{Problem, ProblemKind, Summary, Tail};
pub(crate) use raw::string_length;
pub use raw::{Raw, RawItems, RawMembers};
pub use reader::RecordReader;
pub use record::{Part, Record, Records, read_records};
pub use resume::NotParsed;
pub use source_problem::{SourceProblem, bad_regex};
pub use syntax::{ErrorKind, SyntaxError};
pub use tree::{Items, Kind, Members, Node, Value};
