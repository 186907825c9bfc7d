//! An agent as a process: started, watched, and ended with all that it started.

use std::os::fd::OwnedFd;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use rustix::process::Signal;

use super::command::AgentCommand;
use super::ending::Ending;
use super::environment::{Surroundings, environment};
use super::error::AgentError;
use super::limits::{Limits, Watch};
use super::outcome::{Leftover, Outcome};
use super::output::{Collector, Output};
use super::outside::OutsideFiles;
use super::place::Place;
use super::processes::{Family, MARK};
use super::terminal::{Screen, Terminal};
use crate::rollout::find_rollouts;

/// How often an agent is looked at.
const PAUSE: Duration = Duration::from_millis(5);
/// How long processes have to go by themselves when their agent has ended, before they count as left.
const FAREWELL: Duration = Duration::from_millis(300);
/// How long killed processes may take to vanish.
const BURIAL: Duration = Duration::from_secs(2);

/// Runs an agent with no input until it ends or has to be ended.
///
/// # Errors
///
/// When it can't be started; whatever it does then is an [`Outcome`].
pub fn run(
    command: &AgentCommand,
    place: &Place,
    surroundings: &Surroundings,
    limits: &Limits,
    watch: &Watch<'_>,
) -> Result<Outcome, AgentError> {
    let process = Process::start(command, place, surroundings, limits)?;
    Ok(process.wait(watch))
}

/// What an agent is connected to.
struct Streams {
    stdin: Stdio,
    /// A terminal's screen, with what shows on it: standard output and standard error.
    screen: Option<(Screen, Stdio, Stdio)>,
    wants_lines: bool,
}

/// An agent that runs. Dropped, it is killed.
#[derive(Debug)]
pub struct Process {
    child: Child,
    family: Family,
    started: Instant,
    printed: Arc<AtomicU64>,
    stdout: Option<Collector>,
    stderr: Option<Collector>,
    lines: Option<Receiver<Vec<u8>>>,
    before: OutsideFiles,
    place: Place,
    limits: Limits,
    is_buried: bool,
}

impl Process {
    /// Starts an agent that gets no input.
    ///
    /// # Errors
    ///
    /// When it can't be started.
    pub fn start(
        command: &AgentCommand,
        place: &Place,
        surroundings: &Surroundings,
        limits: &Limits,
    ) -> Result<Self, AgentError> {
        let streams = Streams {
            stdin: Stdio::null(),
            screen: None,
            wants_lines: false,
        };
        Self::start_with(command, place, surroundings, limits, streams)
    }

    /// Starts an agent on a terminal of its own; what is shown there is its standard output.
    ///
    /// # Errors
    ///
    /// When it can't be started.
    pub fn start_on_terminal(
        command: &AgentCommand,
        place: &Place,
        surroundings: &Surroundings,
        limits: &Limits,
    ) -> Result<(Self, Terminal), AgentError> {
        let (terminal, screen, side) = Terminal::open().map_err(AgentError::Terminal)?;
        let other = |side: &OwnedFd| side.try_clone().map_err(AgentError::Terminal);
        let streams = Streams {
            stdin: other(&side)?.into(),
            screen: Some((screen, other(&side)?.into(), side.into())),
            wants_lines: false,
        };
        let process = Self::start_with(command, place, surroundings, limits, streams)?;
        Ok((process, terminal))
    }

    /// Starts an agent that is spoken to by [`stdin`](Self::stdin) and answers with [`lines`](Self::lines).
    ///
    /// # Errors
    ///
    /// When it can't be started.
    pub fn start_talking(
        command: &AgentCommand,
        place: &Place,
        surroundings: &Surroundings,
        limits: &Limits,
    ) -> Result<Self, AgentError> {
        let streams = Streams {
            stdin: Stdio::piped(),
            screen: None,
            wants_lines: true,
        };
        Self::start_with(command, place, surroundings, limits, streams)
    }

    fn start_with(
        command: &AgentCommand,
        place: &Place,
        surroundings: &Surroundings,
        limits: &Limits,
        streams: Streams,
    ) -> Result<Self, AgentError> {
        let (screen, stdout, stderr) = match streams.screen {
            Some((screen, stdout, stderr)) => (Some(screen), stdout, stderr),
            None => (None, Stdio::piped(), Stdio::piped()),
        };
        let filled = command.filled(place, surroundings);
        let (program, arguments) = filled.argv.split_first().ok_or(AgentError::NoProgram)?;
        let before = limits.outside.around(place);
        let mark = mark();
        let started = Instant::now();
        let mut command = Command::new(program);
        command
            .args(arguments)
            .env_clear()
            .envs(environment(place, surroundings))
            .envs(filled.variables)
            .env(MARK, &mark)
            .current_dir(&place.work)
            .stdin(streams.stdin)
            .stdout(stdout)
            .stderr(stderr)
            .process_group(0);
        let mut child = command.spawn().map_err(|source| AgentError::Start {
            program: program.clone(),
            source,
        })?;
        let printed = Arc::new(AtomicU64::new(0));
        let (sender, receiver) = channel();
        let (sender, lines) = match streams.wants_lines {
            true => (Some(sender), Some(receiver)),
            false => (None, None),
        };
        let kept = limits.kept_bytes;
        let shown = screen.map(|screen| Collector::start(screen, kept, Arc::clone(&printed), None));
        let stdout = child.stdout.take();
        let stderr = child.stderr.take();
        // This side of a terminal would keep its screen open.
        drop(command);
        Ok(Self {
            family: Family {
                leader: child.id(),
                mark,
            },
            stdout: shown.or_else(|| {
                let stdout = stdout?;
                Some(Collector::start(stdout, kept, Arc::clone(&printed), sender))
            }),
            stderr: stderr.map(|err| Collector::start(err, kept, Arc::clone(&printed), None)),
            child,
            started,
            printed,
            lines,
            before,
            place: place.clone(),
            limits: limits.clone(),
            is_buried: false,
        })
    }

