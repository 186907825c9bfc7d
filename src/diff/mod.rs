//! How two aligned things differ.
//!
//! [`compare`] aligns the exchanges of two captures, compares what goes together unit by unit (a header, a member of
//! a body, an item, an event; equal units once), and joins what has one cause into one [`Change`].

mod array;
mod body;
mod change;
mod compare;
mod events;
mod gather;
mod headers;
mod identifiers;
mod input;
mod limits;
mod members;
mod names;
mod recorder;
mod response;
mod side;
mod subject;
mod text;
mod value;

pub use change::{AlignedExchange, Change, Comparison, ExchangePair, Level};
pub use compare::{Options, compare};
pub use subject::{Mark, Subject, Thing};
