//! JSON as text: positions and spans, no knowledge of any agent.

mod syntax;
mod tree;

pub use syntax::{ErrorKind, SyntaxError};
pub use tree::{Document, Items, Kind, MAX_DEPTH, Members, Node, Value};
