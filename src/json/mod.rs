//! JSON as text: positions and spans, no knowledge of any agent.

mod pointer;
mod syntax;
mod tree;

pub use pointer::{Pointer, PointerError, PointerPattern};
pub use syntax::{ErrorKind, SyntaxError};
pub use tree::{Document, Items, Kind, MAX_DEPTH, Members, Node, Value};
