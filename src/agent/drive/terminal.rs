//! pycodex on a terminal of its own, into which a line is typed when it waits for one.

use std::time::{Duration, Instant};

use crate::agent::{AgentCommand, AgentError, Ending, Outcome, Process, Terminal, Watch};

use super::Stage;
use super::screen::view;

/// Longest wait for what a line must show, and for the end; what shows nothing of the kind has its next line typed then.
const PATIENCE: Duration = Duration::from_secs(30);
/// How often the screen is looked at.
const PAUSE: Duration = Duration::from_millis(10);

/// Types lines and then the end of input.
pub(super) fn converse(
    command: &AgentCommand,
    stage: Stage<'_>,
    lines: &[String],
) -> Result<Outcome, AgentError> {
    let (process, terminal) =
        Process::start_on_terminal(command, stage.place, stage.surroundings, stage.limits)?;
    let mut talk = Talk {
        process,
        terminal,
        stage,
        before: (stage.requests)(),
    };
    let ending = talk.type_all(lines);
    let has_connected = || (stage.requests)() > talk.before;
    let watch = Watch {
        has_connected: &has_connected,
        is_over: stage.is_over,
    };
    Ok(talk.process.finish(ending, &watch))
}

struct Talk<'a> {
    process: Process,
    terminal: Terminal,
    stage: Stage<'a>,
    /// Requests that the server had when this was started.
    before: usize,
}

impl Talk<'_> {
    fn type_all(&mut self, lines: &[String]) -> Ending {
        if let Some(ending) = self.wait(|screen| view(screen).is_ready) {
            return ending;
        }
        for line in lines {
            let begun = view(&self.screen()).printed.len();
            self.terminal.write(line.as_bytes());
            self.terminal.write(b"\r");
            let is_done = |screen: &str| {
                let view = view(screen);
                let since = view.printed.get(begun..).unwrap_or_default();
                view.is_ready && is_answered(line, since)
            };
            if let Some(ending) = self.wait(is_done) {
                return ending;
            }
        }
        self.terminal.write(b"\x04");
        let asked = Instant::now();
        self.wait(|_| false)
            .unwrap_or_else(|| Ending::TimedOut(asked.elapsed()))
    }

    /// Waits until something is on the screen; gives how the process ended, if it does before.
    fn wait(&mut self, is_there: impl Fn(&str) -> bool) -> Option<Ending> {
        let began = Instant::now();
        let mut seen = None;
        while began.elapsed() < PATIENCE {
            if let Some(ending) = self.look() {
                return Some(ending);
            }
            let bytes = self.process.stdout().bytes;
            if seen != Some(bytes) {
                seen = Some(bytes);
                if is_there(&self.screen()) {
                    return None;
                }
            }
            std::thread::sleep(PAUSE);
        }
        None
    }

    fn screen(&self) -> String {
        self.process.stdout().text()
    }

    fn look(&mut self) -> Option<Ending> {
        let (stage, before) = (self.stage, self.before);
        let has_connected = || (stage.requests)() > before;
        self.process.poll(&Watch {
            has_connected: &has_connected,
            is_over: stage.is_over,
        })
    }
}

/// Whether what was printed since a line was typed says that it was taken up, and a command that it was done. A turn begins by
/// repeating the line, and the bar shows its work from then on; a command says what it did, some before that what they are about to do
/// (`Compacting conversation history...`).
fn is_answered(line: &str, printed: &str) -> bool {
    let mut printed = printed.lines().map(str::trim);
    match line.starts_with('/') {
        true => printed
            .rfind(|line| !line.is_empty())
            .is_some_and(|last| !last.ends_with("...")),
        false => printed.any(|line| line.starts_with("user> ")),
    }
}

#[cfg(test)]
mod tests {
    use super::is_answered;

    #[test]
    fn a_line_is_answered_by_what_is_printed_behind_it() {
        let check = |line: &str, printed: &str, expect: bool| {
            assert_eq!(is_answered(line, printed), expect, "{line} {printed:?}");
        };
        check("Hello.", "", false);
        check("Hello.", "Session: Hello.\r\n", false);
        check("Hello.", "Session: Hello.\r\nuser> Hello.\r\n", true);
        check("/compact", "Compacting history...\r\n", false);
        check(
            "/compact",
            "Compacting history...\r\ncompact(2 items)\r\n",
            true,
        );
        check("/fork", "\r\nForked session: 1\r\n", true);
        check("/fork", "\r\n", false);
    }
}
