//! An agent of the user's: its options, where it runs, what became of it.

use std::ffi::OsString;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context;
use trace_diff::agent::{Ending, Outcome, Outside, Profile, Settings, Surroundings};
use trace_diff::replay::{Circumstances, SandboxMode};

use crate::duration::duration;
use crate::exit::{Failure, Status};
use crate::scratch::{Scratch, is_scratch};
use crate::serving::say;

/// Most files that others may have written are told.
const MOST_TOLD: usize = 5;

#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Agent")]
pub(crate) struct AgentArgs {
    /// Which agent COMMAND is, so that its home can be set up; without it the name of the program tells
    #[arg(long, value_enum)]
    agent: Option<Kind>,
    /// What commands of the model may do; without it what the recording says, else read-only
    #[arg(long, value_name = "MODE", value_parser = ["read-only", "workspace-write", "danger-full-access"])]
    pub(crate) sandbox: Option<String>,
    /// The agent's home, made if it is not there; a configuration in it is left as it is. Without it a new one, removed in the end
    #[arg(long, value_name = "DIR")]
    pub(crate) home: Option<PathBuf>,
    /// The agent's work directory; without it a new one, removed in the end
    #[arg(long, value_name = "DIR")]
    pub(crate) work: Option<PathBuf>,
    /// Keeps what the agent leaves in DIR: home, work, what it printed
    #[arg(long, value_name = "DIR")]
    pub(crate) keep: Option<PathBuf>,
    /// Gives the agent a variable, or the one of this name from here; may be repeated
    #[arg(long, value_name = "NAME[=VALUE]", value_parser = variable)]
    env: Vec<String>,
    /// Longest time until the agent ends, such as 90s
    #[arg(long, value_name = "TIME", default_value = "600s", value_parser = duration)]
    pub(crate) timeout: Duration,
    /// Longest time until its first request
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = duration)]
    pub(crate) connect_timeout: Duration,
    /// Shows what the agent prints when it has ended, whatever became of it
    #[arg(long)]
    show_output: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Kind {
    /// The Codex CLI
    Codex,
    /// pycodex
    Pycodex,
    /// Any other program
    Other,
}

impl AgentArgs {
    pub(crate) fn surroundings(
        &self,
        address: SocketAddr,
        circumstances: &Circumstances,
    ) -> Surroundings {
        let prefix = circumstances.prefix.as_deref().unwrap_or("/v1");
        let variables = self
            .env
            .iter()
            .filter_map(|variable| match variable.split_once('=') {
                Some((name, value)) => Some((name.into(), value.into())),
                None => Some((variable.into(), std::env::var_os(variable)?)),
            });
        Surroundings {
            base_url: format!("http://{address}{prefix}"),
            path: std::env::var_os("PATH").unwrap_or_default(),
            time_zone: circumstances.time_zone.clone().unwrap_or_default(),
            variables: terminal(circumstances)
                .into_iter()
                .chain(variables)
                .collect(),
        }
    }

    /// Where else an agent might write: the user's own home, and where everybody's temporary files are.
    pub(crate) fn outside(&self) -> Outside {
        let mut outside = user_home();
        outside.directories.push((std::env::temp_dir(), 1));
        outside
    }

    pub(crate) fn profile(&self, command: &[String]) -> Profile {
        match self.agent {
            Some(Kind::Codex) => Profile::Codex,
            Some(Kind::Pycodex) => Profile::Pycodex,
            Some(Kind::Other) => Profile::Other,
            None => Profile::of_command(command),
        }
    }

    pub(crate) fn settings(&self, circumstances: &Circumstances) -> Settings {
        let recorded = circumstances.sandbox.map(SandboxMode::name);
        let sandbox = self.sandbox.clone().or(recorded.map(str::to_owned));
        Settings {
            model: circumstances.model.clone(),
            sandbox,
            approval: circumstances.approval.clone(),
            provider: circumstances.provider.clone(),
            websocket: circumstances.uses_websocket,
            ..Settings::default()
        }
    }
}

