//! `trace-diff run`: scenarios with real agents.

use std::collections::HashSet;
use std::io::{self, BufWriter, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use trace_diff::agent::{Agent, Limits, Profile, Surroundings};
use trace_diff::report::Verdict;
use trace_diff::script::Script;
use trace_diff::suite::{
    PlayError, Progress, SUITE, SuiteError, SuiteOptions, SuiteRun, find_version, run_suite,
};

use crate::agent::{from_here, say_changed, user_home};
use crate::duration::duration;
use crate::exit::{Failure, Outcome, Status};
use crate::matrix_forms::{Format, MatrixPage};
use crate::report::ReportArgs;
use crate::scratch::Scratch;
use crate::serving::{be_quiet, interruption};
use crate::{output, rules, script};

/// Plays scenarios to real agents, and says what became of each
///
/// Each agent gets each scenario in a home and a work directory of its own, against a server of its own. What the scenario
/// expects and the contracts of the agent are checked; with two agents the first is the baseline, and what the others send
/// is compared with what it sends. Agents that hang, crash or flood are ended, and the rest goes on.
///
/// Commands of scenarios run for real, in the work directory of the run.
///
/// Exit status: 0 all is as expected, 1 something is not or differs, 2 the job could not be done.
#[derive(Debug, clap::Args)]
#[command(
    after_long_help = EXAMPLES,
    mut_arg("verbose", |argument| argument.help("Shows all differences, and why scenarios do not apply"))
)]
pub(crate) struct Args {
    /// Scripts with a table `run`, directories of them, or names of scenarios of the suite
    #[arg(value_name = "SCRIPT", required_unless_present_any = ["suite", "list"])]
    scripts: Vec<String>,
    /// Plays all scenarios that come with the program
    #[arg(long)]
    suite: bool,
    /// Lists the scenarios that would be played
    #[arg(long)]
    list: bool,
    /// An agent: its name, which may say its version (codex@0.169.0), and its program with the arguments that come first.
    /// codex and pycodex are known by their programs; for any other the words of the user stand for {prompt}. May be repeated; without it codex, as it is installed
    #[arg(
        long = "agent",
        value_name = "NAME=COMMAND",
        default_value = "codex=codex",
        hide_default_value = true
    )]
    agents: Vec<AgentWord>,
    /// How many scenarios run at once; without it one for each processor
    #[arg(long, value_name = "NUMBER")]
    jobs: Option<usize>,
    /// Where random faults begin, before what scripts say
    #[arg(long, value_name = "NUMBER")]
    seed: Option<u64>,
    /// Runs each scenario so many times more, and tells what was not the same each time
    #[arg(long, value_name = "TIMES", default_value_t = 0)]
    rerun: usize,
    /// Keeps what each run leaves in DIR: capture, home, work directory
    #[arg(long, value_name = "DIR")]
    keep: Option<PathBuf>,
    /// Longest time of one process of an agent
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = duration)]
    timeout: Duration,
    /// Longest time until its first request
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = duration)]
    connect_timeout: Duration,
    #[command(flatten)]
    rules: rules::RuleArgs,
    #[command(flatten)]
    output: ReportArgs<Format>,
}

const EXAMPLES: &str = "\
Examples:
  trace-diff run --suite
      Does the installed codex do what codex does?
  trace-diff run --suite --agent upstream=/opt/codex/bin/codex --agent port=pycodex
      A port beside upstream: what it does not do, and what it does otherwise.
  trace-diff run tool-call http-500 --agent codex=codex --keep runs
      Two scenarios of the suite, with all that they leave.
  trace-diff run my-scenario.toml --agent mine='my-agent --url {base_url} --ask {prompt}'
      A scenario of your own with an agent of your own.";

/// `NAME=COMMAND`, or a command alone.
#[derive(Debug, Clone)]
struct AgentWord(Agent);

