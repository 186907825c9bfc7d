//! The matrix as workflow commands of GitHub Actions.

use std::io::{self, Write};

use crate::report::Level;
use crate::report::github::{MOST_ANNOTATIONS, annotation, plain};
use crate::report::text::plural;

use super::{CellFinding, CellVerdict, Matrix, MatrixOptions, render_matrix_text};

/// Findings that an annotation lists.
const MOST: usize = 10;

/// Writes an annotation for each cell that fails, then for each that differs and for what several scenarios of an agent show,
/// and the text form in a folded group of the log.
///
/// GitHub shows ten errors and ten warnings of a step; when there are more, the last line says how many. As in
/// [`render_github`](crate::report::render_github), nothing that an agent said can become a command.
///
/// # Errors
///
/// When writing fails.
pub fn render_matrix_github(
    matrix: &Matrix,
    options: &MatrixOptions,
    out: &mut impl Write,
) -> io::Result<()> {
    let mut left = 0;
    for (level, texts) in [
        (Level::Error, failures(matrix)),
        (Level::Warning, differences(matrix)),
    ] {
        for (title, message) in texts.iter().take(MOST_ANNOTATIONS) {
            writeln!(out, "{}", annotation(level, title, message))?;
        }
        left += texts.len().saturating_sub(MOST_ANNOTATIONS);
    }
    let mut text = Vec::new();
    let options = MatrixOptions {
        has_color: false,
        ..options.clone()
    };
    render_matrix_text(matrix, &options, &mut text)?;
    writeln!(out, "::group::trace-diff run: the matrix")?;
    for line in String::from_utf8_lossy(&text).lines() {
        plain(out, "", line)?;
    }
    writeln!(out, "::endgroup::")?;
    plain(out, "", &format!("trace-diff run: {}", matrix.title()))?;
    match left {
        0 => Ok(()),
        left => {
            let left = plural(left, "more cell");
            let text = format!(
                "{left} without an annotation, as GitHub shows {MOST_ANNOTATIONS} of each level for a step; the log above has them all"
            );
            plain(out, "", &text)
        }
    }
}

/// Title and message for each cell that fails.
fn failures(matrix: &Matrix) -> Vec<(String, String)> {
    cells(matrix, CellVerdict::Fails)
}

/// Title and message for each cell with differences of its own, and for those that scenarios share.
fn differences(matrix: &Matrix) -> Vec<(String, String)> {
    let mut all = cells(matrix, CellVerdict::Differs);
    for agent in &matrix.agents {
        let own = matrix.shared_of(agent);
        if !own.is_empty() {
            let count = plural(own.len(), "difference");
            let title = format!("{}: {count} in several scenarios", agent.name);
            all.push((title, message(own.iter().map(|one| &one.finding))));
        }
    }
    all
}

fn cells(matrix: &Matrix, verdict: CellVerdict) -> Vec<(String, String)> {
    let rows = matrix.scenarios.iter();
    let cells = rows.flat_map(|row| {
        let cells = row.cells.iter().zip(&matrix.agents);
        cells.map(move |(cell, agent)| (row, cell, agent))
    });
    let told = cells.filter(|(_, cell, _)| cell.verdict == verdict && !cell.findings.is_empty());
    told.map(|(row, cell, agent)| {
        let title = format!("{} with {}: {}", row.name, agent.name, verdict.name());
        (title, message(cell.findings.iter()))
    })
    .collect()
}

fn message<'f>(findings: impl ExactSizeIterator<Item = &'f CellFinding>) -> String {
    let left = findings.len().saturating_sub(MOST);
    let lines = findings
        .take(MOST)
        .map(|one| format!("{}: {}", one.rule, crate::report::visible(&one.message)));
    let mut lines: Vec<String> = lines.collect();
    if left > 0 {
        lines.push(format!("{left} more"));
    }
    lines.join("\n")
}
