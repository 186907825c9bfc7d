//! The page: head, sections, notes, verdict.

use std::io::{self, Write};

use crate::report::headline::{about, counts, is_comparison, verdict};
use crate::report::{ExchangePair, Finding, Level, Report, Verdict};

use super::alignment;
use super::entry::{Entry, Sign};
use super::escape::visible;
use super::join::entries;
use super::marks::{self, Marks};
use super::style::Style;
use super::words::plural;
use super::wrap::{shortened, visible_width, wrapped};
use crate::report::section::{Section, by_section};

/// How the text is laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TextOptions {
    /// Whether to use ANSI colours; meaning never depends on them.
    pub has_color: bool,
    /// Columns to wrap at.
    pub width: usize,
    /// Show every line of detail and what was accepted.
    pub is_verbose: bool,
}

impl Default for TextOptions {
    fn default() -> Self {
        Self {
            has_color: false,
            width: 100,
            is_verbose: false,
        }
    }
}

/// Writes a report as text.
///
/// # Errors
///
/// Whatever writing to `out` gives.
pub fn render_text(report: &Report, options: &TextOptions, out: &mut impl Write) -> io::Result<()> {
    let mut page = Page {
        out,
        options: *options,
        marks: Marks::new(report),
    };
    page.head(report)?;
    let open = report.findings.iter().filter(|f| f.accepted.is_none());
    let (notes, serious): (Vec<&Finding>, Vec<&Finding>) =
        open.partition(|finding| finding.level == Level::Note);
    for (section, findings) in by_section(&serious) {
        let entries = entries(section, &findings, &page.marks, options.is_verbose);
        page.section(section, &entries)?;
    }
    page.notes(&notes)?;
    page.rules(report)?;
    page.verdict(report)
}

struct Page<'o, W: Write> {
    out: &'o mut W,
    options: TextOptions,
    marks: Marks,
}

/// What an entry is said to be about, as far as its section's heading does not say it.
struct EntryMark<'m> {
    exchanges: Option<&'m str>,
    is_warning: bool,
}

