//! What is dynamic in traffic: identifiers, times, places; and the renaming that ties two captures together.

pub mod place;
mod renaming;
mod token;

pub use renaming::{Conflict, IdNumber, IdTable, Pair, conflicts};
pub use token::{Class, Scanner, TextPlace, Token};
