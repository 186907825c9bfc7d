//! A problem in a text that a person wrote, shown with the line it is in.

use std::fmt;
use std::ops::Range;

/// One thing that is wrong in a file that a person wrote: a rules file, a script.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceProblem {
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
    /// Number of characters that are wrong, up to the end of the line; at least 1.
    pub width: usize,
    /// The line itself.
    pub source_line: String,
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
}

impl SourceProblem {
    /// Makes a problem of the bytes at `span` of `text`.
    pub fn new(
        text: &str,
        span: Range<usize>,
        message: impl Into<String>,
        hint: Option<String>,
    ) -> Self {
        let start = floor_char_boundary(text, span.start);
        let line_start = text[..start].rfind('\n').map_or(0, |newline| newline + 1);
        let line_end = text[start..]
            .find('\n')
            .map_or(text.len(), |length| start + length);
        let source_line = text[line_start..line_end].trim_end_matches('\r');
        let end = floor_char_boundary(text, span.end).clamp(start, line_end);
        Self {
            line: text[..line_start].matches('\n').count() + 1,
            column: text[line_start..start].chars().count() + 1,
            width: text[start..end].chars().count().max(1),
            source_line: source_line.to_owned(),
            message: message.into(),
            hint,
        }
    }
}

/// What to say of a regular expression that does not compile: the reason alone, as the crate `regex` draws the pattern
/// again, which is shown where it stands.
pub fn bad_regex(error: &impl fmt::Display) -> String {
    let shown = error.to_string();
    let mut lines = shown.lines().rev();
    let why = lines.find_map(|line| line.strip_prefix("error: "));
    format!("bad regular expression: {}", why.unwrap_or(&shown))
}

fn floor_char_boundary(text: &str, offset: usize) -> usize {
    let mut offset = offset.min(text.len());
    while !text.is_char_boundary(offset) {
        offset -= 1;
    }
    offset
}

/// Most characters of a line that are shown: JSON may stand in one line, however long.
const MOST_SHOWN: usize = 160;
/// How many of them stand before what is wrong.
const SHOWN_BEFORE: usize = 60;

/// What is shown of a line, and where the character at `column` (from 0) stands in it.
fn excerpt(line: &str, column: usize) -> (String, usize) {
    let length = line.chars().count();
    if length <= MOST_SHOWN {
        return (line.to_owned(), column);
    }
    let from = column.saturating_sub(SHOWN_BEFORE).min(length - MOST_SHOWN);
    let mut shown: Vec<char> = line.chars().skip(from).take(MOST_SHOWN).collect();
    if from > 0 {
        shown[0] = '…';
    }
    if from + MOST_SHOWN < length {
        shown[MOST_SHOWN - 1] = '…';
    }
    (shown.into_iter().collect(), column - from)
}

impl fmt::Display for SourceProblem {
    /// Writes `line:column: message`, the line with carets below what is wrong, and the hint; no newline at the end.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { line, column, .. } = self;
        let margin = line.to_string().len();
        // A tab has to stay one, or the carets stand elsewhere; other control characters would act on the terminal.
        let shown: String = self
            .source_line
            .chars()
            .map(|c| {
                if c.is_control() && c != '\t' {
                    '\u{fffd}'
                } else {
                    c
                }
            })
            .collect();
        let (shown, start) = excerpt(&shown, column - 1);
        let width = self.width.min(MOST_SHOWN.saturating_sub(start)).max(1);
        let indent: String = shown
            .chars()
            .take(start)
            .map(|c| if c == '\t' { '\t' } else { ' ' })
            .collect();
        writeln!(f, "{line}:{column}: {}", self.message)?;
        writeln!(f, "{:margin$} |", "")?;
        writeln!(f, "{line} | {shown}")?;
        write!(f, "{:margin$} | {indent}{}", "", "^".repeat(width))?;
        if let Some(hint) = &self.hint {
            write!(f, "\n{:margin$} = hint: {hint}", "")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_count_characters_and_stop_at_the_end_of_the_line() {
        let text = "a = 1\r\nä = \"öö\nx\"";
        let start = text.find('ö').unwrap();
        let problem = SourceProblem::new(text, start..text.len(), "bad", None);
        assert_eq!((problem.line, problem.column, problem.width), (2, 6, 2));
        assert_eq!(problem.source_line, "ä = \"öö");
        let first = SourceProblem::new(text, 0..1, "bad", None);
        assert_eq!(
            (first.line, first.column, first.source_line.as_str()),
            (1, 1, "a = 1")
        );
        let end = SourceProblem::new(text, text.len()..text.len() + 9, "bad", None);
        assert_eq!((end.line, end.column, end.width), (3, 3, 1));
        let empty = SourceProblem::new("", 0..0, "bad", None);
        assert_eq!((empty.line, empty.column, empty.width), (1, 1, 1));
    }

    #[test]
    fn carets_stand_below_what_is_wrong_behind_a_tab_too() {
        let text = "\t\u{7}b = c";
        let shown = SourceProblem::new(text, 2..3, "bad", None).to_string();
        assert_eq!(shown, "1:3: bad\n  |\n1 | \t\u{fffd}b = c\n  | \t ^");
    }

    #[test]
    fn of_a_long_line_only_the_part_around_what_is_wrong_is_shown() {
        let shown = |column: usize, width: usize| {
            let text = format!("{}{}", "ö".repeat(column), "x".repeat(1000 - column));
            let start = column * "ö".len();
            SourceProblem::new(&text, start..start + width, "bad", None).to_string()
        };
        for (column, width) in [(0, 1), (3, 900), (500, 7), (840, 2), (999, 1)] {
            let shown = shown(column, width);
            let lines: Vec<Vec<char>> = shown.lines().map(|line| line.chars().collect()).collect();
            assert_eq!(lines[2].len(), "1 | ".len() + MOST_SHOWN, "{shown}");
            let caret = lines[3].iter().position(|c| *c == '^').unwrap();
            // The first one that is wrong.
            assert_eq!(
                lines[2].iter().position(|c| *c == 'x'),
                Some(caret),
                "{shown}"
            );
            assert!(lines[3].len() <= lines[2].len(), "{shown}");
        }
    }
}
