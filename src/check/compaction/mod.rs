//! Compaction: when it comes, how it is asked for, and what is left of the history behind it.

mod answer;
mod budget;
mod check;
mod context;
mod due;
mod episode;
mod estimate;
mod failed;
mod form;
mod items;
mod kept;
mod outcome;
mod overflow;
mod rules;
mod summary;
mod window;

pub(super) use check::check;
pub(super) use rules::ACROSS_REQUESTS;
