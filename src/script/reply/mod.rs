//! Replies to events, in the order in which the API sends them.

mod items;
mod object;
mod response;
mod writer;

#[cfg(test)]
mod tests;

pub(super) use response::{ECHOED, Rendered, filled, render_response, response_object};
