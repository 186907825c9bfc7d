//! The matrix for a person.

use std::collections::BTreeMap;
use std::io::{self, Write};

use crate::report::text::Style;
use crate::report::visible;

use super::closer::closer;
use super::lines::lines;
use super::{Cell, CellVerdict, Matrix, MatrixOptions};

/// Findings of one cell that are shown unless all are wanted.
const MOST: usize = 20;

/// Writes the table, then what is behind each cell that did not pass, then differences that several scenarios show.
///
/// # Errors
///
/// Whatever writing reports.
pub fn render_matrix_text(
    matrix: &Matrix,
    options: &MatrixOptions,
    out: &mut impl Write,
) -> io::Result<()> {
    let text = Text { matrix, options };
    text.table(out)?;
    text.cells(out)?;
    text.left_out(out)?;
    text.shared(out)?;
    text.rules(out)?;
    text.totals(out)
}

struct Text<'m> {
    matrix: &'m Matrix,
    options: &'m MatrixOptions,
}

impl Text<'_> {
    fn table(&self, out: &mut impl Write) -> io::Result<()> {
        let rows = &self.matrix.scenarios;
        let first = rows.iter().map(|row| width(&row.name)).max().unwrap_or(0);
        let agents = self.matrix.agents.iter().enumerate();
        let widths = agents.map(|(column, agent)| {
            let cells = rows.iter().filter_map(|row| row.cells.get(column));
            let longest = cells.map(|cell| width(&cell.word())).max().unwrap_or(0);
            longest.max(width(&agent.name))
        });
        let widths: Vec<usize> = widths.collect();
        let names = self.matrix.agents.iter();
        let names = names.map(|agent| (visible(&agent.name).into_owned(), Style::Bold));
        self.line("", first, names.collect(), &widths, out)?;
        for row in rows {
            let words = row.cells.iter().map(|cell| (cell.word(), style(cell)));
            self.line(&visible(&row.name), first, words.collect(), &widths, out)?;
        }
        if let Some(legend) = self.matrix.legend() {
            writeln!(out, "\n{}", visible(&legend))?;
        }
        Ok(())
    }

    fn line(
        &self,
        name: &str,
        first: usize,
        words: Vec<(String, Style)>,
        widths: &[usize],
        out: &mut impl Write,
    ) -> io::Result<()> {
        write!(out, "{name:first$}")?;
        let last = words.len().saturating_sub(1);
        for (at, ((word, style), width)) in words.iter().zip(widths).enumerate() {
            let room = match at == last {
                true => 0,
                false => width.saturating_sub(word.chars().count()),
            };
            let word = style.applied(self.options.has_color, word);
            write!(out, "  {word}{:room$}", "")?;
        }
        writeln!(out)
    }

    fn cells(&self, out: &mut impl Write) -> io::Result<()> {
        let mut is_first = true;
        for (number, row) in self.matrix.scenarios.iter().enumerate() {
            for (column, (cell, agent)) in row.cells.iter().zip(&self.matrix.agents).enumerate() {
                if !is_told(cell) {
                    continue;
                }
                if std::mem::take(&mut is_first) {
                    writeln!(out)?;
                }
                let verdict = style(cell).applied(self.options.has_color, cell.verdict.name());
                let (name, agent) = (visible(&row.name), visible(&agent.name));
                write!(out, "{name} · {agent}: {verdict}")?;
                match &cell.reason {
                    Some(reason) => writeln!(out, ", {}", visible(reason))?,
                    None => writeln!(out)?,
                }
                let most = self.most(MOST);
                for finding in cell.findings.iter().take(most) {
                    writeln!(out, "  {}: {}", finding.rule, visible(&finding.message))?;
                }
                left_out(cell.findings.len(), most, out)?;
                self.closer(number, column, out)?;
            }
        }
        Ok(())
    }

    /// The command that looks closer.
    fn closer(&self, row: usize, column: usize, out: &mut impl Write) -> io::Result<()> {
        let kept = self.options.kept.as_ref();
        match kept.and_then(|kept| closer(self.matrix, row, column, kept)) {
            Some(command) => writeln!(out, "  → {}", visible(&command)),
            None => Ok(()),
        }
    }

    /// What agents have no such thing of, by the reason, where others were asked.
    fn left_out(&self, out: &mut impl Write) -> io::Result<()> {
        for (column, agent) in self.matrix.agents.iter().enumerate() {
            let mut rows: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
            for row in &self.matrix.scenarios {
                let is_asked = |cell: &Cell| cell.verdict != CellVerdict::NotApplicable;
                let cell = row.cells.get(column).filter(|cell| !is_asked(cell));
                if let Some(reason) = cell.and_then(|cell| cell.reason.as_deref())
                    && (self.options.is_verbose || row.cells.iter().any(is_asked))
                {
                    rows.entry(reason).or_default().push(&row.name);
                }
            }
            if rows.is_empty() {
                continue;
            }
            writeln!(out, "\n{} is not asked:", visible(&agent.name))?;
            for (reason, names) in rows {
                writeln!(out, "  {}: {}", visible(reason), visible(&names.join(", ")))?;
            }
        }
        Ok(())
    }

    fn shared(&self, out: &mut impl Write) -> io::Result<()> {
        for (column, agent) in self.matrix.agents.iter().enumerate() {
            let own = self.matrix.shared_of(agent);
            let Some(most) = own.iter().max_by_key(|one| one.scenarios) else {
                continue;
            };
            writeln!(out, "\n{} in several scenarios:", visible(&agent.name))?;
            let mut section = None;
            for line in lines(&own) {
                if let Some(of) = line.section.filter(|of| section != Some(*of)) {
                    writeln!(out, "  {}", of.title())?;
                    section = Some(of);
                }
                writeln!(out, "  {:>3} × {}", line.scenarios, visible(&line.text))?;
            }
            let mut rows = self.matrix.scenarios.iter();
            if let Some(row) = rows.position(|row| most.shown_by.contains(&row.name)) {
                self.closer(row, column, out)?;
            }
        }
        Ok(())
    }

    /// What the rules file does, and what in it does nothing.
    fn rules(&self, out: &mut impl Write) -> io::Result<()> {
        let (accepted, unused) = (&self.matrix.accepted, &self.matrix.unused_rules);
        if accepted.is_empty() && unused.is_empty() {
            return Ok(());
        }
        writeln!(out, "\nRules:")?;
        for one in accepted {
            writeln!(out, "  {}", visible(&one.sentence()))?;
            let messages = one.messages.iter().filter(|_| self.options.is_verbose);
            for message in messages {
                writeln!(out, "    {}", visible(message))?;
            }
        }
        for one in unused {
            writeln!(out, "  {}: {}", visible(&one.rule), visible(&one.message))?;
        }
        Ok(())
    }

    fn most(&self, most: usize) -> usize {
        match self.options.is_verbose {
            true => usize::MAX,
            false => most,
        }
    }

    fn totals(&self, out: &mut impl Write) -> io::Result<()> {
        writeln!(out)?;
        for agent in &self.matrix.agents {
            writeln!(out, "{}: {}", visible(&agent.label()), agent.totals())?;
        }
        Ok(())
    }
}

fn is_told(cell: &Cell) -> bool {
    match cell.verdict {
        CellVerdict::Fails | CellVerdict::Gap => true,
        CellVerdict::Differs => !cell.findings.is_empty(),
        CellVerdict::NotApplicable | CellVerdict::Pass => false,
    }
}

fn width(text: &str) -> usize {
    visible(text).chars().count()
}

/// How a cell looks; its word says the same.
fn style(cell: &Cell) -> Style {
    match cell.verdict {
        CellVerdict::Pass => Style::Green,
        CellVerdict::Differs => Style::Yellow,
        CellVerdict::Fails => Style::Red,
        CellVerdict::Gap | CellVerdict::NotApplicable => Style::Dim,
    }
}

fn left_out(count: usize, most: usize, out: &mut impl Write) -> io::Result<()> {
    match count.checked_sub(most) {
        Some(left @ 1..) => writeln!(out, "  … {left} more (--verbose shows them)"),
        _ => Ok(()),
    }
}