impl FromStr for AgentWord {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, command) = match text.split_once('=') {
            Some((name, command)) if !name.contains(['/', ' ']) => (Some(name), command),
            _ => (None, text),
        };
        let argv = shlex::split(command)
            .filter(|argv| !argv.is_empty() && name != Some(""))
            .ok_or("expected NAME=COMMAND, such as codex=/usr/local/bin/codex")?;
        let profile = match name.and_then(|name| name.split('@').next()) {
            Some("codex") => Profile::Codex,
            Some("pycodex") => Profile::Pycodex,
            _ => Profile::of_command(&argv),
        };
        let version = name.and_then(|name| Some(name.split_once('@')?.1.to_owned()));
        if let Some(version) = &version
            && !version.starts_with(|c: char| c.is_ascii_digit())
        {
            return Err(format!(
                "{version:?} is no version; write it as in codex@0.169.0"
            ));
        }
        Ok(Self(Agent {
            name: name.unwrap_or(profile.name()).to_owned(),
            profile,
            argv: from_here(argv),
            version,
        }))
    }
}

pub(crate) fn run(args: &Args) -> Outcome {
    if args.output.quiet {
        be_quiet();
    }
    // Before the run, which takes its time.
    args.output.check_paths(&inputs(args)?)?;
    let scripts = scripts(args)?;
    if args.list {
        return list(&scripts, args.output.format() == Format::Json);
    }
    let rules = args.rules.load()?;
    let scratch = Scratch::new(args.keep.as_deref())?;
    let root = scratch
        .root
        .canonicalize()
        .context("failed to find the directory of runs")?;
    let surroundings = Surroundings {
        path: std::env::var_os("PATH").unwrap_or_default(),
        ..Surroundings::default()
    };
    let agents = agents(args, &surroundings)?;
    let options = SuiteOptions {
        root,
        surroundings,
        limits: Limits {
            time: args.timeout,
            connect_time: args.connect_timeout,
            ..Limits::default()
        },
        seed: args.seed,
        jobs: args.jobs.unwrap_or_else(processors),
        reruns: args.rerun,
        compare: args.rules.options(&rules),
        standards: args.rules.standards(&rules),
        interrupted: interruption()?,
    };
    let shows = io::stderr().is_terminal() && !args.output.quiet;
    let home = user_home().files(std::slice::from_ref(&options.root));
    let outcome = run_suite(&agents, &scripts, &options, &|progress| {
        if shows {
            tell(progress, &scripts, &agents);
        }
    });
    if shows {
        // The line of the progress goes.
        let _ = write!(io::stderr(), "\r\u{1b}[K");
    }
    let SuiteRun { matrix, strays } = outcome.map_err(failure)?;
    let strays = strays.iter().map(|path| options.root.join(path));
    let changed: Vec<PathBuf> = home.changed().into_iter().chain(strays).collect();
    say_changed("an agent", &changed.iter().collect::<Vec<_>>());
    args.output.write(&MatrixPage {
        matrix: &matrix,
        kept: args.keep.as_deref(),
    })?;
    Ok(match matrix.verdict {
        Verdict::Clean => Status::Clean,
        Verdict::Findings => Status::Findings,
    })
}

/// An error with what to do about it.
fn failure(error: SuiteError) -> Failure {
    let hint = match &error {
        SuiteError::NoScenario { .. } => Some("docs/script.md says what goes into the table `run`"),
        SuiteError::Play { source, .. } => match source {
            PlayError::Drive(_) => Some("check the command of --agent"),
            PlayError::Place { source, .. } if source.kind() == io::ErrorKind::AlreadyExists => {
                Some("--keep wants a directory without earlier runs of these scenarios")
            }
            _ => None,
        },
        _ => None,
    };
    let failure = Failure::new(error);
    match hint {
        Some(hint) => failure.with_hint(hint),
        None => failure,
    }
}

fn processors() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

/// The files that the run reads.
fn inputs(args: &Args) -> Result<Vec<PathBuf>, Failure> {
    let mut paths: Vec<PathBuf> = args.rules.path().into_iter().collect();
    for word in args.scripts.iter().map(Path::new) {
        match word.is_dir() {
            true => paths.extend(files(word)?),
            false => paths.push(word.to_owned()),
        }
    }
    Ok(paths)
}

