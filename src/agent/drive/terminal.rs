//! An agent on a terminal of its own, into which lines are typed when it has become quiet.

use std::time::{Duration, Instant};

use crate::agent::{AgentCommand, AgentError, Ending, Outcome, Process, Terminal, Watch};

use super::Stage;
use super::pycodex::shown;

/// How long nothing must happen before a line is typed.
const QUIET: Duration = Duration::from_millis(800);
/// Longest wait for that.
const PATIENCE: Duration = Duration::from_secs(30);
const PAUSE: Duration = Duration::from_millis(50);

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
        if let Some(ending) = self.settle(0) {
            return ending;
        }
        for line in lines {
            let requests = (self.stage.requests)();
            self.terminal.write(line.as_bytes());
            std::thread::sleep(2 * PAUSE);
            self.terminal.write(b"\r");
            let asks_model = !line.starts_with("/resume") && !line.starts_with("/fork");
            if let Some(ending) = self.settle(requests + usize::from(asks_model)) {
                return ending;
            }
        }
        self.terminal.write(b"\x04");
        let asked = Instant::now();
        loop {
            match self.look() {
                Some(ending) => return ending,
                None if asked.elapsed() > PATIENCE => return Ending::TimedOut(asked.elapsed()),
                None => std::thread::sleep(PAUSE),
            }
        }
    }

    /// Waits until nothing has been shown or answered for a while, and there were so many requests.
    fn settle(&mut self, requests: usize) -> Option<Ending> {
        let began = Instant::now();
        let mut last = began;
        let mut shown = self.shown();
        while last.elapsed() < QUIET && began.elapsed() < PATIENCE {
            std::thread::sleep(PAUSE);
            if let Some(ending) = self.look() {
                return Some(ending);
            }
            let now = self.shown();
            let is_busy = (self.stage.is_busy)() || (self.stage.requests)() < requests;
            if now != shown || is_busy || now == 0 {
                last = Instant::now();
            }
            shown = now;
        }
        None
    }

    /// How much text has been shown. Terminals are told again and again where the cursor is, which is none.
    fn shown(&self) -> usize {
        shown(&self.process.stdout().text()).len()
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
