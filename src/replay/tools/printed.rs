//! What a recorded output says that a command printed.

use crate::json::Raw;

use super::whole::whole;

/// What was recorded of a command, or of a part of its time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Printed {
    /// What it printed.
    pub(super) text: String,
    pub(super) then: Then,
    /// Whether the agent had cut its middle out, and what stood there can't be made up.
    pub(super) is_cut: bool,
}

/// What became of a command after it had printed something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Then {
    Exited(i32),
    /// It went on, under this number.
    Running(String),
    /// It was ended by who had started it.
    Interrupted,
}

impl Printed {
    /// Reads the text of a call's output; `None` when it is not what a command printed.
    ///
    /// The forms of codex 0.115.0–0.169.0 and pycodex 0.1.13–0.5.1: lines of a head, `Output:`, and the text; or JSON with
    /// `output` and `metadata.exit_code`.
    pub(super) fn read(output: &str) -> Option<Self> {
        if output.starts_with('{') {
            return Self::read_json(output);
        }
        let mut head = Head::default();
        let mut rest = skip_command(output);
        loop {
            let (line, behind) = rest.split_once('\n').unwrap_or((rest, ""));
            if line == "Output:" {
                rest = behind;
                break;
            }
            if line == "aborted by user" && head.is_begun {
                return Some(Self {
                    text: String::new(),
                    then: Then::Interrupted,
                    is_cut: false,
                });
            }
            if behind.is_empty() || !head.take(line) {
                return None;
            }
            rest = behind;
        }
        let then = head.then?;
        let told = whole(rest, head.tokens, head.lines);
        Some(Self {
            is_cut: told.is_none(),
            text: told.unwrap_or_else(|| rest.to_owned()),
            then,
        })
    }

    fn read_json(output: &str) -> Option<Self> {
        // Read as JSON only where it is JSON.
        let value = crate::json::Value::parse(output.to_owned()).ok()?;
        let raw = Raw::new(value.text());
        let code = raw.get("metadata")?.get("exit_code")?.signed()?;
        let text = raw.get_string("output")?;
        let told = whole(&text, None, None);
        Some(Self {
            is_cut: told.is_none(),
            text: told.unwrap_or_else(|| text.into_owned()),
            then: Then::Exited(i32::try_from(code).ok()?),
        })
    }
}

/// Skips `Command: …`, which codex 0.115.0 puts first: a shell's line, in which there may be line breaks.
fn skip_command(output: &str) -> &str {
    if !output.starts_with("Command: ") {
        return output;
    }
    let start = output.find("\nChunk ID: ");
    let start = start.or_else(|| output.find("\nWall time: "));
    start.map_or(output, |at| &output[at + 1..])
}

/// What stands before the text.
#[derive(Default)]
struct Head {
    is_begun: bool,
    then: Option<Then>,
    /// `Original token count`.
    tokens: Option<usize>,
    /// `Total output lines`, where it stands in the head.
    lines: Option<usize>,
}

impl Head {
    /// Takes a line; whether it is one of a head.
    fn take(&mut self, line: &str) -> bool {
        let Some((name, value)) = split_line(line) else {
            return false;
        };
        match name {
            "Chunk ID" | "Wall time" => {}
            "Exit code" | "Process exited with code" => {
                self.then = value.parse().ok().map(Then::Exited);
            }
            "Process running with session ID" => self.then = Some(Then::Running(value.to_owned())),
            "Original token count" => self.tokens = value.parse().ok(),
            "Total output lines" => self.lines = value.parse().ok(),
            _ => return false,
        }
        self.is_begun = true;
        true
    }
}

fn split_line(line: &str) -> Option<(&str, &str)> {
    let process = [
        "Process exited with code",
        "Process running with session ID",
    ];
    let told = process
        .into_iter()
        .find_map(|name| Some((name, line.strip_prefix(name)?.trim())));
    // pycodex 0.1.13 writes `Wall time 0.1 seconds`.
    let wall = || Some(("Wall time", line.strip_prefix("Wall time")?));
    told.or_else(|| line.split_once(": ")).or_else(wall)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(output: &str) -> Option<(String, Then)> {
        Printed::read(output).map(|printed| (printed.text, printed.then))
    }

    #[test]
    fn every_form_of_output_is_read() {
        let check = |output: &str, text: &str, then: Then| {
            assert_eq!(read(output), Some((text.to_owned(), then)), "{output}");
        };
        check(
            "Chunk ID: b081e3\nWall time: 0.0000 seconds\nProcess exited with code 3\nOriginal token count: 3\nOutput:\na\nOutput:\n",
            "a\nOutput:\n",
            Then::Exited(3),
        );
        check(
            "Command: /bin/bash -lc 'a\nb'\nChunk ID: b081e3\nWall time: 0.7 seconds\n\
             Process running with session ID 77941\nOriginal token count: 0\nOutput:\n",
            "",
            Then::Running("77941".to_owned()),
        );
        check(
            "Exit code: 0\nWall time: 0.1 seconds\nTotal output lines: 1\nOutput:\nok",
            "ok",
            Then::Exited(0),
        );
        check(
            r#"{"output":"a\nb","metadata":{"exit_code":-1,"duration_seconds":0.1}}"#,
            "a\nb",
            Then::Exited(-1),
        );
        check(
            "Wall time: 6.4 seconds\naborted by user",
            "",
            Then::Interrupted,
        );
    }

    #[test]
    fn what_no_command_printed_is_not_read() {
        for output in [
            "unsupported call: exec_command",
            "Wall time: 0.0000 seconds\nOutput:\nSuccess. Updated the following files:\nA notes.txt\n",
            r#"{"error":"unknown tool: no_such_tool"}"#,
            "{\"output\":",
            "aborted by user",
            "Output:",
            "",
        ] {
            assert_eq!(read(output), None, "{output}");
        }
    }
}
