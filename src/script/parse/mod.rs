//! The text of a script, TOML or JSON, to a [`Script`](super::Script).

mod beats;
mod error;
mod faults;
mod fields;
mod matchers;
mod places;
mod replies;
mod scenario;
mod script;
mod steps;
mod transport_faults;
mod tree;

#[cfg(test)]
mod tests;

pub use error::ScriptError;
