//! The page: head, sections, notes, verdict.

use std::io::{self, Write};

use crate::report::{ExchangePair, Finding, Input, Level, Report, Verdict};

use super::entry::{Entry, Sign, entries};
use super::escape::visible;
use super::section::Section;

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
        matched: model_exchanges(report),
    };
    page.head(report)?;
    let open = |finding: &&Finding| finding.accepted.is_none();
    let serious: Vec<&Finding> = report
        .findings
        .iter()
        .filter(open)
        .filter(|f| f.level != Level::Note)
        .collect();
    let notes: Vec<&Finding> = report
        .findings
        .iter()
        .filter(open)
        .filter(|f| f.level == Level::Note)
        .collect();
    let mut sections: Vec<Section> = serious.iter().map(|f| Section::of(f)).collect();
    sections.sort();
    sections.dedup();
    for section in sections {
        let findings: Vec<&Finding> = serious
            .iter()
            .copied()
            .filter(|f| Section::of(f) == section)
            .collect();
        page.section(section, &entries(section, &findings))?;
    }
    page.notes(&notes)?;
    page.rules(report)?;
    page.verdict(report)
}

/// How many pairs of requests to the model there are: what is in all of them needs no list of exchanges.
fn model_exchanges(report: &Report) -> usize {
    let is_model = |kind: &str| matches!(kind, "turn" | "retry" | "compaction" | "prewarm");
    let both = report
        .alignment
        .iter()
        .filter(|row| row.baseline.is_some() && row.candidate.is_some());
    both.filter(|row| is_model(&row.kind)).count()
}

struct Page<'o, W: Write> {
    out: &'o mut W,
    options: TextOptions,
    matched: usize,
}

#[derive(Clone, Copy)]
enum Style {
    Bold,
    Dim,
    Red,
    Green,
    Yellow,
}

