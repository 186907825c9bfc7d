//! What happened in a session, as text: a head, then turn by turn.

use std::io::{self, Write};
use std::thread::ScopedJoinHandle;

use crate::outline::{
    End, EndKind, History, HistoryItem, Input, Outline, Position, Problem, Resume, Step, Thread,
    Turn, What,
};

use super::escape::visible;
use super::fold::{Part, fold, in_short};
use super::layout::TextOptions;
use super::step::{Row, Rows, context_row, is_context};
use super::style::Style;
use super::words::{bytes, duration, moment, plural, time_of_day, tokens};
use super::wrap::{visible_width, wrapped};

/// Columns of the words that lines of the head begin with.
const HEAD: usize = 9;

/// Problems that are shown, unless all are asked for.
const PROBLEMS: usize = 40;

/// Turns of a long thread that are made into text together, and how many such parts at a time.
const PART: usize = 512;
const PARTS: usize = 4;

/// Columns before the text of a step.
const STEP: usize = 19;

/// Writes an outline as text for a person.
///
/// # Errors
///
/// Whatever writing to `out` gives.
pub fn render_session_text(
    outline: &Outline,
    options: &TextOptions,
    out: &mut impl Write,
) -> io::Result<()> {
    let mut page = Page {
        out,
        options: *options,
    };
    page.input(&outline.input)?;
    page.others(outline)?;
    if let Some(history) = &outline.history {
        page.history(history)?;
        return page.problems(&outline.problems);
    }
    for thread in &outline.threads {
        page.thread(thread, outline)?;
    }
    page.problems(&outline.problems)?;
    if let Some(resume) = &outline.resume {
        page.resume(resume)?;
    }
    Ok(())
}

/// Some turns of a thread, apart from the others.
fn turns_text(turns: &[Turn], options: TextOptions) -> io::Result<Vec<u8>> {
    let mut out = Vec::new();
    let mut page = Page {
        out: &mut out,
        options,
    };
    turns.iter().try_for_each(|turn| page.turn(turn))?;
    Ok(out)
}

struct Page<'o, W: Write> {
    out: &'o mut W,
    options: TextOptions,
}

