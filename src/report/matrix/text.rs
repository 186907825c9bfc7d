//! The matrix for a person.

use std::io::{self, Write};

use crate::report::visible;

use super::{Cell, CellVerdict, Matrix, MatrixAgent};

/// Differences of one cell, or of one agent, that are shown unless all are wanted.
const MOST: usize = 8;

/// Writes the table, then what is behind each cell that did not pass, then differences that several scenarios show.
///
/// # Errors
///
/// Whatever writing reports.
pub fn render_matrix_text(
    matrix: &Matrix,
    is_verbose: bool,
    out: &mut impl Write,
) -> io::Result<()> {
    table(matrix, out)?;
    cells(matrix, is_verbose, out)?;
    shared(matrix, is_verbose, out)?;
    totals(matrix, out)
}

fn table(matrix: &Matrix, out: &mut impl Write) -> io::Result<()> {
    let names = matrix.scenarios.iter().map(|row| width(&row.name));
    let first = names.max().unwrap_or(0);
    let widths: Vec<usize> = matrix
        .agents
        .iter()
        .enumerate()
        .map(|(column, agent)| {
            let cells = matrix
                .scenarios
                .iter()
                .filter_map(|row| row.cells.get(column));
            let longest = cells.map(|cell| width(&word(cell))).max().unwrap_or(0);
            longest.max(width(&agent.name))
        })
        .collect();
    let line = |name: &str, words: Vec<String>, out: &mut dyn Write| {
        let mut text = format!("{name:first$}");
        for (word, width) in words.iter().zip(&widths) {
            text.push_str(&format!("  {word:width$}"));
        }
        writeln!(out, "{}", text.trim_end())
    };
    let agents = matrix
        .agents
        .iter()
        .map(|agent| visible(&agent.name).into_owned());
    line("", agents.collect(), out)?;
    for row in &matrix.scenarios {
        line(
            &visible(&row.name),
            row.cells.iter().map(word).collect(),
            out,
        )?;
    }
    writeln!(out)
}

fn width(text: &str) -> usize {
    visible(text).chars().count()
}

/// What stands in the table.
fn word(cell: &Cell) -> String {
    let own = cell.findings.len();
    match (cell.verdict, cell.shared_differences) {
        (CellVerdict::NotApplicable, _) => "–".to_owned(),
        (CellVerdict::Differs, Some(shared)) => format!("differs ({own}+{shared})"),
        (verdict, _) => verdict.name().to_owned(),
    }
}

fn cells(matrix: &Matrix, is_verbose: bool, out: &mut impl Write) -> io::Result<()> {
    for row in &matrix.scenarios {
        for (cell, agent) in row.cells.iter().zip(&matrix.agents) {
            let is_told = match cell.verdict {
                CellVerdict::Fails => true,
                CellVerdict::Differs => !cell.findings.is_empty(),
                CellVerdict::Gap => true,
                CellVerdict::NotApplicable => is_verbose,
                CellVerdict::Pass => false,
            };
            if !is_told {
                continue;
            }
            let verdict = match cell.verdict {
                CellVerdict::NotApplicable => "does not apply",
                other => other.name(),
            };
            let (name, agent) = (visible(&row.name), visible(&agent.name));
            write!(out, "{name} · {agent}: {verdict}")?;
            match &cell.reason {
                Some(reason) => writeln!(out, ", {}", visible(reason))?,
                None => writeln!(out)?,
            }
            let most = if is_verbose { usize::MAX } else { MOST };
            for finding in cell.findings.iter().take(most) {
                writeln!(out, "  {}: {}", finding.rule, visible(&finding.message))?;
            }
            left_out(cell.findings.len(), most, out)?;
        }
    }
    Ok(())
}

fn shared(matrix: &Matrix, is_verbose: bool, out: &mut impl Write) -> io::Result<()> {
    for agent in &matrix.agents {
        let own = || matrix.shared.iter().filter(|one| one.agent == agent.name);
        let count = own().count();
        if count == 0 {
            continue;
        }
        writeln!(out, "\n{} in several scenarios:", visible(&agent.name))?;
        let most = if is_verbose { usize::MAX } else { 3 * MOST };
        for one in own().take(most) {
            let (rule, message) = (&one.finding.rule, visible(&one.finding.message));
            writeln!(out, "  {:>3} × {rule}: {message}", one.scenarios)?;
        }
        left_out(count, most, out)?;
    }
    Ok(())
}

fn left_out(count: usize, most: usize, out: &mut impl Write) -> io::Result<()> {
    match count.checked_sub(most) {
        Some(left @ 1..) => writeln!(out, "  … {left} more (--verbose shows them)"),
        _ => Ok(()),
    }
}

fn totals(matrix: &Matrix, out: &mut impl Write) -> io::Result<()> {
    writeln!(out)?;
    for agent in &matrix.agents {
        writeln!(out, "{}: {}", visible(&label(agent)), total(agent))?;
    }
    Ok(())
}

fn label(agent: &MatrixAgent) -> String {
    match &agent.version {
        Some(version) if !agent.name.contains(version.as_str()) => {
            format!("{} ({} {version})", agent.name, agent.profile)
        }
        _ => agent.name.clone(),
    }
}

fn total(agent: &MatrixAgent) -> String {
    let counts = CellVerdict::ALL.iter().filter_map(|verdict| {
        let count = agent.counts.get(verdict.name())?;
        let word = match verdict {
            CellVerdict::Pass => "passed",
            CellVerdict::Differs => "differ",
            CellVerdict::Gap => "known gaps",
            CellVerdict::Fails => "failed",
            CellVerdict::NotApplicable => "not applicable",
        };
        Some(format!("{count} {word}"))
    });
    let counts: Vec<String> = counts.collect();
    counts.join(", ")
}
