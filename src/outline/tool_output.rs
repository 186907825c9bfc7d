//! What tools put before the text they answer.

/// What a command tool says of the command, and where its output begins.
///
/// Layouts of codex 0.115.0–0.169.0 and pycodex 0.1.2–0.5.1: lines such as `Wall time: 0.0012 seconds` and `Process
/// exited with code 0` up to a line `Output:`; and the JSON that older versions sent, `{"output":…,"metadata":{…}}`.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct OutputHead {
    /// Exit code of the command.
    pub exit_code: Option<i64>,
    /// Wall time in milliseconds.
    pub wall_ms: Option<f64>,
    /// Session in which the command is still running.
    pub session: Option<i64>,
    /// Bytes before the output itself.
    pub length: usize,
}

/// More lines than any tool puts before its output.
const MOST_LINES: usize = 8;

/// Reads what stands before the output of a command; of other texts the default.
pub fn output_head(text: &str) -> OutputHead {
    let mut head = OutputHead::default();
    let mut at = 0;
    for line in text.split_inclusive('\n').take(MOST_LINES) {
        at += line.len();
        let line = line.trim_end();
        if line == "Output:" {
            head.length = at;
            return head;
        }
        if !head.take_line(line) {
            break;
        }
    }
    // Without `Output:` only the first lines of an interrupted command are known: `Wall time: 6.4 seconds`.
    OutputHead {
        length: 0,
        ..if head.wall_ms.is_some() { head } else { OutputHead::default() }
    }
}

impl OutputHead {
    /// Takes what a line says; false for a line that is none of a head.
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
    fn heads_of_outputs_are_read() {
        let check = |text: &str, code: Option<i64>, wall: Option<f64>, session, body: &str| {
            let head = output_head(text);
            assert_eq!((head.exit_code, head.wall_ms, head.session), (code, wall, session), "{text}");
            assert_eq!(&text[head.length..], body, "{text}");
        };
        let plain = "Chunk ID: 28dd3e\nWall time: 0.2500 seconds\nProcess exited with code 3\nOriginal token count: 3\nOutput:\nalpha\n";
        check(plain, Some(3), Some(250.0), None, "alpha\n");
        let running = "Command: a\nWall time: 1.0 seconds\nProcess running with session ID 7\nOutput:\n";
        check(running, None, Some(1000.0), Some(7), "");
        let patch = "Exit code: 0\nWall time: 0 seconds\nOutput:\nSuccess.";
        check(patch, Some(0), Some(0.0), None, "Success.");
        let script = "Script completed\nWall time 0.5 seconds\nOutput:\nx";
        check(script, None, Some(500.0), None, "x");
        let aborted = "Wall time: 6.4 seconds\naborted by user";
        check(aborted, None, Some(6400.0), None, aborted);
        check("Output of something", None, None, None, "Output of something");
        check("", None, None, None, "");
    }
}