impl<W: Write> Page<'_, W> {
    fn styled(&self, style: Style, text: &str) -> String {
        style.applied(self.options.has_color, text)
    }

    /// A line of the head: a word, then what it stands for.
    fn fact(&mut self, word: &str, text: &str) -> io::Result<()> {
        let space = if word.len() < HEAD { "" } else { " " };
        let word = self.styled(Style::Bold, &format!("{word:<HEAD$}{space}"));
        let lines = wrapped(self.options.width, &word, &visible(text), &" ".repeat(HEAD));
        self.out.write_all(lines.as_bytes())
    }

    fn input(&mut self, input: &Input) -> io::Result<()> {
        let mut about = vec![input.kind.replace('-', " ")];
        about.extend(input.records.map(|n| plural(n as usize, "record")));
        about.extend(input.exchanges.map(|n| plural(n, "exchange")));
        about.extend(input.bytes.map(bytes));
        if input.tail == Some("truncated") {
            about.push("ends inside a record".to_owned());
        }
        self.fact("file", &input.path)?;
        self.fact("", &about.join(", "))
    }

    fn others(&mut self, outline: &Outline) -> io::Result<()> {
        const SHOWN: usize = 8;
        if outline.others.is_empty() {
            return Ok(());
        }
        let others = outline.others.iter().take(SHOWN).map(|other| {
            let status = other.status.map_or(String::new(), |s| format!(" {s}"));
            format!("#{} {}{status}", other.exchange, other.request)
        });
        let mut text = others.collect::<Vec<_>>().join(", ");
        if outline.others.len() > SHOWN {
            text.push_str(&format!(" and {} more", outline.others.len() - SHOWN));
        }
        self.fact("also", &text)
    }

    fn thread(&mut self, thread: &Thread, outline: &Outline) -> io::Result<()> {
        writeln!(self.out)?;
        let is_sub_agent = thread.parent.is_some();
        let word = if is_sub_agent { "subagent" } else { "thread" };
        let id = thread.id.as_deref().unwrap_or("(no id)");
        match &thread.name {
            Some(name) => self.fact(word, &format!("{id}, {name}"))?,
            None => self.fact(word, id)?,
        }
        for line in thread_facts(thread, outline) {
            self.fact("", &line)?;
        }
        self.steps(&thread.before, false)?;
        self.turns(&thread.turns)
    }

    /// Turn after turn; of a long thread several parts are made at a time.
    fn turns(&mut self, turns: &[Turn]) -> io::Result<()> {
        if turns.len() <= PART {
            return turns.iter().try_for_each(|turn| self.turn(turn));
        }
        for parts in turns.chunks(PART * PARTS) {
            let options = self.options;
            let made = std::thread::scope(|scope| {
                let make = |part| move || turns_text(part, options);
                let parts: Vec<_> = parts.chunks(PART).collect();
                let threads: Vec<_> = parts
                    .into_iter()
                    .map(|part| scope.spawn(make(part)))
                    .collect();
                let join = |thread: ScopedJoinHandle<'_, _>| match thread.join() {
                    Ok(text) => text,
                    Err(panic) => std::panic::resume_unwind(panic),
                };
                threads
                    .into_iter()
                    .map(join)
                    .collect::<io::Result<Vec<_>>>()
            })?;
            for text in made {
                self.out.write_all(&text)?;
            }
        }
        Ok(())
    }

    fn turn(&mut self, turn: &Turn) -> io::Result<()> {
        let mut parts = Vec::new();
        parts.extend(turn.started.as_ref().map(time_of_day));
        parts.extend(turn.duration_ms.map(|ms| format!("took {}", duration(ms))));
        parts.extend(
            turn.usage
                .map(|usage| format!("{} tokens", tokens(usage.total))),
        );
        parts.extend(context_left(turn));
        parts.push(end_word(&turn.end).to_owned());
        if turn.is_rolled_back {
            parts.push("rolled back later".to_owned());
        }
        if turn.inherited_from.is_some() {
            parts.push("inherited".to_owned());
        }
        let word = format!("turn {}", turn.number);
        writeln!(self.out)?;
        self.fact(&word, &parts.join(" · "))?;
        self.steps(&turn.steps, turn.is_rolled_back)?;
        match turn.steps.last().map(|step| &step.what) {
            Some(What::Error {
                is_terminal: true, ..
            }) => Ok(()),
            _ => self.end(&turn.end),
        }
    }

    fn steps(&mut self, steps: &[Step], is_faint: bool) -> io::Result<()> {
        if self.options.is_verbose {
            return self.told(steps, is_faint);
        }
        for part in fold(steps) {
            match part {
                Part::Told(steps) => self.told(steps, is_faint)?,
                Part::Folded(steps) => {
                    self.row("", &Row::new("…", &in_short(steps), Style::Dim, 2))?;
                }
            }
        }
        Ok(())
    }

    fn told(&mut self, steps: &[Step], is_faint: bool) -> io::Result<()> {
        let is_full = self.options.is_verbose;
        for group in steps.chunk_by(|a, b| !is_full && is_context(a) && is_context(b)) {
            let mut rows = match group {
                [_, _, ..] => vec![context_row(group)],
                _ => Rows::of(&group[0], &self.options).rows,
            };
            if is_faint {
                rows.iter_mut().for_each(|row| row.style = Style::Dim);
            }
            let place = place(&group[0].at);
            for (number, row) in rows.iter().enumerate() {
                self.row(if number == 0 { &place } else { "" }, row)?;
            }
        }
        Ok(())
    }

    /// A row of a step: where, what, and its text in as many lines as it may have.
    fn row(&mut self, place: &str, row: &Row) -> io::Result<()> {
        const LABEL: usize = 10;
        let place = self.styled(Style::Dim, &format!("{place:>6}"));
        let label = self.styled(row.style, &format!("{:<LABEL$}", row.label));
        let room = self.options.width.saturating_sub(STEP).max(20);
        let mut line = format!("{place} {label} ");
        for (number, text) in row.lines(room).iter().enumerate() {
            if number > 0 {
                line.clear();
            }
            let missing = STEP.saturating_sub(visible_width(&line));
            line.extend(std::iter::repeat_n(' ', missing));
            line.push_str(&self.styled(row.text_style, text));
            writeln!(self.out, "{}", line.trim_end())?;
        }
        Ok(())
    }

    fn end(&mut self, end: &End) -> io::Result<()> {
        let code = end
            .code
            .as_ref()
            .map_or(String::new(), |code| format!(" ({code})"));
        let message = end.message.as_ref().map_or("", |message| &message.text);
        let text = match end.kind {
            EndKind::Completed if message.is_empty() => return Ok(()),
            EndKind::Open if message.is_empty() => {
                "nothing says how the turn ended: the agent was killed, or is still at it"
                    .to_owned()
            }
            EndKind::Unanswered if message.is_empty() => {
                "no answer is recorded: the turn failed, or there was nothing to answer".to_owned()
            }
            _ if message.is_empty() && code.is_empty() => return Ok(()),
            _ => format!("{message}{code}"),
        };
        self.row("", &Row::new(end_word(end), &text, Style::Red, 4))
    }

    fn problems(&mut self, problems: &[Problem]) -> io::Result<()> {
        if problems.is_empty() {
            return Ok(());
        }
        let title = plural(problems.len(), "problem");
        writeln!(self.out, "\n{}", self.styled(Style::Bold, &title))?;
        let shown = match problems.len() {
            count if self.options.is_verbose || count <= PROBLEMS + 1 => count,
            _ => PROBLEMS,
        };
        for problem in &problems[..shown] {
            let path = problem
                .path
                .as_ref()
                .map_or(String::new(), |path| format!("{path}: "));
            let text = visible(&format!("{path}{}", problem.message)).into_owned();
            let kind = self.styled(Style::Red, &problem.kind);
            let lines = wrapped(self.options.width, &format!("  {kind}  "), &text, "    ");
            self.out.write_all(lines.as_bytes())?;
            for lost in &problem.lost {
                self.wrapped("    → ", lost, "      ")?;
            }
        }
        if shown < problems.len() {
            let more = plural(problems.len() - shown, "more problem");
            self.wrapped("  ", &format!("… {more} (--full shows them)"), "    ")?;
        }
        Ok(())
    }

    fn resume(&mut self, resume: &Resume) -> io::Result<()> {
        writeln!(
            self.out,
            "\n{}",
            self.styled(Style::Bold, "If it were resumed now")
        )?;
        for sentence in &resume.sentences {
            self.wrapped("  · ", sentence, "    ")?;
        }
        Ok(())
    }

    /// Writes a text after `first`, its further lines after `rest`, escaped.
    fn wrapped(&mut self, first: &str, text: &str, rest: &str) -> io::Result<()> {
        let lines = wrapped(self.options.width, first, &visible(text), rest);
        self.out.write_all(lines.as_bytes())
    }

    fn history(&mut self, history: &History) -> io::Result<()> {
        let at = match &history.at {
            Position::Record { index, .. } => format!("as of record {index}"),
            Position::Exchange { index, .. } => format!("sent with exchange {index}"),
            Position::Pointer(pointer) => format!("as of {pointer}"),
        };
        let reader = match history.reader {
            "wire" => String::new(),
            reader => format!(", as {reader} reads it"),
        };
        writeln!(self.out)?;
        let count = plural(history.items.len(), "item");
        self.fact("history", &format!("{at}{reader}: {count}"))?;
        if let Some(refusal) = &history.refusal {
            self.fact("", &format!("it refuses the file: {refusal}"))?;
        }
        let mut file = None;
        for item in &history.items {
            if item.path != file {
                let name = item.path.as_deref().map_or("this file", file_name);
                self.fact("", &format!("from {name}:"))?;
                file.clone_from(&item.path);
            }
            let from = item.at.as_ref().map_or("made up".to_owned(), origin);
            let what = history_label(item);
            let label = self.styled(Style::Plain, &format!("{what:<10}"));
            let number = self.styled(Style::Dim, &format!("{:>4}", item.number));
            let from = self.styled(Style::Dim, &format!("{from:>7}"));
            let first = format!("{number} {from}  {label} ");
            let cut = if item.text.is_cut { "…" } else { "" };
            let name = item
                .name
                .as_ref()
                .map_or(String::new(), |name| format!("{name} "));
            let text = format!("{name}{}{cut}", item.text.text);
            let room = self
                .options
                .width
                .saturating_sub(visible_width(&first))
                .max(20);
            let most = if self.options.is_verbose {
                usize::MAX
            } else {
                2
            };
            let row = Row {
                most_lines: most,
                ..Row::new("", &text, Style::Plain, most)
            };
            let rest = " ".repeat(visible_width(&first));
            for (number, line) in row.lines(room).iter().enumerate() {
                let before = if number == 0 { &first } else { &rest };
                writeln!(self.out, "{}", format!("{before}{line}").trim_end())?;
            }
        }
        Ok(())
    }
}

