//! The matrix for programs.

use std::io::{self, Write};

use super::Matrix;

/// Writes the matrix as one pretty-printed JSON value and a line end.
///
/// # Errors
///
/// Whatever writing reports.
pub fn render_matrix_json(matrix: &Matrix, out: &mut impl Write) -> io::Result<()> {
    serde_json::to_writer_pretty(&mut *out, matrix)?;
    out.write_all(b"\n")
}
