//! The matrix as one HTML file that needs nothing else.

mod page;
mod table;

pub use page::render_matrix_html;
