//! The page: totals, filter, table, what is behind its cells, shared differences, rules.

use std::collections::HashMap;
use std::io::{self, Write};

use crate::report::html::parts::{code, escaped, sentence};
use crate::report::html::{Asset, STYLE, write_head, write_rules};
use crate::report::matrix::{
    CellFinding, CellVerdict, Matrix, MatrixAgent, MatrixOptions, SharedDifference,
};
use crate::report::text::plural;
use crate::report::{Level, explain};

use super::table::{files, has, is_told, write_table};

const MATRIX_STYLE: Asset = Asset {
    text: include_str!("matrix.css"),
    digest: "pl+8ZOgcCmiMewXM4B+FQxJnJqFqjR4wM+fDdw7yEJ0=",
};

/// Filters by words; all else works without it.
const FILTER: Asset = Asset {
    text: include_str!("filter.js"),
    digest: "FSP9SxfWmmFxKvpvEcaOptHfexe/bF9SZeMexxsZsJw=",
};

/// Findings of a cell that are shown without being unfolded.
const MOST: usize = 12;

/// Writes the matrix as one HTML file, in light or dark as the reader's system is.
///
/// The page loads nothing: its policy allows only its own styles and the script that filters by words, without which all else
/// works; captured text is escaped. With the option `kept` each cell links to its run.
///
/// # Errors
///
/// When writing fails.
pub fn render_matrix_html(
    matrix: &Matrix,
    options: &MatrixOptions,
    out: &mut impl Write,
) -> io::Result<()> {
    let title = matrix.title();
    write_head(&title, &[STYLE, MATRIX_STYLE], Some(FILTER), out)?;
    let class = matrix.verdict.name();
    writeln!(
        out,
        "<h1 class=\"verdict {class}\">{}</h1>",
        escaped(&title)
    )?;
    write_agents(matrix, out)?;
    write_filter(matrix, out)?;
    write_table(matrix, options.kept.as_deref(), out)?;
    if let Some(legend) = matrix.legend() {
        writeln!(out, "<p class=\"dim\">{}.</p>", escaped(&legend))?;
    }
    write_cells(matrix, options.kept.as_deref(), out)?;
    write_shared(matrix, out)?;
    write_rules_file(matrix, out)?;
    let own = matrix.scenarios.iter().flat_map(|row| &row.cells);
    let own = own.flat_map(|cell| &cell.findings);
    let shared = matrix.shared.iter().map(|one| &one.finding);
    write_rules(
        own.chain(shared).map(|one| one.rule.as_str()).collect(),
        out,
    )?;
    writeln!(out, "<script>{}</script>\n</body>\n</html>", FILTER.text)
}

fn write_agents(matrix: &Matrix, out: &mut impl Write) -> io::Result<()> {
    writeln!(out, "<table>")?;
    for (column, agent) in matrix.agents.iter().enumerate() {
        let role = match (column, matrix.agents.len()) {
            (_, 1) => "",
            (0, _) => " <span class=\"dim\">baseline</span>",
            _ => "",
        };
        writeln!(
            out,
            "<tr><th>{}{role}</th><td>{}</td></tr>",
            escaped(&agent.label()),
            agent.totals()
        )?;
    }
    writeln!(out, "</table>")
}

/// Buttons that leave one kind of rows, which the style alone does, and a field for words.
fn write_filter(matrix: &Matrix, out: &mut impl Write) -> io::Result<()> {
    let all = matrix.scenarios.len();
    write!(
        out,
        "<div class=\"filter\"><label><input type=\"radio\" name=\"show\" id=\"show-all\" checked> all {all}</label>"
    )?;
    for verdict in [
        CellVerdict::Fails,
        CellVerdict::Differs,
        CellVerdict::Gap,
        CellVerdict::NotApplicable,
        CellVerdict::Pass,
    ] {
        let rows = matrix.scenarios.iter();
        let rows = rows.filter(|row| row.cells.iter().any(|cell| cell.verdict == verdict));
        let (count, name) = (rows.count(), verdict.name());
        if count > 0 {
            let word = name.replace('-', " ");
            write!(
                out,
                "<label><input type=\"radio\" name=\"show\" id=\"show-{name}\"> <span class=\"{name}\">{word}</span> {count}</label>"
            )?;
        }
    }
    writeln!(
        out,
        "<input type=\"search\" id=\"words\" placeholder=\"Words\" aria-label=\"Words\" hidden></div>"
    )
}

