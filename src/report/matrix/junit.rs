//! The matrix as JUnit XML.

use std::io::{self, Write};

use quick_xml::Writer;
use quick_xml::events::{BytesDecl, BytesEnd, BytesStart, Event};

use crate::report::junit::{element, text, write_text};

use super::{Cell, CellVerdict, Matrix, MatrixRow};

/// Writes the matrix as JUnit XML: a test suite for each agent, a test case for each scenario.
///
/// A cell that fails or differs is a failure, one that does not apply is skipped; what an agent is known to do instead is output
/// of its case.
///
/// # Errors
///
/// When writing fails.
pub fn render_matrix_junit(matrix: &Matrix, out: &mut impl Write) -> io::Result<()> {
    let mut xml = Writer::new_with_indent(out, b' ', 2);
    xml.write_event(Event::Decl(BytesDecl::new("1.0", Some("UTF-8"), None)))?;
    let all = matrix.scenarios.iter().flat_map(|row| &row.cells);
    let mut root = element("testsuites", &[("name", "trace-diff run")]);
    put_totals(&mut root, all, false);
    xml.write_event(Event::Start(root))?;
    for (column, agent) in matrix.agents.iter().enumerate() {
        let rows = || {
            let rows = matrix.scenarios.iter();
            rows.filter_map(move |row| Some((row, row.cells.get(column)?)))
        };
        let name = text(&agent.name);
        let mut suite = element("testsuite", &[("name", &name)]);
        put_totals(&mut suite, rows().map(|(_, cell)| cell), true);
        xml.write_event(Event::Start(suite))?;
        for (row, cell) in rows() {
            write_case(&mut xml, row, cell, &name)?;
        }
        xml.write_event(Event::End(BytesEnd::new("testsuite")))?;
    }
    xml.write_event(Event::End(BytesEnd::new("testsuites")))?;
    xml.into_inner().write_all(b"\n")
}

fn put_totals<'c>(
    element: &mut BytesStart<'_>,
    cells: impl Iterator<Item = &'c Cell> + Clone,
    has_skipped: bool,
) {
    let count = |is: fn(CellVerdict) -> bool| {
        let matching = cells.clone().filter(|cell| is(cell.verdict));
        matching.count().to_string()
    };
    element.push_attribute(("tests", count(|_| true).as_str()));
    element.push_attribute(("failures", count(is_failure).as_str()));
    element.push_attribute(("errors", "0"));
    if has_skipped {
        let skipped = count(|verdict| verdict == CellVerdict::NotApplicable);
        element.push_attribute(("skipped", skipped.as_str()));
    }
}

fn is_failure(verdict: CellVerdict) -> bool {
    matches!(verdict, CellVerdict::Fails | CellVerdict::Differs)
}

fn write_case<W: Write>(
    xml: &mut Writer<W>,
    row: &MatrixRow,
    cell: &Cell,
    agent: &str,
) -> io::Result<()> {
    let attributes = [
        ("name", text(&row.name)),
        ("classname", agent.replace('.', "_")),
        ("time", "0".to_owned()),
    ];
    let attributes = attributes
        .each_ref()
        .map(|(key, value)| (*key, value.as_str()));
    let start = element("testcase", &attributes);
    if cell.verdict == CellVerdict::Pass {
        return xml.write_event(Event::Empty(start));
    }
    xml.write_event(Event::Start(start))?;
    let reason = cell.reason.as_deref().unwrap_or_default();
    match cell.verdict {
        CellVerdict::NotApplicable => {
            let skipped = element("skipped", &[("message", &text(reason))]);
            xml.write_event(Event::Empty(skipped))?;
        }
        verdict if is_failure(verdict) => {
            let message = text(&headline(cell));
            let failure = element(
                "failure",
                &[("message", &message), ("type", verdict.name())],
            );
            write_text(xml, failure, &lines(cell))?;
        }
        _ => write_text(
            xml,
            BytesStart::new("system-out"),
            &text(&format!("known gap: {reason}")),
        )?,
    }
    xml.write_event(Event::End(BytesEnd::new("testcase")))
}

fn headline(cell: &Cell) -> String {
    match (cell.findings.first(), cell.shared_differences) {
        (Some(first), _) => format!("{}: {}", first.rule, first.message),
        (None, Some(count)) => format!("{count} differences that other scenarios show, too"),
        (None, None) => cell.verdict.name().to_owned(),
    }
}

fn lines(cell: &Cell) -> String {
    let findings = cell.findings.iter();
    findings
        .map(|one| format!("{}\n", text(&format!("{}: {}", one.rule, one.message))))
        .collect()
}
