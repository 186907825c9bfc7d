//! The page: head, sections of findings, what was not checked, alignment, rules.

use std::io::{self, Write};

use super::parts::{code, escaped, finding_html, folded, sentence, table};
use crate::report::finding_text::accepted;
use crate::report::headline::{about, is_comparison, title};
use crate::report::section::by_section;
use crate::report::text::plural;
use crate::report::{Finding, Level, Report, explain};

/// The only style; its digest stands in the page's policy.
const STYLE: &str = include_str!("page.css");

/// SHA-256 of [`STYLE`] in base64, by which the page's policy allows it and nothing else.
const STYLE_DIGEST: &str = "nU244GwfUySXmm6IrLZuTBhryDfLO3uQNXHn7r1LwTY=";

/// Writes the report as one HTML file without scripts, in light or dark as the reader's system is.
///
/// The page loads nothing and runs nothing: its policy allows only its own style, and captured text is escaped.
/// `outline` has a line for each exchange, of a capture that is compared with nothing.
///
/// # Errors
///
/// When writing fails.
pub fn render_html(report: &Report, outline: Option<&str>, out: &mut impl Write) -> io::Result<()> {
    write_head(report, out)?;
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
    write_rules(report, out)?;
    out.write_all(b"</body>\n</html>\n")
}

fn write_head(report: &Report, out: &mut impl Write) -> io::Result<()> {
    let title = escaped(&title(report));
    writeln!(
        out,
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'sha256-{STYLE_DIGEST}'; \
         base-uri 'none'; form-action 'none'\">\n\
         <meta name=\"referrer\" content=\"no-referrer\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>trace-diff: {title}</title>\n<style>{STYLE}</style>\n</head>\n<body>"
    )?;
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

/// What the rules mean that the findings name.
fn write_rules(report: &Report, out: &mut impl Write) -> io::Result<()> {
    let mut names: Vec<&str> = report.findings.iter().map(|f| f.rule.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    let known: Vec<_> = names
        .into_iter()
        .filter_map(|name| explain(name).ok())
        .collect();
    if known.is_empty() {
        return Ok(());
    }
    writeln!(out, "<h2>What the rules mean</h2>")?;
    for rule in known {
        writeln!(
            out,
            "<h3 id=\"r-{name}\"><code>{name}</code> <span class=\"dim\">{level}</span></h3>\n<p>{means}</p>\n\
             <p><span class=\"dim\">Why it matters:</span> {matters}</p>\n\
             <p><span class=\"dim\">Where the expectation comes from:</span> {expectation}</p>\n\
             <p class=\"dim\">To accept it, say so in trace-diff.toml:</p>\n<pre>{accept}</pre>",
            name = rule.name,
            level = rule.level.name(),
            means = escaped(rule.means),
            matters = escaped(rule.matters),
            expectation = escaped(rule.expectation),
            accept = rule
                .accept_table()
                .lines()
                .map(|line| format!("<span>{}</span>", escaped(line)))
                .collect::<String>(),
        )?;
    }
    Ok(())
}
