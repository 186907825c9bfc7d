//! The report as text for a person: grouped by what changed, most telling first.

mod alignment;
mod entry;
mod escape;
mod join;
mod layout;
mod marks;
mod section;
mod wrap;

pub use escape::visible;
pub use layout::{TextOptions, render_text};
pub(super) use wrap::{shortened, wrapped};
