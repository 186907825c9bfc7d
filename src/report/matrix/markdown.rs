//! The matrix as Markdown, for comments and summaries of CI systems.

use std::io::{self, Write};

use crate::report::markdown::escape::{code, prose};

use super::{Cell, CellFinding, CellVerdict, Matrix};

/// Findings of one cell, and shared differences of one agent, that are listed.
const MOST: usize = 20;

/// Writes the table, then what is behind each cell that did not pass, folded.
///
/// # Errors
///
/// When writing fails.
pub fn render_matrix_markdown(matrix: &Matrix, out: &mut impl Write) -> io::Result<()> {
    let heads = matrix
        .agents
        .iter()
        .map(|agent| format!(" {} |", code(&agent.name)));
    writeln!(out, "| scenario |{}", heads.collect::<String>())?;
    writeln!(out, "| --- |{}", " --- |".repeat(matrix.agents.len()))?;
    for row in &matrix.scenarios {
        let cells = row.cells.iter().map(|cell| format!(" {} |", word(cell)));
        writeln!(out, "| {} |{}", code(&row.name), cells.collect::<String>())?;
    }
    for row in &matrix.scenarios {
        for (cell, agent) in row.cells.iter().zip(&matrix.agents) {
            if cell.findings.is_empty() && cell.verdict != CellVerdict::Gap {
                continue;
            }
            let title = format!(
                "{} with {}: {}",
                code(&row.name),
                code(&agent.name),
                cell.verdict.name()
            );
            let reason = cell
                .reason
                .as_deref()
                .map(|reason| format!(", {}", prose(reason)));
            writeln!(
                out,
                "\n<details><summary>{title}{}</summary>\n",
                reason.unwrap_or_default()
            )?;
            list(cell.findings.iter(), out)?;
            writeln!(out, "\n</details>")?;
        }
    }
    for agent in &matrix.agents {
        let own = matrix.shared.iter().filter(|one| one.agent == agent.name);
        let own: Vec<_> = own.collect();
        if own.is_empty() {
            continue;
        }
        let title = format!(
            "{}: {} differences in several scenarios",
            code(&agent.name),
            own.len()
        );
        writeln!(out, "\n<details><summary>{title}</summary>\n")?;
        list(own.iter().map(|one| &one.finding), out)?;
        writeln!(out, "\n</details>")?;
    }
    Ok(())
}

fn list<'f>(
    findings: impl ExactSizeIterator<Item = &'f CellFinding>,
    out: &mut impl Write,
) -> io::Result<()> {
    let count = findings.len();
    for finding in findings.take(MOST) {
        writeln!(
            out,
            "- {}: {}",
            code(&finding.rule),
            prose(&finding.message)
        )?;
    }
    match count.checked_sub(MOST) {
        Some(left @ 1..) => writeln!(out, "- {left} more"),
        _ => Ok(()),
    }
}

fn word(cell: &Cell) -> String {
    let own = cell.findings.len();
    match (cell.verdict, cell.shared_differences) {
        (CellVerdict::Pass, _) => "pass".to_owned(),
        (CellVerdict::NotApplicable, _) => "–".to_owned(),
        (CellVerdict::Gap, _) => "*gap*".to_owned(),
        (CellVerdict::Differs, Some(shared)) => format!("differs ({own}+{shared})"),
        (verdict, _) => format!("**{}**", verdict.name()),
    }
}