/// Says what became of the agent.
pub(crate) fn tell(
    args: &AgentArgs,
    outcome: &Outcome,
    scratch: &Scratch,
) -> Result<Status, Failure> {
    let is_well = outcome.ending == Ending::Exited(0);
    let is_stopped = outcome.ending == Ending::Stopped;
    if !is_well && !is_stopped {
        say(&format!("the agent {}", outcome.ending));
    }
    if outcome.ignored_term {
        say("it ignored SIGTERM and was killed");
    }
    for left in &outcome.leftovers {
        say(&format!(
            "it left process {} ({}) behind, which was ended",
            left.pid, left.name
        ));
    }
    say_outside(&outcome.outside, &scratch.root);
    let wants_output = args.show_output || !(is_well || is_stopped);
    for (name, output) in [("stdout", &outcome.stdout), ("stderr", &outcome.stderr)] {
        if scratch.is_kept {
            let path = scratch.root.join(format!("{name}.txt"));
            fs::write(&path, output.text())
                .with_context(|| format!("failed to write {}", path.display()))?;
        }
        let text = output.text();
        let lines: Vec<&str> = text.lines().collect();
        let shown = if args.show_output { lines.len() } else { 10 };
        if wants_output && !lines.is_empty() {
            say(&format!(
                "its {name}{}:",
                if shown < lines.len() {
                    " (the end)"
                } else {
                    ""
                }
            ));
            for line in &lines[lines.len().saturating_sub(shown)..] {
                say(&format!("  {line}"));
            }
        }
    }
    // Codex 0.115.0–0.169.0 ask for it where no repository is.
    let flag = "--skip-git-repo-check";
    if !outcome.has_connected && outcome.stderr.text().contains(flag) {
        say(&format!(
            "hint: add {flag} to the command, or name a repository with --work"
        ));
    }
    match outcome.ending {
        _ if is_well || is_stopped => Ok(Status::Clean),
        Ending::NeverConnected(_) => Ok(Status::Failed),
        Ending::Exited(_) if !outcome.has_connected => Ok(Status::Failed),
        // How it was to end was not recorded.
        Ending::Exited(_) => Ok(Status::Clean),
        _ => Ok(Status::Findings),
    }
}

/// A variable has a name.
fn variable(text: &str) -> Result<String, String> {
    match text.is_empty() || text.starts_with('=') {
        true => Err("expected NAME or NAME=VALUE".to_owned()),
        false => Ok(text.to_owned()),
    }
}

/// A command whose program, given by a path from here, is found also from another directory.
pub(crate) fn from_here(mut argv: Vec<String>) -> Vec<String> {
    if let Some(program) = argv.first_mut()
        && program.contains('/')
        && let Ok(path) = std::path::absolute(&*program)
        && path.exists()
    {
        *program = path.to_string_lossy().into_owned();
    }
    argv
}

/// Variables that make the terminal the recorded one, as far as the user agent names it.
fn terminal(circumstances: &Circumstances) -> Vec<(OsString, OsString)> {
    let Some(word) = &circumstances.terminal else {
        return Vec::new();
    };
    let variables = match word.split_once('/') {
        Some((program, version)) => {
            vec![("TERM_PROGRAM", program), ("TERM_PROGRAM_VERSION", version)]
        }
        None => vec![("TERM", word.as_str())],
    };
    let owned = |(name, value): (&str, &str)| (name.into(), value.into());
    variables.into_iter().map(owned).collect()
}

/// Tells of files that an agent wrote where it should not, and of those that may be its.
fn say_outside(paths: &[PathBuf], root: &Path) {
    let root = root.canonicalize().unwrap_or_else(|_| root.to_owned());
    let (own, others): (Vec<&PathBuf>, Vec<&PathBuf>) =
        paths.iter().partition(|path| path.starts_with(&root));
    for path in own {
        say(&format!(
            "it wrote outside of its directories: {}",
            path.display()
        ));
    }
    say_changed("it", &others);
}

/// Where a user's agents keep things when they do not ask where home is.
pub(crate) fn user_home() -> Outside {
    let home = std::env::var_os("HOME").map(PathBuf::from);
    let homes = home
        .into_iter()
        .flat_map(|home| [(home.join(".codex"), 2), (home, 1)]);
    Outside {
        directories: homes.collect(),
    }
}

/// Tells of files that `who` or another program wrote.
pub(crate) fn say_changed(who: &str, paths: &[&PathBuf]) {
    let is_foreign = |path: &&&PathBuf| !is_scratch(path);
    let paths: Vec<_> = paths.iter().filter(is_foreign).collect();
    for path in paths.iter().take(MOST_TOLD) {
        say(&format!(
            "changed while it ran, by {who} or another program: {}",
            path.display()
        ));
    }
    if paths.len() > MOST_TOLD {
        say(&format!("and {} more", paths.len() - MOST_TOLD));
    }
}
