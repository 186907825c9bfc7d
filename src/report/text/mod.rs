//! The report as text for a person: grouped by what changed, most telling first.

mod alignment;
mod entry;
mod escape;
mod fold;
mod join;
mod layout;
mod marks;
mod session;
mod step;
mod style;
mod words;
mod wrap;

pub use escape::visible;
pub use layout::{TextOptions, render_text};
pub(super) use marks::numbers;
pub use session::{has_problems, render_session_text};
pub(super) use style::Style;
pub use words::plural;
pub(super) use wrap::{shortened, wrapped};
