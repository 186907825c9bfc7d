//! The matrix as Markdown, for comments and summaries of CI systems.

use std::io::{self, Write};

use crate::report::Verdict;
use crate::report::markdown::escape::{code, prose};
use crate::report::text::plural;

use super::lines::lines;
use super::{
    Cell, CellFinding, CellVerdict, Matrix, MatrixAgent, MatrixOptions, MatrixRow, SharedDifference,
};

/// Findings of one cell that are listed.
const MOST: usize = 20;
/// Room for the note of what was left out.
const NOTE_BYTES: usize = 256;

/// Writes the table, then what is behind each cell that did not pass, folded.
///
/// A page over the limit of the options leaves out rows and folded parts that would not fit, and ends with a note of that.
///
/// # Errors
///
/// When writing fails.
pub fn render_matrix_markdown(
    matrix: &Matrix,
    options: &MatrixOptions,
    out: &mut impl Write,
) -> io::Result<()> {
    let mut page = Page {
        text: String::new(),
        limit: options.limit.saturating_sub(NOTE_BYTES),
        cut: 0,
    };
    page.push(&head(matrix));
    page.push(&format!("{}\n", columns(matrix)));
    for row in &matrix.scenarios {
        let cells = row.cells.iter().map(|cell| format!(" {} |", word(cell)));
        page.push(&format!(
            "| {} |{}\n",
            code(&row.name),
            cells.collect::<String>()
        ));
    }
    if let Some(legend) = matrix.legend() {
        page.push(&format!("\n{}.\n", prose(&legend)));
    }
    for row in &matrix.scenarios {
        for (cell, agent) in row.cells.iter().zip(&matrix.agents) {
            if !cell.findings.is_empty() || cell.verdict == CellVerdict::Gap {
                page.push(&cell_part(row, cell, agent));
            }
        }
    }
    for agent in &matrix.agents {
        let own = matrix.shared_of(agent);
        if !own.is_empty() {
            let count = plural(own.len(), "difference");
            let title = format!("{}: {count} in several scenarios", code(&agent.name));
            page.push(&shared(&title, &own));
        }
    }
    page.push(&rules(matrix));
    if page.cut > 0 {
        page.text.push_str(&format!(
            "\n**Left out, as the page would be too large:** {} rows and lists. `--report html=PATH` writes all.\n",
            page.cut
        ));
    }
    out.write_all(page.text.as_bytes())
}

struct Page {
    text: String,
    limit: usize,
    /// Pieces left out.
    cut: usize,
}

impl Page {
    /// Takes a piece if it fits.
    fn push(&mut self, piece: &str) {
        match self.text.len() + piece.len() <= self.limit {
            true => self.text.push_str(piece),
            false => self.cut += 1,
        }
    }
}

fn head(matrix: &Matrix) -> String {
    let mark = match matrix.verdict {
        Verdict::Clean => "✅",
        Verdict::Findings => "❌",
    };
    let agents = matrix
        .agents
        .iter()
        .map(|agent| format!("* {}: {}\n", prose(&agent.label()), agent.totals()));
    format!(
        "## {mark} trace-diff run: {}\n\n{}\n",
        matrix.title(),
        agents.collect::<String>()
    )
}

fn columns(matrix: &Matrix) -> String {
    let names = matrix.agents.iter();
    let names = names.map(|agent| format!(" {} |", code(&agent.name)));
    format!(
        "| scenario |{}\n| --- |{}",
        names.collect::<String>(),
        " --- |".repeat(matrix.agents.len())
    )
}

fn cell_part(row: &MatrixRow, cell: &Cell, agent: &MatrixAgent) -> String {
    let reason = match &cell.reason {
        Some(reason) => format!(", {}", prose(reason)),
        None => String::new(),
    };
    let title = format!(
        "{} with {}: {}{reason}",
        code(&row.name),
        code(&agent.name),
        cell.verdict.name()
    );
    folded(&title, cell.findings.iter())
}

fn folded<'f>(title: &str, findings: impl ExactSizeIterator<Item = &'f CellFinding>) -> String {
    let left = findings.len().saturating_sub(MOST);
    let lines = findings
        .take(MOST)
        .map(|one| format!("- {}: {}\n", code(&one.rule), prose(&one.message)));
    let lines: String = lines.collect();
    let more = match left {
        0 => String::new(),
        left => format!("- {left} more\n"),
    };
    format!("\n<details><summary>{title}</summary>\n\n{lines}{more}\n</details>\n")
}

fn shared(title: &str, own: &[&SharedDifference]) -> String {
    let mut text = String::new();
    let mut section = None;
    for line in lines(own) {
        if let Some(of) = line.section.filter(|of| section != Some(*of)) {
            text.push_str(&format!("- {}\n", prose(of.title())));
            section = Some(of);
        }
        let line = format!("  - {} × {}\n", line.scenarios, prose(&line.text));
        text.push_str(&line);
    }
    format!("\n<details><summary>{title}</summary>\n\n{text}\n</details>\n")
}

fn rules(matrix: &Matrix) -> String {
    let accepted = matrix.accepted.iter();
    let accepted = accepted.map(|one| format!("- {}\n", prose(&one.sentence())));
    let unused = matrix.unused_rules.iter();
    let unused = unused.map(|one| format!("- {}: {}\n", code(&one.rule), prose(&one.message)));
    let lines: String = accepted.chain(unused).collect();
    match lines.is_empty() {
        true => lines,
        false => format!("\n<details><summary>Rules file</summary>\n\n{lines}\n</details>\n"),
    }
}

fn word(cell: &Cell) -> String {
    match cell.verdict {
        CellVerdict::Fails => format!("**{}**", cell.word()),
        CellVerdict::Gap => format!("*{}*", cell.word()),
        _ => cell.word(),
    }
}
