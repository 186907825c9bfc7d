//! The report as one HTML file that needs nothing else.

mod head;
mod page;
pub(super) mod parts;
mod rules;

pub(super) use head::{Asset, STYLE, write_head};
pub use page::render_html;
pub(super) use rules::write_rules;
