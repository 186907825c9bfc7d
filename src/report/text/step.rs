//! One step in a few rows.

use crate::json::{Kind, Raw};
use crate::outline::{Call, Compaction, Output, Step, Text, What};

use super::escape::visible;
use super::layout::TextOptions;
use super::style::Style;
use super::words::{bytes, duration, plural, tokens};
use super::wrap::shortened;

/// A word and what it stands for.
#[derive(Debug, Clone)]
pub(super) struct Row {
    pub(super) label: String,
    pub(super) text: String,
    pub(super) style: Style,
    pub(super) text_style: Style,
    /// Lines that the text may take; with [`usize::MAX`] its own line breaks are kept.
    pub(super) most_lines: usize,
}

impl Row {
    pub(super) fn new(label: &str, text: &str, style: Style, most_lines: usize) -> Self {
        Self {
            label: visible(label).into_owned(),
            text: text.to_owned(),
            style,
            text_style: if style == Style::Dim {
                Style::Dim
            } else {
                Style::Plain
            },
            most_lines,
        }
    }

    /// The text in lines of at most `width` columns, escaped.
    pub(super) fn lines(&self, width: usize) -> Vec<String> {
        if self.most_lines == usize::MAX {
            let own = self.text.lines().map(|line| visible(line).into_owned());
            let lines: Vec<String> = own.flat_map(|line| broken(&line, width)).collect();
            return if lines.is_empty() {
                vec![String::new()]
            } else {
                lines
            };
        }
        let text = visible(self.text.trim()).into_owned();
        let text = shortened(
            &text,
            width.saturating_mul(self.most_lines).saturating_sub(4),
        );
        let mut lines = broken(&text, width);
        if lines.len() > self.most_lines {
            lines.truncate(self.most_lines);
            if let Some(last) = lines.last_mut() {
                *last = format!("{}…", shortened(last, width - 1).trim_end_matches('…'));
            }
        }
        lines
    }
}

/// Words that are longer are broken where a line ends instead of going to a line of their own.
const LONGEST_WORD: usize = 24;

/// A text in lines of at most `width` columns.
fn broken(text: &str, width: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = String::new();
    let mut column = 0;
    // An indentation is kept, unless it leaves no room.
    let indent = text.len() - text.trim_start_matches(' ').len();
    if indent < width / 2 {
        line.push_str(&text[..indent]);
        column = indent;
    }
    for word in text[indent..].split(' ') {
        let mut rest: Vec<char> = word.chars().collect();
        let is_first = line.trim_start().is_empty();
        if !is_first && column + 1 + rest.len() > width && rest.len() <= LONGEST_WORD {
            lines.push(std::mem::take(&mut line));
            column = 0;
        } else if !is_first && column < width {
            line.push(' ');
            column += 1;
        }
        while column + rest.len() > width {
            let tail = rest.split_off(width.saturating_sub(column));
            line.extend(rest);
            lines.push(std::mem::take(&mut line));
            (rest, column) = (tail, 0);
        }
        column += rest.len();
        line.extend(rest);
    }
    lines.push(line);
    for line in &mut lines {
        line.truncate(line.trim_end().len());
    }
    lines
}

/// The rows of a step.
pub(super) struct Rows {
    pub(super) rows: Vec<Row>,
    is_full: bool,
}

impl Rows {
    pub(super) fn of(step: &Step, options: &TextOptions) -> Self {
        let mut rows = Self {
            rows: Vec::new(),
            is_full: options.is_verbose,
        };
        rows.take(&step.what);
        rows
    }

