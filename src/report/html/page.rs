//! The page: head, sections of findings, what was not checked, alignment, rules.

use std::io::{self, Write};

use super::head::{STYLE, write_head};
use super::parts::{code, escaped, finding_html, folded, sentence, table};
use super::rules::write_rules;
use crate::report::finding_text::accepted;
use crate::report::headline::{about, is_comparison, title};
use crate::report::section::by_section;
use crate::report::text::plural;
use crate::report::{Finding, Level, Report};

/// Writes the report as one HTML file without scripts, in light or dark as the reader's system is.
///
/// The page loads nothing and runs nothing: its policy allows only its own style, and captured text is escaped.
/// `outline` has a line for each exchange, of a capture that is compared with nothing.
///
/// # Errors
///
/// When writing fails.
pub fn render_html(report: &Report, outline: Option<&str>, out: &mut impl Write) -> io::Result<()> {
    write_head(&title(report), &[STYLE], None, out)?;
    write_about(report, out)?;
    let open = report.findings.iter().filter(|f| f.accepted.is_none());
    let (notes, serious): (Vec<&Finding>, Vec<&Finding>) =
        open.partition(|finding| finding.level == Level::Note);
    for (section, findings) in by_section(&serious) {
        writeln!(
            out,
            "<h2>{} <span class=\"dim\">{}</span></h2>",
            section.title(),
            findings.len()
        )?;
        for finding in findings {
            out.write_all(finding_html(finding, &section.label(finding)).as_bytes())?;
        }
    }
    write_list("Notes", "never fail a run", &notes, out)?;
    let accepted = accepted(&report.findings);
    write_list("Accepted", "by the rules file", &accepted, out)?;
    write_rest(report, outline, out)?;
    write_rules(
        report.findings.iter().map(|f| f.rule.as_str()).collect(),
        out,
    )?;
    out.write_all(b"</body>\n</html>\n")
}

/// The verdict, and what it is about.
fn write_about(report: &Report, out: &mut impl Write) -> io::Result<()> {
    let title = escaped(&title(report));
    let class = report.verdict.name();
    writeln!(out, "<h1 class=\"verdict {class}\">{title}</h1>")?;
    let inputs = report.inputs.iter().map(|input| {
        let text = format!("{} {}", code(&input.path), escaped(&about(input)));
        (input.role.name(), text)
    });
    let mut rows: Vec<(&str, String)> = inputs.collect();
    if is_comparison(report) {
        rows.push(("alignment", matches(report)));
    }
    out.write_all(table(&rows).as_bytes())
}

fn matches(report: &Report) -> String {
    let counts = &report.summary.exchanges;
    let mut text = format!("{} matched", plural(counts.matched, "exchange"));
    for (count, side) in [
        (counts.baseline_only, "baseline"),
        (counts.candidate_only, "candidate"),
    ] {
        if count > 0 {
            text.push_str(&format!(", {count} in the {side} only"));
        }
    }
    text
}

fn write_list(
    heading: &str,
    about: &str,
    findings: &[&Finding],
    out: &mut impl Write,
) -> io::Result<()> {
    if findings.is_empty() {
        return Ok(());
    }
    let count = findings.len();
    writeln!(
        out,
        "<h2>{heading} <span class=\"dim\">{count}, {about}</span></h2>"
    )?;
    let items: String = findings
        .iter()
        .map(|finding| finding_html(finding, finding.pointer.as_str()))
        .collect();
    out.write_all(folded(&plural(count, "finding"), &items).as_bytes())
}

/// What is not a finding.
fn write_rest(report: &Report, outline: Option<&str>, out: &mut impl Write) -> io::Result<()> {
    let not_checked = report.not_checked.iter();
    let not_checked = not_checked.map(|one| (one.rules.join(", "), one.reason.as_str()));
    let unused = report.unused_rules.iter();
    let unused = unused.map(|rule| (rule.rule.clone(), rule.message.as_str()));
    write_facts("Not checked", "because", not_checked.collect(), out)?;
    write_facts(
        "Rules file",
        "tables that did nothing or have expired",
        unused.collect(),
        out,
    )?;
    if let Some(outline) = outline.filter(|outline| !outline.is_empty()) {
        let lines: String = outline
            .lines()
            .map(|line| format!("<span>{}</span>", escaped(line)))
            .collect();
        writeln!(out, "<h2>Exchanges</h2>")?;
        let summary = plural(outline.lines().count(), "exchange");
        out.write_all(folded(&summary, &format!("<pre>{lines}</pre>\n")).as_bytes())?;
    } else if is_comparison(report) {
        writeln!(out, "<h2>Exchanges</h2>")?;
        let summary = plural(report.alignment.len(), "row");
        out.write_all(folded(&summary, &alignment(report)).as_bytes())?;
    }
    Ok(())
}

fn write_facts(
    heading: &str,
    about: &str,
    facts: Vec<(String, &str)>,
    out: &mut impl Write,
) -> io::Result<()> {
    if facts.is_empty() {
        return Ok(());
    }
    writeln!(
        out,
        "<h2>{heading} <span class=\"dim\">{about}</span></h2>\n<table>"
    )?;
    for (name, text) in facts {
        writeln!(
            out,
            "<tr><td>{}</td><td>{}</td></tr>",
            code(&name),
            sentence(text)
        )?;
    }
    writeln!(out, "</table>")
}

fn alignment(report: &Report) -> String {
    let number = |n: Option<usize>| n.map_or("–".to_owned(), |n| format!("#{n}"));
    let rows = report.alignment.iter().map(|row| {
        format!(
            "<tr><td>{}</td><td>{}</td><td>{}</td><td>{}</td></tr>\n",
            number(row.baseline),
            number(row.candidate),
            escaped(&row.kind),
            row.changes
        )
    });
    format!(
        "<table>\n<tr><th>baseline</th><th>candidate</th><th>for</th><th>differences</th></tr>\n{}</table>\n",
        rows.collect::<String>()
    )
}
