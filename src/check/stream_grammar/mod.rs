//! The server's side: whether the events of each response keep the order and say the same as the items they deliver.

mod item;
mod response;

pub(super) use response::check;