    fn take(&mut self, what: &What) {
        match what {
            What::User { text } => self.text("user", text, Style::Bold, 3),
            What::Assistant { phase, text } => {
                let label = match phase.as_deref() {
                    Some("commentary") => "comment",
                    _ => "assistant",
                };
                self.text(label, text, Style::Bold, 3);
            }
            What::Context { role, tags, text } => self.context(role, tags, text),
            What::Reasoning { text, is_encrypted } => {
                let hidden = if *is_encrypted {
                    "(encrypted)"
                } else {
                    "(empty)"
                };
                match text.is_empty() {
                    true => self.push("reasoning", hidden, Style::Dim, 1),
                    false => self.text("reasoning", text, Style::Dim, 2),
                }
            }
            What::Call(call) => self.call(call),
            What::Output(output) => {
                let id = output.call_id.as_deref().unwrap_or("without an id");
                let text = format!("of no call in this file ({id}): {}", shown(&output.text));
                self.push("output", &text, Style::Yellow, 2);
            }
            What::Retry {
                attempt,
                reason,
                delay_ms,
            } => {
                let after =
                    delay_ms.map_or(String::new(), |ms| format!("after {}: ", duration(ms)));
                let text = format!("{after}{}", shown(reason));
                self.push(&format!("retry {attempt}"), &text, Style::Yellow, 2);
            }
            What::Compaction(compaction) => self.compaction(compaction),
            What::Event { name, text } => self.text(name, text, Style::Dim, 2),
            What::Error {
                message,
                code,
                is_terminal,
            } => {
                let code = code
                    .as_ref()
                    .map_or(String::new(), |code| format!(" ({code})"));
                let label = if *is_terminal { "failed" } else { "error" };
                self.push(label, &format!("{}{code}", shown(message)), Style::Red, 3);
            }
            What::Unknown { what, name, raw } => {
                let text = format!("{what} `{name}`: {}", shown(raw));
                self.push("unknown", &text, Style::Yellow, 2);
            }
            What::Damage {
                problem,
                bytes: count,
            } => {
                let what = match count {
                    0 => "nothing can be read behind this place".to_owned(),
                    count => format!("{} can't be read", bytes(*count)),
                };
                let text = format!("{problem}: {what}");
                self.push("damage", &text, Style::Red, 2);
            }
        }
    }

    fn push(&mut self, label: &str, text: &str, style: Style, most_lines: usize) {
        let most = if self.is_full { usize::MAX } else { most_lines };
        self.rows.push(Row::new(label, text, style, most));
    }

    fn text(&mut self, label: &str, text: &Text, style: Style, most_lines: usize) {
        self.push(label, &shown(text), style, most_lines);
    }

    fn context(&mut self, role: &str, tags: &[String], text: &Text) {
        self.push(
            "context",
            &context_in_short(role, tags, text),
            Style::Dim,
            2,
        );
        if self.is_full {
            self.text("", text, Style::Dim, usize::MAX);
        }
    }

    fn call(&mut self, call: &Call) {
        let name = match &call.namespace {
            Some(namespace) => format!("{namespace}.{}", call.name),
            None => call.name.clone(),
        };
        let arguments = match self.is_full {
            true => call.arguments.text.clone(),
            false => arguments(&call.arguments),
        };
        let text = format!("{name} {arguments}");
        self.push("call", &text, Style::Green, 2);
        let mut about: Vec<String> = Vec::new();
        about.extend(call.status.clone());
        let output = call.output.as_ref();
        about.extend(call.exit_code.map(|code| format!("exit {code}")));
        about.extend(
            output
                .and_then(|o| o.session)
                .map(|id| format!("running in session {id}")),
        );
        about.extend(call.duration_ms.map(duration));
        let about = about.join(", ");
        let (text, style) = match output {
            Some(output) => (output_text(output, &about), Style::Plain),
            None if call.expects_output => {
                let about = if about.is_empty() {
                    about
                } else {
                    format!(" ({about})")
                };
                (format!("no output is recorded{about}"), Style::Red)
            }
            None if about.is_empty() => return,
            None => (about, Style::Plain),
        };
        let mut row = Row::new(
            "",
            &format!("→ {text}"),
            style,
            if self.is_full { usize::MAX } else { 2 },
        );
        row.text_style = style;
        self.rows.push(row);
    }

