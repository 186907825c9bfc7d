//! The table of the page: a row for each scenario, a column for each agent.

use std::io::{self, Write};

use crate::report::html::parts::{code, escaped};
use crate::report::matrix::{Cell, CellVerdict, Matrix, MatrixRow};

/// Writes the table; each cell links to what is told of it, and to its run below `kept`.
pub(super) fn write_table(
    matrix: &Matrix,
    kept: Option<&str>,
    out: &mut impl Write,
) -> io::Result<()> {
    let heads = matrix.agents.iter().map(|agent| {
        let version = match &agent.version {
            Some(version) if !agent.name.contains(version.as_str()) => {
                let text = format!("{} {version}", agent.profile);
                format!(" <span class=\"dim\">{}</span>", escaped(&text))
            }
            _ => String::new(),
        };
        format!(
            "<th scope=\"col\"><span class=\"word\">{}</span>{version}</th>",
            escaped(&agent.name)
        )
    });
    writeln!(
        out,
        "<div class=\"matrix\" tabindex=\"0\">\n<table>\n<thead><tr><th scope=\"col\">scenario</th>{}</tr></thead>\n<tbody>",
        heads.collect::<String>()
    )?;
    for (number, row) in matrix.scenarios.iter().enumerate() {
        write_row(matrix, number, row, kept, out)?;
    }
    out.write_all(b"</tbody>\n</table>\n</div>\n")
}

fn write_row(
    matrix: &Matrix,
    number: usize,
    row: &MatrixRow,
    kept: Option<&str>,
    out: &mut impl Write,
) -> io::Result<()> {
    let classes = row.cells.iter().map(|cell| has(cell.verdict));
    let mut classes: Vec<String> = classes.collect();
    classes.sort();
    classes.dedup();
    let title = row.title.as_deref().map_or(String::new(), |title| {
        format!("<span class=\"dim\">{}</span>", escaped(title))
    });
    write!(
        out,
        "<tr id=\"t-{number}\" class=\"{}\"><th scope=\"row\">{}{title}</th>",
        classes.join(" "),
        code(&row.name)
    )?;
    for (column, cell) in row.cells.iter().enumerate() {
        let verdict = cell.verdict.name();
        let word = format!("<span class=\"word {verdict}\">{}</span>", cell.word());
        let word = match target(matrix, number, column, cell) {
            Some(target) => format!("<a class=\"{verdict}\" href=\"#{target}\">{word}</a>"),
            None => word,
        };
        let files = files(cell, kept);
        write!(out, "<td id=\"t-{number}-{column}\">{word}{files}</td>")?;
    }
    writeln!(out, "</tr>")
}

/// The class of rows and sections with such a cell.
pub(super) fn has(verdict: CellVerdict) -> String {
    format!("has-{}", verdict.name())
}

/// The id of what is told of a cell, if anything is: of a cell that has only differences that others have, too, their list.
fn target(matrix: &Matrix, row: usize, column: usize, cell: &Cell) -> Option<String> {
    if is_told(cell) {
        return Some(format!("c-{row}-{column}"));
    }
    let agent = matrix.agents.get(column)?;
    let shares = cell.shared_differences.is_some_and(|count| count > 0);
    (shares && !matrix.shared_of(agent).is_empty()).then(|| format!("s-{column}"))
}

/// Whether the page has a section about a cell.
pub(super) fn is_told(cell: &Cell) -> bool {
    !cell.findings.is_empty() || cell.reason.is_some()
}

/// Links to what a run left, if it was kept. Names of folders are made of characters that stand for themselves in a URL.
pub(super) fn files(cell: &Cell, kept: Option<&str>) -> String {
    let Some((kept, folder)) = kept.zip(cell.folder.as_deref()) else {
        return String::new();
    };
    let link = escaped(&format!("{kept}/{folder}/"));
    format!(
        " <span class=\"files\"><a href=\"{link}capture.jsonl\">capture</a> <a href=\"{link}\">files</a></span>"
    )
}