/// What an item of a history is, in a word.
fn history_label(item: &HistoryItem) -> &str {
    match (&item.role, item.item_type.as_str()) {
        (Some(role), _) => role,
        (None, kind) if kind.ends_with("_output") => "output",
        (None, kind) if kind.ends_with("_call") => "call",
        (None, kind) => kind,
    }
}

fn file_name(path: &str) -> &str {
    path.rsplit(['/', '\\']).next().unwrap_or(path)
}

/// Where an item of a history comes from.
fn origin(at: &Position) -> String {
    match at {
        Position::Record { index, .. } => format!("rec {index}"),
        _ => place(at),
    }
}

/// Where a step stands, in a few characters.
fn place(at: &Position) -> String {
    match at {
        Position::Record { index, .. } => index.to_string(),
        Position::Exchange { index, .. } => format!("#{index}"),
        Position::Pointer(_) => String::new(),
    }
}

/// What is known of a thread, line by line.
fn thread_facts(thread: &Thread, outline: &Outline) -> Vec<String> {
    let mut lines = Vec::new();
    if let Some(parent) = &thread.parent {
        lines.push(format!("of {parent}"));
    }
    let agent: Vec<&str> = [&thread.originator, &thread.agent_version]
        .into_iter()
        .filter_map(|fact| fact.as_deref())
        .collect();
    let mut about = Vec::new();
    if !agent.is_empty() {
        about.push(agent.join(" "));
    }
    match (&thread.model, &thread.provider) {
        (Some(model), Some(provider)) => about.push(format!("{model} from {provider}")),
        (Some(fact), None) => about.push(fact.clone()),
        (None, Some(fact)) => about.push(format!("provider {fact}")),
        (None, None) => {}
    }
    about.extend(
        thread
            .source
            .as_ref()
            .map(|source| format!("started by {source}")),
    );
    if !about.is_empty() {
        lines.push(about.join(", "));
    }
    lines.extend(thread.cwd.as_ref().map(|cwd| format!("in {cwd}")));
    let mut about: Vec<String> = thread.started.iter().map(moment).collect();
    about.push(plural(thread.turns.len(), "turn"));
    about.extend(thread.usage.map(|usage| {
        let cached = match usage.cached_input {
            0 => String::new(),
            cached => format!(" ({} cached)", tokens(cached)),
        };
        format!(
            "{} tokens: {} in{cached}, {} out",
            tokens(usage.total),
            tokens(usage.input),
            tokens(usage.output)
        )
    }));
    lines.push(about.join(", "));
    if let Some(forked) = &thread.forked_from {
        lines.push(format!("forked from {forked}"));
    }
    if let Some(base) = &thread.history_base {
        let end = base
            .end_ordinal
            .map_or(String::new(), |end| format!(" before ordinal {end}"));
        let name = base.path.as_deref().map(file_name);
        let name = name.unwrap_or(&base.thread_id);
        lines.push(format!("goes on from {name}{end}"));
    }
    let children: Vec<&str> = outline
        .threads
        .iter()
        .filter(|child| thread.id.is_some() && child.parent == thread.id)
        .filter_map(|child| child.id.as_deref())
        .collect();
    if !children.is_empty() {
        lines.push(format!("sub-agents: {}", children.join(", ")));
    }
    lines
}

fn context_left(turn: &Turn) -> Option<String> {
    let (left, window) = (turn.context_left()?, turn.context_window?);
    let percent = (left * 100).checked_div(window)?;
    Some(format!("{percent}% of context left"))
}

fn end_word(end: &End) -> &'static str {
    match end.kind {
        EndKind::Open => "unfinished",
        kind => kind.name(),
    }
}

/// Whether an outline tells of something that went wrong in reading.
pub fn has_problems(outline: &Outline) -> bool {
    let is_damage = |what: &What| matches!(what, What::Damage { .. });
    !outline.problems.is_empty()
        || outline.threads.iter().any(|thread| {
            let steps = thread.turns.iter().flat_map(|turn| &turn.steps);
            steps
                .chain(&thread.before)
                .any(|step| is_damage(&step.what))
        })
}