impl<W: Write> Page<'_, W> {
    fn styled(&self, style: Style, text: &str) -> String {
        if !self.options.has_color {
            return text.to_owned();
        }
        let code = match style {
            Style::Bold => 1,
            Style::Dim => 2,
            Style::Red => 31,
            Style::Green => 32,
            Style::Yellow => 33,
        };
        format!("\u{1b}[{code}m{text}\u{1b}[0m")
    }

    fn head(&mut self, report: &Report) -> io::Result<()> {
        for input in &report.inputs {
            let about = input_line(input);
            let role = self.styled(Style::Bold, &format!("{:<9}", input.role.name()));
            writeln!(self.out, "{role}  {about}")?;
        }
        if report.inputs.len() == 1 {
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
        writeln!(self.out, "           {}", self.styled(Style::Dim, &line))
    }

    fn section(&mut self, section: Section, entries: &[Entry]) -> io::Result<()> {
        writeln!(self.out, "\n{}", self.styled(Style::Bold, section.title()))?;
        let mut subject = None;
        for entry in entries {
            let indent = if entry.subject.is_some() { 4 } else { 2 };
            if entry.subject.is_some() && entry.subject != subject {
                self.wrapped("  ", entry.subject.as_deref().unwrap_or_default(), "    ")?;
            }
            subject.clone_from(&entry.subject);
            self.entry(entry, indent)?;
        }
        Ok(())
    }

    fn entry(&mut self, entry: &Entry, indent: usize) -> io::Result<()> {
        let style = match entry.sign {
            Sign::Missing => Style::Red,
            Sign::Added => Style::Green,
            Sign::Changed => Style::Yellow,
        };
        let mut text = entry.text.clone();
        if let Some(place) = self.place(&entry.exchanges) {
            text.push_str(&format!("  [{place}]"));
        }
        if entry.is_warning {
            text.push_str("  (warning)");
        }
        let sign = self.styled(style, entry.sign.text());
        self.wrapped(
            &format!("{:indent$}{sign} ", ""),
            &text,
            &" ".repeat(indent + 2),
        )?;
        const SHOWN: usize = 8;
        let shown = if self.options.is_verbose {
            entry.detail.len()
        } else {
            SHOWN
        };
        for line in entry.detail.iter().take(shown) {
            let style = match line.chars().next() {
                Some('-') => Style::Red,
                Some('+') => Style::Green,
                _ => Style::Dim,
            };
            let line = self.styled(style, line);
            self.wrapped(&" ".repeat(indent + 4), &line, &" ".repeat(indent + 6))?;
        }
        if entry.detail.len() > shown {
            let more = format!(
                "… {} (--verbose shows them)",
                plural(entry.detail.len() - shown, "more line")
            );
            writeln!(
                self.out,
                "{:width$}{}",
                "",
                self.styled(Style::Dim, &more),
                width = indent + 4
            )?;
        }
        Ok(())
    }

    /// Which exchanges, unless it is all of them.
    fn place(&self, exchanges: &[ExchangePair]) -> Option<String> {
        if exchanges.len() >= self.matched.max(1) || exchanges[0] == ExchangePair::default() {
            return None;
        }
        let first = number(exchanges[0]);
        match exchanges {
            [_] => Some(first),
            [_, second] => Some(format!("{first} {}", number(*second))),
            _ => Some(format!(
                "{} from {first}",
                plural(exchanges.len(), "exchange")
            )),
        }
    }

    fn notes(&mut self, notes: &[&Finding]) -> io::Result<()> {
        if notes.is_empty() {
            return Ok(());
        }
        writeln!(
            self.out,
            "\n{}",
            self.styled(Style::Bold, "Notes (never fail a run)")
        )?;
        for note in notes {
            let mut exchanges = vec![note.exchange];
            exchanges.extend(&note.recurs);
            let place = self
                .place(&exchanges)
                .map_or(String::new(), |place| format!("  [{place}]"));
            let at = if note.pointer.is_root() {
                String::new()
            } else {
                format!("{}: ", note.pointer)
            };
            let text = format!("{at}{}{place}", note.message);
            self.wrapped("  · ", &visible(&text), "    ")?;
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
        Ok(())
    }

    fn verdict(&mut self, report: &Report) -> io::Result<()> {
        let counts = &report.summary.findings;
        let mut parts = vec![
            plural(counts.error, "error"),
            plural(counts.warning, "warning"),
        ];
        if counts.note > 0 {
            parts.push(plural(counts.note, "note"));
        }
        if counts.accepted > 0 {
            parts.push(format!("{} accepted by rules", counts.accepted));
        }
        if report.inputs.len() == 1 {
            return writeln!(self.out, "\n{}", parts.join(", "));
        }
        let (word, style) = match report.verdict {
            Verdict::Clean if counts.accepted > 0 => {
                ("No difference that is not accepted", Style::Green)
            }
            Verdict::Clean => ("No difference", Style::Green),
            Verdict::Findings => ("The captures differ", Style::Red),
        };
        writeln!(
            self.out,
            "\n{}: {}",
            self.styled(style, word),
            parts.join(", ")
        )
    }

    /// Writes a text after `first`, its further lines after `rest`.
    fn wrapped(&mut self, first: &str, text: &str, rest: &str) -> io::Result<()> {
        let mut line = first.to_owned();
        let mut column = visible_width(first);
        let mut is_start = true;
        for word in text.split(' ') {
            let width = visible_width(word);
            if !is_start && column + 1 + width > self.options.width {
                writeln!(self.out, "{}", line.trim_end())?;
                line = rest.to_owned();
                column = rest.len();
            } else if !is_start {
                line.push(' ');
                column += 1;
            }
            line.push_str(word);
            column += width;
            is_start = false;
        }
        writeln!(self.out, "{}", line.trim_end())
    }
}

/// Characters that take room: colour codes do not.
fn visible_width(text: &str) -> usize {
    let mut width = 0;
    let mut is_code = false;
    for c in text.chars() {
        match c {
            '\u{1b}' => is_code = true,
            'm' if is_code => is_code = false,
            _ if !is_code => width += 1,
            _ => {}
        }
    }
    width
}

fn input_line(input: &Input) -> String {
    let mut line = format!(
        "{}  ({}, {})",
        input.path,
        input.kind,
        plural(input.exchanges, "exchange")
    );
    if input.problems > 0 {
        line.push_str(&format!(
            ", {} in reading",
            plural(input.problems, "problem")
        ));
    }
    visible(&line).into_owned()
}

/// `#3` where both sides have the same number, else `#3→#4`.
fn number(pair: ExchangePair) -> String {
    match (pair.baseline, pair.candidate) {
        (Some(a), Some(b)) if a != b => format!("#{a}→#{b}"),
        (Some(n), _) | (None, Some(n)) => format!("#{n}"),
        (None, None) => String::new(),
    }
}

fn plural(count: usize, word: &str) -> String {
    if count == 1 {
        format!("1 {word}")
    } else {
        format!("{count} {word}s")
    }
}
