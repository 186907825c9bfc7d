//! The text of a script, TOML or JSON, to a [`Script`](super::Script).

mod beats;
mod error;
mod faults;
mod fields;
mod matchers;
mod replies;
mod script;
mod steps;
mod tree;

pub use error::ScriptError;