/// The scenarios, in the order in which they were named; those of a directory by name.
fn scripts(args: &Args) -> Result<Vec<(String, Arc<Script>)>, Failure> {
    let mut found = Vec::new();
    let takes_all = args.suite || args.list && args.scripts.is_empty();
    for one in SUITE.iter().filter(|_| takes_all) {
        found.push(built_in(one.name, one.text)?);
    }
    for word in &args.scripts {
        let path = Path::new(word);
        if path.is_dir() {
            let all: Result<Vec<_>, Failure> = files(path)?.iter().map(|path| file(path)).collect();
            found.extend(all?);
        } else if path.is_file() {
            found.push(file(path)?);
        } else if let Some(one) = SUITE.iter().find(|one| one.name == word) {
            found.push(built_in(one.name, one.text)?);
        } else {
            let error =
                anyhow::anyhow!("{word} is no file, no directory and no scenario of the suite");
            return Err(Failure::new(error).with_hint("trace-diff run --list names the scenarios"));
        }
    }
    let mut names = HashSet::new();
    match found.iter().find(|(name, _)| !names.insert(name.as_str())) {
        Some((name, _)) => {
            let error = anyhow::anyhow!("two scenarios are called {name}");
            Err(Failure::new(error).with_hint("a scenario has the name of its file"))
        }
        None => Ok(found),
    }
}

fn built_in(name: &str, text: &str) -> Result<(String, Arc<Script>), Failure> {
    Ok((name.to_owned(), Arc::new(Script::parse(name, text)?)))
}

/// The scripts of a directory, by name.
fn files(path: &Path) -> Result<Vec<PathBuf>, Failure> {
    let failed = || format!("failed to read {}", path.display());
    let entries = std::fs::read_dir(path).with_context(failed)?;
    let mut paths = Vec::new();
    for entry in entries {
        let path = entry.with_context(failed)?.path();
        if path
            .extension()
            .is_some_and(|kind| kind == "toml" || kind == "json")
        {
            paths.push(path);
        }
    }
    if paths.is_empty() {
        let error = anyhow::anyhow!("{} holds no script", path.display());
        return Err(Failure::new(error).with_hint("scripts end in .toml or .json"));
    }
    paths.sort();
    Ok(paths)
}

fn file(path: &Path) -> Result<(String, Arc<Script>), Failure> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let name = [".zst", ".gz", ".toml", ".json"]
        .iter()
        .fold(name.as_ref(), |name, end| {
            name.strip_suffix(end).unwrap_or(name)
        });
    Ok((name.to_owned(), Arc::new(script::read(path)?)))
}

fn list(scripts: &[(String, Arc<Script>)], is_json: bool) -> Outcome {
    if is_json {
        let rows = scripts
            .iter()
            .map(|(name, script)| serde_json::json!({"name": name, "title": script.name}));
        let text = format!("{}\n", serde_json::Value::from_iter(rows));
        return output::write(text.as_bytes());
    }
    let width = scripts
        .iter()
        .map(|(name, _)| name.len())
        .max()
        .unwrap_or(0);
    let mut out = BufWriter::new(io::stdout().lock());
    for (name, script) in scripts {
        let title = script.name.as_deref().unwrap_or_default();
        writeln!(out, "{name:width$}  {title}").context("failed to write to standard output")?;
    }
    out.flush().context("failed to write to standard output")?;
    Ok(Status::Clean)
}

/// The agents, each with its version.
fn agents(args: &Args, surroundings: &Surroundings) -> Result<Vec<Agent>, Failure> {
    // Not in a directory that is kept: what stands there is the user's.
    let scratch = Scratch::new(None)?;
    let mut agents: Vec<Agent> = Vec::with_capacity(args.agents.len());
    for AgentWord(agent) in &args.agents {
        if agents.iter().any(|other| other.name == agent.name) {
            let error = anyhow::anyhow!("two agents are called {}", agent.name);
            return Err(Failure::new(error).with_hint("write --agent NAME=COMMAND with two names"));
        }
        let mut agent = agent.clone();
        if agent.version.is_none() {
            let folder = scratch.root.join(agents.len().to_string());
            agent.version = find_version(&agent, &folder, surroundings);
        }
        agents.push(agent);
    }
    Ok(agents)
}

fn tell(progress: Progress, scripts: &[(String, Arc<Script>)], agents: &[Agent]) {
    let (done, all, case) = (progress.done, progress.all, progress.case);
    let (name, agent) = (&scripts[case.scenario].0, &agents[case.agent].name);
    let _ = write!(io::stderr(), "\r\u{1b}[K{done}/{all} {name} · {agent}");
}