    fn compaction(&mut self, compaction: &Compaction) {
        const SHOWN: usize = 8;
        let mut about = vec![compaction.method.to_owned()];
        about.extend(compaction.trigger.clone());
        let items = match (compaction.items_before, compaction.items_after) {
            (Some(before), Some(after)) => {
                Some(format!("{} became {after}", plural(before, "item")))
            }
            (None, Some(after)) => Some(format!("the history is now {}", plural(after, "item"))),
            (Some(before), None) => Some(format!("of {}", plural(before, "item"))),
            (None, None) => None,
        };
        about.extend(items);
        let counts = (compaction.tokens_before, compaction.tokens_after);
        match counts {
            (Some(before), Some(after)) => {
                about.push(format!("{} → {} tokens", tokens(before), tokens(after)));
            }
            (Some(before), None) => about.push(format!("from {} tokens", tokens(before))),
            (None, Some(after)) => about.push(format!("to {} tokens", tokens(after))),
            (None, None) => {}
        }
        about.extend(compaction.window.map(|window| format!("window {window}")));
        self.push("compaction", &about.join(", "), Style::Yellow, 2);
        if let Some(summary) = &compaction.summary {
            self.push("", &format!("summary: {}", shown(summary)), Style::Plain, 2);
        }
        for kept in compaction
            .kept
            .iter()
            .take(if self.is_full { usize::MAX } else { SHOWN })
        {
            let sign = if kept.is_old { "kept" } else { "new" };
            let text = format!("{sign:<4} {}: {}", kept.what, shown(&kept.text));
            self.push("", &text, Style::Plain, 1);
        }
        if compaction.kept.len() > SHOWN && !self.is_full {
            let more = compaction.kept.len() - SHOWN;
            self.push(
                "",
                &format!("… {} (--full shows them)", plural(more, "more item")),
                Style::Dim,
                1,
            );
        }
        if let Some(dropped) = compaction.dropped.filter(|dropped| *dropped > 0) {
            let types = compaction.dropped_types.iter();
            let types: Vec<String> = types
                .map(|kind| plural(kind.count, &kind.name.replace('_', " ")))
                .collect();
            let text = format!("gone {}: {}", plural(dropped, "item"), types.join(", "));
            self.push("", &text, Style::Plain, 2);
        }
    }
}

/// The rows of steps that follow each other and are only context: in one.
pub(super) fn context_row(steps: &[Step]) -> Row {
    let parts = steps.iter().filter_map(|step| match &step.what {
        What::Context { role, tags, text } => Some(context_in_short(role, tags, text)),
        _ => None,
    });
    let text = parts.collect::<Vec<_>>().join("; ");
    Row::new("context", &text, Style::Dim, 4)
}

/// Whether a step is only context.
pub(super) fn is_context(step: &Step) -> bool {
    matches!(step.what, What::Context { .. })
}

/// What a context message is called, or how it begins.
fn context_in_short(role: &str, tags: &[String], text: &Text) -> String {
    const HEAD: usize = 40;
    let tags = match tags {
        [] => format!("“{}”", shortened(&text.text, HEAD)),
        tags => tags.join(", "),
    };
    let size = bytes(text.bytes);
    match role {
        "user" => format!("{tags} ({size})"),
        role => format!("{role}: {tags} ({size})"),
    }
}

/// A text with a mark where it was cut.
fn shown(text: &Text) -> String {
    if text.is_cut {
        format!("{}…", text.text)
    } else {
        text.text.clone()
    }
}

fn output_text(output: &Output, about: &str) -> String {
    let text = shown(&output.text);
    match (about.is_empty(), text.trim().is_empty()) {
        (true, true) => "(empty)".to_owned(),
        (false, true) => format!("{about}, no output"),
        (true, false) => text,
        (false, false) => format!("{about}: {text}"),
    }
}

/// The arguments of a call as a person would write them: a command as it is, other members as `name=value`.
fn arguments(arguments: &Text) -> String {
    let text = shown(arguments);
    let object = Raw::new(&arguments.text);
    if object.kind() != Kind::Object {
        return text;
    }
    let mut command = None;
    let mut others = Vec::new();
    for (name, value) in object.members() {
        let is_cut = arguments.is_cut && value.text().is_empty();
        let value = match value.string().or_else(|| {
            is_cut
                .then(|| value.string_start(usize::MAX))
                .flatten()
                .map(|(s, _)| s)
        }) {
            Some(text) => text.into_owned(),
            None if value.kind() == Kind::Array => {
                words(value).unwrap_or_else(|| value.text().to_owned())
            }
            None => value.text().to_owned(),
        };
        match name.as_ref() {
            "cmd" | "command" if command.is_none() => command = Some(value),
            name => others.push(format!("{name}={value}")),
        }
    }
    if command.is_none() && others.is_empty() {
        return if object.members().next().is_none() && !arguments.is_cut {
            String::new()
        } else {
            text
        };
    }
    let mut parts: Vec<String> = command.into_iter().collect();
    parts.extend(others);
    let mut text = parts.join("  ");
    if arguments.is_cut {
        text.push('…');
    }
    text
}

/// The words of a command that is a list of strings.
fn words(list: Raw<'_>) -> Option<String> {
    let words: Option<Vec<_>> = list.items().map(|item| item.string()).collect();
    let words = words?;
    Some(words.join(" "))
}
