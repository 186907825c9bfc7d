//! The page: verdict, inputs, table of findings, folded details.

use std::io::{self, Write};

use super::escape::{block, code, prose};
use crate::report::finding_text::{accepted, difference, exchanges, place, ranked, untold_subject};
use crate::report::headline::{about, title};
use crate::report::section::{Section, by_section};
use crate::report::text::plural;
use crate::report::{Finding, Level, Report, Verdict};

/// How a report is written as Markdown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MarkdownOptions<'o> {
    /// Most bytes of the page.
    pub limit: usize,
    /// A line for each exchange, of a capture that is compared with nothing.
    pub outline: Option<&'o str>,
}

impl Default for MarkdownOptions<'_> {
    /// GitHub's limit of a step summary, 1 MiB, and no outline.
    fn default() -> Self {
        Self {
            limit: 1 << 20,
            outline: None,
        }
    }
}

/// Writes a report as GitHub-flavoured Markdown: the verdict, a table of findings, and folded details.
///
/// Captured text is shown as code or escaped, so that it can't become markup, a link, a mention or a reference. A page
/// over the limit leaves out details first, then findings, and ends with a note of what was left out.
///
/// # Errors
///
/// When writing fails.
pub fn render_markdown(
    report: &Report,
    options: &MarkdownOptions<'_>,
    out: &mut impl Write,
) -> io::Result<()> {
    let mut page = Page {
        text: String::new(),
        limit: options.limit.saturating_sub(NOTE_BYTES),
        rows_cut: 0,
        details_cut: 0,
        others_cut: 0,
    };
    page.head(report);
    page.findings(report);
    page.others(report);
    page.details(report);
    page.outline(options.outline);
    page.note();
    out.write_all(page.text.as_bytes())
}

/// Room for the note of what was left out.
const NOTE_BYTES: usize = 512;

struct Page {
    text: String,
    limit: usize,
    /// Findings without a row.
    rows_cut: usize,
    /// Findings without details.
    details_cut: usize,
    /// Lists and outlines left out.
    others_cut: usize,
}

impl Page {
    /// Takes a piece if it fits, with `reserve` bytes more for what closes it.
    fn push(&mut self, piece: &str, reserve: usize) -> bool {
        let fits = self.text.len() + piece.len() + reserve <= self.limit;
        if fits {
            self.text.push_str(piece);
        }
        fits
    }

    fn head(&mut self, report: &Report) {
        let mark = match report.verdict {
            Verdict::Clean => "✅",
            Verdict::Findings => "❌",
        };
        let mut text = format!("## {mark} trace-diff: {}\n\n", title(report));
        for input in &report.inputs {
            text.push_str(&format!(
                "* {} {} {}\n",
                input.role.name(),
                code(&input.path),
                prose(&about(input))
            ));
        }
        text.push('\n');
        self.push(&text, 0);
    }

    /// The findings that no rule accepts: errors and warnings in a table, notes in a folded one.
    fn findings(&mut self, report: &Report) {
        let open = ranked(&report.findings);
        let notes_from = open.partition_point(|finding| finding.level != Level::Note);
        let (serious, notes) = open.split_at(notes_from);
        if !serious.is_empty() {
            self.table(serious, "| level | rule | where | what |\n", row);
            self.push("\n", 0);
        }
        self.folded(
            &plural(notes.len(), "note"),
            notes,
            "| level | rule | where | what |\n",
            row,
        );
        let accepted = accepted(&report.findings);
        let summary = format!("{} accepted by rules", accepted.len());
        let head = "| rule | where | what | accepted by |\n";
        self.folded(&summary, &accepted, head, accepted_row);
    }

    fn table(&mut self, findings: &[&Finding], head: &str, row: fn(&Finding) -> String) {
        const CLOSING: usize = 64;
        let columns = head.matches('|').count() - 1;
        let line = format!("{}|\n", "| --- ".repeat(columns));
        if !self.push(&format!("{head}{line}"), CLOSING) {
            self.rows_cut += findings.len();
            return;
        }
        for (at, finding) in findings.iter().enumerate() {
            if !self.push(&row(finding), CLOSING) {
                self.rows_cut += findings.len() - at;
                return;
            }
        }
    }

    fn folded(
        &mut self,
        summary: &str,
        findings: &[&Finding],
        head: &str,
        row: fn(&Finding) -> String,
    ) {
        if findings.is_empty() {
            return;
        }
        let opening = format!("<details><summary>{summary}</summary>\n\n");
        if !self.push(&opening, CLOSING_DETAILS.len() + 64) {
            self.rows_cut += findings.len();
            return;
        }
        self.table(findings, head, row);
        self.text.push_str(CLOSING_DETAILS);
    }

    /// What is not a finding: rules that were not checked, rules of the rules file that did nothing.
    fn others(&mut self, report: &Report) {
        let not_checked = report.not_checked.iter().map(|one| {
            let rules: Vec<String> = one.rules.iter().map(|rule| code(rule)).collect();
            format!(
                "* {}: not checked, because {}\n",
                rules.join(", "),
                prose(&one.reason)
            )
        });
        self.list("Not checked", not_checked.collect());
        let unused = report.unused_rules.iter();
        let unused =
            unused.map(|rule| format!("* {}: {}\n", code(&rule.rule), prose(&rule.message)));
        self.list("Rules that did nothing", unused.collect());
    }

