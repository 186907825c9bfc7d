//! What became of each scenario with each agent: the model, and its renderers.

mod accepted;
mod closer;
mod difference;
mod github;
mod html;
mod json;
mod junit;
mod lines;
mod markdown;
mod model;
mod options;
mod text;

pub use accepted::MatrixAccepted;
pub use difference::Difference;
pub use github::render_matrix_github;
pub use html::render_matrix_html;
pub use json::render_matrix_json;
pub use junit::render_matrix_junit;
pub use markdown::render_matrix_markdown;
pub use model::{Cell, CellFinding, CellVerdict, Matrix, MatrixAgent, MatrixRow, SharedDifference};
pub use options::MatrixOptions;
pub use text::render_matrix_text;
