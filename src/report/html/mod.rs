//! The report as one HTML file that needs nothing else.

mod page;
mod parts;

pub use page::render_html;