    fn list(&mut self, title: &str, lines: Vec<String>) {
        if lines.is_empty() {
            return;
        }
        let text = format!(
            "<details><summary>{title} ({})</summary>\n\n{}{CLOSING_DETAILS}",
            lines.len(),
            lines.concat()
        );
        if !self.push(&text, 0) {
            self.others_cut += 1;
        }
    }

    /// Errors and warnings with their values, by part of the report as in its text form.
    fn details(&mut self, report: &Report) {
        let open = report.findings.iter().filter(|f| f.accepted.is_none());
        let serious: Vec<&Finding> = open.filter(|f| f.level != Level::Note).collect();
        for (section, findings) in by_section(&serious) {
            self.section(section, &findings);
        }
    }

    fn section(&mut self, section: Section, findings: &[&Finding]) {
        let details: Vec<String> = findings.iter().filter_map(|one| detail(one)).collect();
        let Some(first) = details.first() else {
            return;
        };
        let opening = format!(
            "<details><summary>{}: more about {}</summary>\n\n",
            section.title(),
            plural(details.len(), "finding")
        );
        let mut left = details.len();
        if self.push(&opening, first.len() + CLOSING_DETAILS.len()) {
            for text in &details {
                if !self.push(text, CLOSING_DETAILS.len()) {
                    break;
                }
                left -= 1;
            }
            self.text.push_str(CLOSING_DETAILS);
        }
        self.details_cut += left;
    }

    fn outline(&mut self, outline: Option<&str>) {
        let Some(outline) = outline.filter(|outline| !outline.is_empty()) else {
            return;
        };
        let lines: Vec<String> = outline.lines().map(str::to_owned).collect();
        let text = format!(
            "<details><summary>{}</summary>\n\n{}{CLOSING_DETAILS}",
            plural(lines.len(), "exchange"),
            block("text", &lines)
        );
        if !self.push(&text, 0) {
            self.others_cut += 1;
        }
    }

    fn note(&mut self) {
        let cut = [
            (self.rows_cut, "findings without a row"),
            (self.details_cut, "findings without details"),
            (self.others_cut, "lists or outlines"),
        ];
        let parts = cut.iter().filter(|(count, _)| *count > 0);
        let parts: Vec<String> = parts
            .map(|(count, what)| format!("{count} {what}"))
            .collect();
        if !parts.is_empty() {
            self.text.push_str(&format!(
                "\n**Left out, as the page would be too large:** {}. `--report html=PATH` writes all.\n",
                parts.join(", ")
            ));
        }
    }
}

/// Ends what is folded; the empty line before it ends a table or list.
const CLOSING_DETAILS: &str = "\n</details>\n\n";

fn row(finding: &Finding) -> String {
    let mark = match finding.level {
        Level::Error => "❌",
        Level::Warning => "⚠️",
        Level::Note => "ℹ️",
    };
    format!(
        "| {mark} {} | `{}` | {} | {} |\n",
        finding.level.name(),
        finding.rule,
        location(finding),
        what(finding)
    )
}

fn accepted_row(finding: &Finding) -> String {
    let by = finding.accepted.as_ref().map_or(String::new(), |accepted| {
        format!("{}: {}", code(&accepted.rule), prose(&accepted.reason))
    });
    format!(
        "| `{}` | {} | {} | {by} |\n",
        finding.rule,
        location(finding),
        what(finding)
    )
}

/// Exchanges and pointer.
fn location(finding: &Finding) -> String {
    let parts = [exchanges(finding), finding.pointer.as_str().to_owned()];
    let parts = parts.iter().filter(|part| !part.is_empty());
    let parts: Vec<String> = parts.map(|part| code(part)).collect();
    parts.join(" ")
}

/// Subject and message.
fn what(finding: &Finding) -> String {
    let message = prose(&finding.message);
    match untold_subject(finding) {
        Some(subject) => format!("{}: {message}", code(&subject)),
        None => message,
    }
}

/// A finding with what its row does not say; `None` when that says all.
fn detail(finding: &Finding) -> Option<String> {
    let lines = difference(finding);
    let is_told = |line: &String| {
        let value = line.get(2..).unwrap_or_default();
        finding.message.contains(value)
    };
    if finding.also.is_empty() && lines.iter().all(is_told) {
        return None;
    }
    let file = finding.place.as_ref().map(place);
    let file = file.map_or(String::new(), |file| format!(" ({})", code(&file)));
    let mut text = format!(
        "**`{}`** {}{file}: {}\n\n",
        finding.rule,
        location(finding),
        what(finding)
    );
    if !finding.also.is_empty() {
        let also: Vec<String> = finding.also.iter().map(|p| code(p.as_str())).collect();
        text.push_str(&format!("Also at {}\n\n", also.join(", ")));
    }
    if !lines.is_empty() {
        text.push_str(&block("diff", &lines));
        text.push('\n');
    }
    Some(text)
}