    /// Where it is told something; taken and dropped, its input ends.
    pub fn stdin(&mut self) -> &mut Option<ChildStdin> {
        &mut self.child.stdin
    }

    /// What is kept so far of what it printed to standard output, or showed on its terminal.
    pub fn stdout(&self) -> Output {
        let stdout = self.stdout.as_ref();
        stdout.map_or_else(Output::default, Collector::so_far)
    }

    /// The lines that it prints, for who [talks](Self::start_talking) to it.
    pub fn lines(&self) -> Option<&Receiver<Vec<u8>>> {
        self.lines.as_ref()
    }

    /// How it ended, or why it has to be ended now; `None` while all is well.
    pub fn poll(&mut self, watch: &Watch<'_>) -> Option<Ending> {
        // An agent whose exit code can't be asked for is no agent of ours any more.
        match self.child.try_wait() {
            Ok(Some(status)) => return Some(ending_of(status)),
            Ok(None) => {}
            Err(_) => return Some(Ending::Stopped),
        }
        let took = self.started.elapsed();
        let printed = self.printed.load(Ordering::Relaxed);
        if (watch.is_over)() {
            Some(Ending::Stopped)
        } else if printed > self.limits.printed_bytes {
            Some(Ending::Flooded(printed))
        } else if took > self.limits.time {
            Some(Ending::TimedOut(took))
        } else if took > self.limits.connect_time && !(watch.has_connected)() {
            Some(Ending::NeverConnected(took))
        } else {
            None
        }
    }

    /// Waits until it ends, or ends it, and gathers what it left.
    pub fn wait(mut self, watch: &Watch<'_>) -> Outcome {
        loop {
            if let Some(ending) = self.poll(watch) {
                return self.finish(ending, watch);
            }
            std::thread::sleep(PAUSE);
        }
    }

    /// Ends it if it has not ended, ends all that it started, and gathers what it left.
    pub fn finish(mut self, ending: Ending, watch: &Watch<'_>) -> Outcome {
        drop(self.child.stdin.take());
        let took = self.started.elapsed();
        let ignored_term = !ending.is_own() && !self.terminate();
        let leftovers = match ending.is_own() {
            true => self.left_behind(),
            false => Vec::new(),
        };
        let survivors = self.bury();
        let patience = BURIAL;
        let output = |collector: Option<Collector>| {
            collector.map_or_else(Default::default, |collector| collector.finish(patience))
        };
        let rollouts = find_rollouts(&self.place.codex_home()).files;
        Outcome {
            ending,
            took,
            ignored_term,
            has_connected: (watch.has_connected)(),
            stdout: output(self.stdout.take()),
            stderr: output(self.stderr.take()),
            leftovers,
            survivors,
            rollouts: rollouts.into_iter().map(|file| file.path).collect(),
            outside: self.before.changed(),
        }
    }

    /// Asks it and all that it started to end; whether it did in time.
    fn terminate(&mut self) -> bool {
        self.family.signal(Signal::TERM);
        let asked = Instant::now();
        while asked.elapsed() < self.limits.term_time {
            if !matches!(self.child.try_wait(), Ok(None)) {
                return true;
            }
            std::thread::sleep(PAUSE);
        }
        false
    }

    /// The processes that are still there a moment after it ended.
    fn left_behind(&self) -> Vec<Leftover> {
        let ended = Instant::now();
        loop {
            let others = self.family.others();
            if others.is_empty() || ended.elapsed() > FAREWELL {
                return others;
            }
            std::thread::sleep(PAUSE);
        }
    }

    /// Kills whatever is left; gives what could not be killed.
    fn bury(&mut self) -> Vec<Leftover> {
        self.is_buried = true;
        let began = Instant::now();
        loop {
            self.family.signal(Signal::KILL);
            let is_gone = !matches!(self.child.try_wait(), Ok(None));
            let others = self.family.others();
            if is_gone && others.is_empty() || began.elapsed() > BURIAL {
                return others;
            }
            std::thread::sleep(PAUSE);
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if !self.is_buried {
            self.bury();
        }
    }
}

fn ending_of(status: ExitStatus) -> Ending {
    match (status.code(), status.signal()) {
        (Some(code), _) => Ending::Exited(code),
        (None, signal) => Ending::Crashed {
            signal: signal.unwrap_or(0),
        },
    }
}

/// A text that no other agent on this machine carries now.
fn mark() -> String {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    format!("{}-{count}", std::process::id())
}
