//! What is dynamic in traffic: identifiers, times, places; and the renaming that ties two captures together.

mod fingerprint;
mod locations;
pub mod place;
mod renaming;
mod token;

pub use fingerprint::{embedded_json, fingerprint, text_fingerprint, text_place};
pub use locations::LocationFinder;
pub use renaming::{Conflict, IdNumber, IdTable, Pair, conflicts};
pub use token::{Class, Scanner, TextPlace, Token};