impl<W: Write> Page<'_, W> {
    fn styled(&self, style: Style, text: &str) -> String {
        style.applied(self.options.has_color, text)
    }

    fn head(&mut self, report: &Report) -> io::Result<()> {
        const INDENT: &str = "           ";
        for input in &report.inputs {
            let (path, about) = (visible(&input.path), about(input));
            let role = self.styled(Style::Bold, &format!("{:<9}", input.role.name()));
            // A path may be long; what is said of it stays together.
            let needed = INDENT.len() + visible_width(&path) + 1 + visible_width(&about);
            if needed <= self.options.width {
                writeln!(self.out, "{role}  {path} {about}")?;
            } else {
                writeln!(self.out, "{role}  {path}\n{INDENT}{about}")?;
            }
        }
        if !is_comparison(report) {
            return Ok(());
        }
        let counts = &report.summary.exchanges;
        let mut line = format!("{} matched", plural(counts.matched, "exchange"));
        for (count, side) in [
            (counts.baseline_only, "baseline"),
            (counts.candidate_only, "candidate"),
        ] {
            if count > 0 {
                line.push_str(&format!(", {count} in the {side} only"));
            }
        }
        writeln!(self.out, "{INDENT}{}", self.styled(Style::Dim, &line))?;
        if self.options.is_verbose {
            for line in alignment::table(report) {
                writeln!(self.out, "{INDENT}{}", self.styled(Style::Dim, &line))?;
            }
        } else if let Some(picture) = alignment::picture(report) {
            self.wrapped(INDENT, &picture, INDENT)?;
        }
        Ok(())
    }

    fn section(&mut self, section: Section, entries: &[Entry]) -> io::Result<()> {
        let marks: Vec<Option<String>> = entries
            .iter()
            .map(|entry| self.marks.of(&entry.exchanges))
            .collect();
        let common = marks::common(&marks);
        let all_warn = entries.len() > 1 && entries.iter().all(|entry| entry.is_warning);
        let mut heading = self.styled(Style::Bold, section.title());
        if let Some(mark) = common {
            heading.push_str(&format!("  [{mark}]"));
        }
        if all_warn {
            heading.push_str("  (warnings)");
        }
        writeln!(self.out, "\n{heading}")?;
        let mut subject = None;
        for (entry, mark) in entries.iter().zip(&marks) {
            let indent = if entry.subject.is_some() { 4 } else { 2 };
            if let Some(new) = entry.subject.as_ref().filter(|new| subject != Some(*new)) {
                self.wrapped("  ", &visible(&new.to_string()), "    ")?;
            }
            subject = entry.subject.as_ref();
            let exchanges = match (mark.as_deref(), common) {
                (mark, Some(common)) if mark == Some(common) => None,
                (None, Some(_)) => Some("all"),
                (mark, _) => mark,
            };
            let mark = EntryMark {
                exchanges,
                is_warning: entry.is_warning && !all_warn,
            };
            self.entry(entry, indent, &mark)?;
        }
        Ok(())
    }

    fn entry(&mut self, entry: &Entry, indent: usize, mark: &EntryMark<'_>) -> io::Result<()> {
        let style = match entry.sign {
            Sign::Missing => Style::Red,
            Sign::Added => Style::Green,
            Sign::Changed => Style::Yellow,
        };
        let mut text = entry.text.clone();
        if let Some(exchanges) = mark.exchanges {
            text.push_str(&format!(" [{exchanges}]"));
        }
        if mark.is_warning {
            text.push_str(" (warning)");
        }
        let sign = self.styled(style, entry.sign.text());
        let rest = " ".repeat(indent + 2);
        self.wrapped(&format!("{:indent$}{sign} ", ""), &text, &rest)?;
        self.detail(&entry.detail, indent + 4)
    }

    /// Lines below an entry: a few, each on one row, unless all are asked for.
    fn detail(&mut self, lines: &[String], indent: usize) -> io::Result<()> {
        const SHOWN: usize = 4;
        let is_verbose = self.options.is_verbose;
        let shown = match lines.len() {
            n if is_verbose || n <= SHOWN + 1 => n,
            _ => SHOWN,
        };
        let (before, rest) = (" ".repeat(indent), " ".repeat(indent + 2));
        for line in &lines[..shown] {
            let style = match line.chars().next() {
                Some('-') => Style::Red,
                Some('+') => Style::Green,
                _ => Style::Dim,
            };
            if is_verbose {
                let line = self.styled(style, line);
                self.wrapped(&before, &line, &rest)?;
            } else {
                let room = self.options.width.saturating_sub(indent);
                let line = self.styled(style, &shortened(line, room));
                writeln!(self.out, "{before}{line}")?;
            }
        }
        if shown < lines.len() {
            let more = plural(lines.len() - shown, "more line");
            let more = self.styled(Style::Dim, &format!("… {more} (--verbose shows them)"));
            writeln!(self.out, "{before}{more}")?;
        }
        Ok(())
    }

    fn notes(&mut self, notes: &[&Finding]) -> io::Result<()> {
        if notes.is_empty() {
            return Ok(());
        }
        let heading = self.styled(Style::Bold, "Notes (never fail a run)");
        writeln!(self.out, "\n{heading}")?;
        for (section, findings) in by_section(notes) {
            let mut lines: Vec<(String, Vec<ExchangePair>)> = Vec::new();
            for entry in entries(section, &findings, &self.marks, false) {
                let sign = match entry.sign {
                    Sign::Changed => String::new(),
                    sign => format!("{} ", sign.text()),
                };
                let subject = entry.subject.map_or(String::new(), |s| format!("{s}: "));
                let line = format!("{}{sign}{}", visible(&subject), entry.text);
                match lines.iter_mut().find(|(other, _)| *other == line) {
                    Some((_, exchanges)) => exchanges.extend(entry.exchanges),
                    None => lines.push((line, entry.exchanges)),
                }
            }
            // Of the notes of a section a few are enough; most are about what background calls report.
            const SHOWN: usize = 4;
            let shown = match lines.len() {
                n if self.options.is_verbose || n <= SHOWN + 1 => n,
                _ => SHOWN,
            };
            let left = lines.split_off(shown).len();
            for (line, exchanges) in lines {
                let mark = self.marks.of(&exchanges);
                let mark = mark.map_or(String::new(), |mark| format!(" [{mark}]"));
                let text = format!("{}: {line}{mark}", section.title());
                self.wrapped("  · ", &text, "    ")?;
            }
            if left > 0 {
                let more = plural(left, "more note");
                let text = format!("{}: {more} (--verbose shows them)", section.title());
                self.wrapped("  · ", &text, "    ")?;
            }
        }
        Ok(())
    }

    fn rules(&mut self, report: &Report) -> io::Result<()> {
        let accepted: Vec<&Finding> = report
            .findings
            .iter()
            .filter(|f| f.accepted.is_some())
            .collect();
        if !accepted.is_empty() && self.options.is_verbose {
            writeln!(self.out, "\n{}", self.styled(Style::Bold, "Accepted"))?;
            for finding in accepted {
                let Some(rule) = &finding.accepted else {
                    continue;
                };
                let text = format!(
                    "{} {}: {} ({})",
                    finding.rule, finding.pointer, rule.reason, rule.rule
                );
                self.wrapped("  · ", &visible(&text), "    ")?;
            }
        }
        if !report.unused_rules.is_empty() {
            writeln!(self.out, "\n{}", self.styled(Style::Bold, "Rules"))?;
            for rule in &report.unused_rules {
                let text = format!(
                    "{}: {} rule {:?}: {}",
                    rule.rule, rule.kind, rule.state, rule.message
                );
                self.wrapped("  · ", &visible(&text.to_lowercase()), "    ")?;
            }
        }
        self.not_checked(report)
    }

    fn not_checked(&mut self, report: &Report) -> io::Result<()> {
        if !report.not_checked.is_empty() {
            writeln!(self.out, "\n{}", self.styled(Style::Bold, "Not checked"))?;
        }
        for one in &report.not_checked {
            let text = format!(
                "{}: not checked, because {}",
                one.rules.join(", "),
                one.reason
            );
            self.wrapped("  · ", &visible(&text), "    ")?;
        }
        Ok(())
    }

    fn verdict(&mut self, report: &Report) -> io::Result<()> {
        let counts = counts(report);
        let Some(word) = verdict(report) else {
            return writeln!(self.out, "\n{counts}");
        };
        let style = match report.verdict {
            Verdict::Clean => Style::Green,
            Verdict::Findings => Style::Red,
        };
        writeln!(self.out, "\n{}: {counts}", self.styled(style, word))
    }

    /// Writes a text after `first`, its further lines after `rest`.
    fn wrapped(&mut self, first: &str, text: &str, rest: &str) -> io::Result<()> {
        let lines = wrapped(self.options.width, first, text, rest);
        self.out.write_all(lines.as_bytes())
    }
}
