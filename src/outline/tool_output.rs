//! What tools put around the text they answer.

use std::borrow::Cow;

use crate::json::Raw;

/// What a command tool says of the command it ran, apart from its output.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct CommandFacts {
    /// Exit code of the command.
    pub(super) exit_code: Option<i64>,
    /// Wall time in milliseconds.
    pub(super) wall_ms: Option<f64>,
    /// Session in which the command is still running.
    pub(super) session: Option<i64>,
}

/// More lines than any tool puts before its output.
const MOST_LINES: usize = 10;

/// Bytes at the end of a JSON output in which its metadata stands.
const METADATA: usize = 128;

/// Takes an output apart into what is said of the command and the command's own output.
///
/// `text` may be cut off; `end` gives the whole as it stands in the input. Layouts of codex 0.115.0–0.169.0 and pycodex 0.1.2–0.5.1: lines
/// such as `Wall time: 0.0012 seconds` and `Process exited with code 0` up to a line `Output:`; and, up to about 0.125,
/// the JSON `{"output":…,"metadata":{"exit_code":0,"duration_seconds":0.1}}`.
pub(super) fn split_output<'t, 'e>(
    text: &'t str,
    end: impl FnOnce() -> &'e str,
) -> (CommandFacts, Cow<'t, str>) {
    if let Some(inner) = text.strip_prefix("{\"output\":") {
        return split_json(inner, end()).unwrap_or((CommandFacts::default(), Cow::Borrowed(text)));
    }
    let mut facts = CommandFacts::default();
    let mut at = 0;
    for line in text.split_inclusive('\n').take(MOST_LINES) {
        at += line.len();
        let line = line.trim_end();
        if line == "Output:" {
            return facts.with_inner(&text[at..], end);
        }
        if !facts.take_line(line) {
            break;
        }
    }
    // Of an interrupted command only its wall time is told: `Wall time: 6.4 seconds`.
    if facts.wall_ms.is_none() {
        facts = CommandFacts::default();
    }
    (facts, Cow::Borrowed(text))
}

/// The exit code of the command that a tool's answer tells of.
#[cfg(feature = "server")]
pub(crate) fn exit_code(text: &str) -> Option<i64> {
    split_output(text, || text).0.exit_code
}

fn split_json<'t>(inner: &'t str, end: &str) -> Option<(CommandFacts, Cow<'t, str>)> {
    let value = Raw::new(inner);
    // Cut off inside of an escape there may be a few bytes that can't be read.
    const LONGEST_ESCAPE: usize = 12;
    let body = value.string();
    let body = body.or_else(|| {
        let (start, _) = value.string_start(inner.len().checked_sub(LONGEST_ESCAPE)?)?;
        Some(start)
    })?;
    let from = end.len().saturating_sub(METADATA);
    let from = (from..end.len()).find(|at| end.is_char_boundary(*at))?;
    let number = |name: &str| -> Option<f64> {
        let (_, rest) = end[from..].rsplit_once(name)?;
        let rest = rest.trim_start_matches(['\\', '"', ':', ' ']);
        let length = rest.find([',', '}']).unwrap_or(rest.len());
        rest[..length].trim().parse().ok()
    };
    let facts = CommandFacts {
        exit_code: number("exit_code").map(|code| code as i64),
        wall_ms: number("duration_seconds").map(|seconds| seconds * 1000.0),
        session: None,
    };
    Some((facts, body))
}

impl CommandFacts {
    /// A tool that stands in for another one (a patch given to a shell) answers with that one's JSON.
    fn with_inner<'t, 'e>(
        mut self,
        body: &'t str,
        end: impl FnOnce() -> &'e str,
    ) -> (Self, Cow<'t, str>) {
        let inner = body.strip_prefix("{\"output\":");
        match inner.and_then(|inner| split_json(inner, end())) {
            Some((facts, body)) => {
                self.exit_code = self.exit_code.or(facts.exit_code);
                (self, body)
            }
            None => (self, Cow::Borrowed(body)),
        }
    }

    /// Takes what a line says; false for a line that is none of a tool's.
    fn take_line(&mut self, line: &str) -> bool {
        let number = |text: &str| text.split(' ').next()?.parse().ok();
        let code = ["Process exited with code ", "Exit code: "];
        if let Some(rest) = code.iter().find_map(|before| line.strip_prefix(before)) {
            self.exit_code = rest.trim().parse().ok();
        } else if let Some(rest) = line.strip_prefix("Wall time") {
            let rest = rest.trim_start_matches([':', ' ']);
            self.wall_ms = number(rest).map(|seconds: f64| seconds * 1000.0);
        } else if let Some(rest) = line.strip_prefix("Process running with session ID ") {
            self.session = rest.trim().parse().ok();
        } else {
            let known = [
                "Command: ",
                "Chunk ID: ",
                "Original token count: ",
                "Script ",
                "Total output lines: ",
                "Warning: truncated output",
            ];
            return known.iter().any(|before| line.starts_with(before));
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outputs_are_taken_apart() {
        let check =
            |text: &str, exit_code: Option<i64>, wall_ms: Option<f64>, session, body: &str| {
                let facts = CommandFacts {
                    exit_code,
                    wall_ms,
                    session,
                };
                assert_eq!(
                    split_output(text, || text),
                    (facts, Cow::Borrowed(body)),
                    "{text}"
                );
            };
        let plain = "Chunk ID: 28dd3e\nWall time: 0.2500 seconds\nProcess exited with code 3\nOriginal token count: 3\nOutput:\nalpha\n";
        check(plain, Some(3), Some(250.0), None, "alpha\n");
        let running =
            "Command: a\nWall time: 1.0 seconds\nProcess running with session ID 7\nOutput:\n";
        check(running, None, Some(1000.0), Some(7), "");
        let patch = "Exit code: 0\nWall time: 0 seconds\nOutput:\nSuccess.";
        check(patch, Some(0), Some(0.0), None, "Success.");
        let script = "Script completed\nWall time 0.5 seconds\nOutput:\nx";
        check(script, None, Some(500.0), None, "x");
        let aborted = "Wall time: 6.4 seconds\naborted by user";
        check(aborted, None, Some(6400.0), None, aborted);
        let json = r#"{"output":"a\nb","metadata":{"exit_code":2,"duration_seconds":0.5}}"#;
        check(json, Some(2), Some(500.0), None, "a\nb");
        let nested = r#"Wall time: 0.5 seconds
Output:
{"output":"ok","metadata":{"exit_code":1,"duration_seconds":0.0}}"#;
        check(nested, Some(1), Some(500.0), None, "ok");
        check(
            "Output of something",
            None,
            None,
            None,
            "Output of something",
        );
        check("", None, None, None, "");
    }

    #[test]
    fn json_that_is_cut_off_still_tells_its_exit_code() {
        let long = "x".repeat(100);
        let end = r#"xx\",\"metadata\":{\"exit_code\":7,\"duration_seconds\":0.0}}"#;
        let text = format!("{{\"output\":\"{long}");
        let (facts, body) = split_output(&text, || end);
        assert_eq!((facts.exit_code, facts.wall_ms), (Some(7), Some(0.0)));
        assert!(body.starts_with("xxx"));
    }
}
