//! What became of each scenario with each agent: the model, and its renderers.

mod json;
mod model;
mod text;

pub use json::render_matrix_json;
pub use model::{Cell, CellFinding, CellVerdict, Matrix, MatrixAgent, MatrixRow, SharedDifference};
pub use text::render_matrix_text;
