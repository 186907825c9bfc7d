//! The report as text for a person: grouped by what changed, most telling first.

mod entry;
mod escape;
mod layout;
mod section;

pub use escape::visible;
pub use layout::{TextOptions, render_text};