/// What is not as expected, what is known, why a scenario does not apply, and how an agent differs in one scenario alone.
fn write_cells(matrix: &Matrix, kept: Option<&str>, out: &mut impl Write) -> io::Result<()> {
    let mut cells = matrix.scenarios.iter().flat_map(|row| &row.cells);
    if cells.any(is_told) {
        writeln!(out, "<h2>By cell</h2>")?;
    }
    for (number, row) in matrix.scenarios.iter().enumerate() {
        for (column, (cell, agent)) in row.cells.iter().zip(&matrix.agents).enumerate() {
            if !is_told(cell) {
                continue;
            }
            let verdict = cell.verdict.name();
            let reason = cell.reason.as_deref().map_or(String::new(), |reason| {
                format!("<p>{}</p>\n", sentence(reason))
            });
            write!(
                out,
                "<section id=\"c-{number}-{column}\" class=\"cell {}\" data-row=\"t-{number}\">\n\
                 <h3><a href=\"#t-{number}-{column}\">{} · {}</a> <span class=\"{verdict}\">{}</span>{}</h3>\n{reason}",
                has(cell.verdict),
                code(&row.name),
                escaped(&agent.name),
                verdict.replace('-', " "),
                files(cell, kept)
            )?;
            let first = cell.findings.len().min(MOST);
            let (first, rest) = cell.findings.split_at(first);
            write_list(first, out)?;
            if !rest.is_empty() {
                let more = rest.len();
                writeln!(out, "<details><summary>{more} more</summary>")?;
                write_list(rest, out)?;
                writeln!(out, "</details>")?;
            }
            write_shares(matrix, column, cell.shared_differences, out)?;
            writeln!(out, "</section>")?;
        }
    }
    Ok(())
}

fn write_list(findings: &[CellFinding], out: &mut impl Write) -> io::Result<()> {
    if findings.is_empty() {
        return Ok(());
    }
    writeln!(out, "<ul>")?;
    for finding in findings {
        writeln!(out, "<li>{}</li>", told(finding))?;
    }
    writeln!(out, "</ul>")
}

/// That a cell has differences which other scenarios show, too.
fn write_shares(
    matrix: &Matrix,
    column: usize,
    shares: Option<usize>,
    out: &mut impl Write,
) -> io::Result<()> {
    let has_list = matrix
        .agents
        .get(column)
        .is_some_and(|agent| !matrix.shared_of(agent).is_empty());
    match shares.filter(|count| *count > 0 && has_list) {
        Some(count) => writeln!(
            out,
            "<p class=\"dim\">And <a href=\"#s-{column}\">{} that other scenarios show, too</a>.</p>",
            plural(count, "difference")
        ),
        None => Ok(()),
    }
}

/// Rule and message.
fn told(finding: &CellFinding) -> String {
    let rule = match explain(&finding.rule) {
        Ok(rule) => format!("<a href=\"#r-{0}\"><code>{0}</code></a>", rule.name),
        Err(_) => code(&finding.rule),
    };
    let level = match finding.level {
        Level::Error => String::new(),
        level => format!("<span class=\"{0}\">{0}</span> ", level.name()),
    };
    format!("{level}{rule} {}", sentence(&finding.message))
}

/// Differences that several scenarios show, each once, with where it is shown.
fn write_shared(matrix: &Matrix, out: &mut impl Write) -> io::Result<()> {
    let rows = matrix.scenarios.iter().enumerate();
    let rows: HashMap<&str, usize> = rows.map(|(at, row)| (row.name.as_str(), at)).collect();
    for (column, agent) in matrix.agents.iter().enumerate() {
        let own = matrix.shared_of(agent);
        if own.is_empty() {
            continue;
        }
        write_heading(column, agent, own.len(), out)?;
        let mut section = None;
        for one in own {
            if let Some(of) = one.finding.section.filter(|of| section != Some(*of)) {
                writeln!(out, "<h3>{}</h3>", escaped(of.title()))?;
                section = Some(of);
            }
            writeln!(
                out,
                "<details class=\"shared\"><summary><span class=\"count\">{} ×</span> {}</summary>\n<p>{}</p></details>",
                one.scenarios,
                told(&one.finding),
                shown_by(one, column, &rows)
            )?;
        }
    }
    Ok(())
}

/// What the rules file does, and what in it does nothing.
fn write_rules_file(matrix: &Matrix, out: &mut impl Write) -> io::Result<()> {
    let accepted = matrix.accepted.iter().map(|one| sentence(&one.sentence()));
    let unused = matrix.unused_rules.iter();
    let unused = unused.map(|one| format!("{}: {}", code(&one.rule), sentence(&one.message)));
    let lines: Vec<String> = accepted.chain(unused).collect();
    if lines.is_empty() {
        return Ok(());
    }
    writeln!(out, "<h2>Rules file</h2>\n<ul>")?;
    for line in lines {
        writeln!(out, "<li>{line}</li>")?;
    }
    writeln!(out, "</ul>")
}

fn write_heading(
    column: usize,
    agent: &MatrixAgent,
    count: usize,
    out: &mut impl Write,
) -> io::Result<()> {
    writeln!(
        out,
        "<h2 id=\"s-{column}\">{} in several scenarios <span class=\"dim\">{}</span></h2>",
        escaped(&agent.name),
        plural(count, "difference")
    )
}

/// Links to the cells that show a difference.
fn shown_by(one: &SharedDifference, column: usize, rows: &HashMap<&str, usize>) -> String {
    let links = one.shown_by.iter().filter_map(|name| {
        let row = rows.get(name.as_str())?;
        Some(format!("<a href=\"#t-{row}-{column}\">{}</a>", code(name)))
    });
    let links: Vec<String> = links.collect();
    links.join(", ")
}
