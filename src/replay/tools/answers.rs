//! The files in which a shell finds what its command printed when it was recorded.

use std::collections::{HashMap, VecDeque};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use super::calls::Asks;
use super::printed::{Printed, Then};
use super::recorded::{RecordedCalls, StepCalls};
use crate::server::Renaming;

/// How many calls the table holds: the latest ones, of all threads.
const MOST_LISTED: usize = 256;

/// The directory of the files, in the home.
const DIRECTORY: &str = ".trace-diff";

/// The files of a run: startup files of shells, a table of commands, and a file for each part of an output.
#[derive(Debug)]
pub(in crate::replay) struct Answers {
    directory: PathBuf,
    calls: RecordedCalls,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// How many commands there were.
    count: usize,
    /// The lines of the table, the latest call first.
    table: VecDeque<String>,
    /// Commands that go on, by their recorded numbers: which answer, and how many parts of it are there.
    running: HashMap<String, (usize, usize)>,
}

/// A command of a response, with what it gets.
struct Command {
    id: String,
    command: String,
    printed: Option<Printed>,
}

impl Answers {
    /// Writes the startup files into a home that is the replay's own; `own` is what the agent's command line says, which may
    /// run.
    pub(in crate::replay) fn new(
        home: &Path,
        own: &[String],
        calls: RecordedCalls,
    ) -> io::Result<Self> {
        let directory = home.join(DIRECTORY);
        if directory.exists() {
            fs::remove_dir_all(&directory)?;
        }
        fs::create_dir_all(&directory)?;
        let placed = |text: &str| text.replace("{dir}", &directory.to_string_lossy());
        let hook = directory.join("hook.bash");
        let profile = directory.join("profile.sh");
        fs::write(&hook, placed(include_str!("hook.bash")))?;
        fs::write(&profile, placed(include_str!("profile.sh")))?;
        let files = [
            ("decide.bash", include_str!("decide.bash")),
            ("answer.bash", include_str!("answer.bash")),
            ("table", ""),
        ];
        for (name, text) in files {
            fs::write(directory.join(name), text)?;
        }
        let own: String = own
            .iter()
            .map(|word| format!("own {}\n", quoted(trimmed(word))))
            .collect();
        fs::write(directory.join("own"), own)?;
        for (name, file) in [
            (".bash_profile", &hook),
            (".zshenv", &hook),
            (".profile", &profile),
        ] {
            let source = format!(". {}\n", quoted(&file.to_string_lossy()));
            fs::write(home.join(name), source)?;
        }
        Ok(Self {
            directory,
            calls,
            state: Mutex::default(),
        })
    }

    /// The variables that make shells look at the files that are not login shells.
    pub(in crate::replay) fn variables(&self) -> Vec<(String, String)> {
        let hook = self.directory.join("hook.bash");
        vec![("BASH_ENV".to_owned(), hook.to_string_lossy().into_owned())]
    }

    pub(in crate::replay) fn calls(&self) -> &RecordedCalls {
        &self.calls
    }

    /// Gets the answers ready for the commands of a step that is about to be played, with the names of this run.
    pub(in crate::replay) fn prepare(&self, step: usize, renaming: &Renaming) -> io::Result<()> {
        let Some(calls) = self.calls.steps.get(step).filter(|calls| !calls.is_empty()) else {
            return Ok(());
        };
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        self.go_on(calls, renaming, &mut state)?;
        let commands = commands(calls, renaming);
        for command in &commands {
            self.add(command, &commands, renaming, &mut state)?;
        }
        if !commands.is_empty() {
            state.table.truncate(MOST_LISTED);
            let table: String = state.table.iter().map(String::as_str).collect();
            self.write("table", table.as_bytes())?;
        }
        Ok(())
    }

    /// Writes the next part of what commands print that are running.
    fn go_on(&self, calls: &StepCalls, renaming: &Renaming, state: &mut State) -> io::Result<()> {
        for (call, told) in &calls.calls {
            let Asks::Typed { session, bytes } = call.asks(&call.arguments) else {
                continue;
            };
            let (Some(printed), Some((answer, parts))) =
                (told.printed(), state.running.get_mut(&session))
            else {
                continue;
            };
            *parts += 1;
            let name = format!("answer.{answer}.{parts}");
            self.write(&name, &part(&printed, bytes, renaming))?;
        }
        Ok(())
    }

    /// Adds a command to the table.
    fn add(
        &self,
        command: &Command,
        all: &[Command],
        renaming: &Renaming,
        state: &mut State,
    ) -> io::Result<()> {
        let Some(printed) = &command.printed else {
            let line = line(command, "none", false);
            state.table.push_front(line);
            return Ok(());
        };
        state.count += 1;
        let answer = state.count;
        self.write(&format!("answer.{answer}.1"), &part(printed, 0, renaming))?;
        if let Then::Running(session) = &printed.then {
            state.running.insert(session.clone(), (answer, 1));
        }
        let is_shared = all
            .iter()
            .any(|other| other.command == command.command && other.printed != command.printed);
        let line = line(command, &answer.to_string(), is_shared);
        state.table.push_front(line);
        Ok(())
    }

    /// Writes a file so that nobody sees a part of it.
    fn write(&self, name: &str, content: &[u8]) -> io::Result<()> {
        let draft = self.directory.join("draft");
        fs::write(&draft, content)?;
        fs::rename(&draft, self.directory.join(name))
    }
}

/// The commands of a response, the last one first, so that the first one stands first in the table.
fn commands(calls: &StepCalls, renaming: &Renaming) -> Vec<Command> {
    let of_calls = calls.calls.iter().filter_map(|(call, told)| {
        let Asks::Command(command) = call.asks(&renaming.rename(&call.arguments)) else {
            return None;
        };
        Some(Command {
            id: call.id.clone(),
            command,
            printed: told.printed(),
        })
    });
    let of_scripts = calls.of_scripts.iter().filter_map(|run| {
        Some(Command {
            id: String::new(),
            command: renaming.rename(run.command.as_ref()?),
            printed: Some(run.printed.clone()),
        })
    });
    let mut commands: Vec<Command> = of_calls.chain(of_scripts).collect();
    commands.reverse();
    commands
}

fn line(command: &Command, answer: &str, is_shared: bool) -> String {
    let shared = if is_shared { "shared" } else { "" };
    format!(
        "call {} {} {answer} {shared}\n",
        quoted(&command.id),
        quoted(trimmed(&command.command))
    )
}

/// A file with a part of an output: what becomes of the command behind it, with which code, after how many bytes were typed.
fn part(printed: &Printed, typed: usize, renaming: &Renaming) -> Vec<u8> {
    let head = match printed.then {
        Then::Exited(code) => format!("exit {code} {typed}\n"),
        Then::Running(_) | Then::Interrupted => format!("run 0 {typed}\n"),
    };
    let mut file = head.into_bytes();
    file.extend_from_slice(renaming.rename(&printed.text).as_bytes());
    file
}

/// pycodex 0.5.1 takes white space from the ends of a command.
fn trimmed(command: &str) -> &str {
    command.trim_matches(|c: char| c.is_ascii_whitespace())
}

/// A word of a shell's line. Commands can't hold a zero byte.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\0', "").replace('\'', r"'\''"))
}
