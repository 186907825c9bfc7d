//! `trace-diff replay`: a recorded session, played to an agent.

use std::cell::Cell;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use anyhow::Context;
use trace_diff::agent::{
    AgentCommand, Limits, Outcome as AgentOutcome, Place, Profile, Settings, Watch, configure,
};
use trace_diff::capture::{Capture, read_capture};
use trace_diff::diff::Comparison;
use trace_diff::normalize::Rules;
use trace_diff::replay::{
    Circumstances, Judge, OnDivergence, Recording, Replay, ReplayError, ReplayOptions,
};
use trace_diff::report::{Standards, Verdict, comparison_report};
use trace_diff::server::{CaptureTarget, Server, ServerOptions};

use crate::agent::{AgentArgs, tell};
use crate::exit::{Failure, Outcome, Status};
use crate::report::ReportArgs;
use crate::report_forms::{Format, Rendered};
use crate::rules;
use crate::scratch::Scratch;
use crate::serving::{ListenArgs, interruption, open_capture, say};

/// Plays a recorded session to an agent, and compares what it sends with what was recorded
///
/// The recorded responses are served to COMMAND, which is run in a home and a work directory of its own. Each of its requests is
/// compared with the recorded one as it arrives; ids, times and paths may differ. In COMMAND {base_url}, {port}, {home} and
/// {work} are filled in. Without COMMAND the server waits for an agent until Ctrl-C, and prints how to connect.
///
/// Commands that the model called run again, for real.
///
/// Exit status: 0 the agent sent what was recorded, 1 it did not, 2 the job could not be done.
#[derive(Debug, clap::Args)]
#[command(after_long_help = EXAMPLES)]
pub(crate) struct Args {
    /// What is replayed: a capture, a rollout-trace bundle, a rollout or a directory of rollouts
    recording: PathBuf,
    /// The agent, with its arguments
    #[arg(last = true, value_name = "COMMAND")]
    command: Vec<String>,
    /// What happens at the first request that is not the recorded one
    #[arg(long, value_enum, default_value_t = Reaction::Stop)]
    on_divergence: Reaction,
    /// Pauses in responses: none, exact as recorded, or so many times as long, such as 0.1
    #[arg(long, value_name = "none|exact|FACTOR", default_value = "none", value_parser = pace)]
    timing: Pace,
    #[command(flatten)]
    listen: ListenArgs,
    /// Writes every request and response of this run to OUT, secrets replaced
    #[arg(long, value_name = "OUT")]
    capture: Option<PathBuf>,
    /// Replaces OUT if it is there
    #[arg(long, requires = "capture")]
    force: bool,
    #[command(flatten)]
    agent: AgentArgs,
    #[command(flatten)]
    rules: rules::RuleArgs,
    #[command(flatten)]
    report: ReportArgs<Format>,
}

const EXAMPLES: &str = "\
Examples:
  trace-diff replay capture.jsonl -- codex exec --skip-git-repo-check \"Say hello.\"
      Does codex send what was recorded? Its home and configuration are made for it.
  trace-diff replay rollout-2026-11-21T02-03-57-….jsonl -- codex exec --skip-git-repo-check \"Say hello.\"
      The same from an agent's session file: what is not on disk is named and not compared.
  trace-diff replay capture.jsonl --on-divergence continue --report json=report.json -- my-agent --url {base_url}
      Any agent, to its end, with a report for programs.
  trace-diff replay capture.jsonl
      Only serves, and says how to connect; the verdict comes at Ctrl-C.";

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Reaction {
    /// The agent is stopped
    Stop,
    /// It gets the recorded responses all the same
    Continue,
}

/// How many times as long as recorded pauses last.
#[derive(Debug, Clone, Copy)]
struct Pace(Option<f64>);

fn pace(text: &str) -> Result<Pace, String> {
    match text {
        "none" => Ok(Pace(None)),
        "exact" => Ok(Pace(Some(1.0))),
        number => match number.parse() {
            Ok(factor) if (0.0..=1000.0).contains(&factor) => Ok(Pace(Some(factor))),
            _ => Err("expected none, exact, or a factor such as 0.5".to_owned()),
        },
    }
}

pub(crate) fn run(args: &Args) -> Outcome {
    let rules = args.rules.load()?;
    let standards = Arc::new(args.rules.standards(&rules));
    let recording = Recording::read(&args.recording).map_err(failure)?;
    let circumstances = Circumstances::of(&recording);
    if let Some(list) = listed(&recording.not_recorded()) {
        say(&format!("not recorded, and therefore not compared: {list}"));
    }
    let replay =
        Replay::new(recording, replay_options(args, &rules, &standards)).map_err(failure)?;
    let scratch = Scratch::new(args.agent.keep.as_deref())?;
    let capture = match &args.capture {
        Some(path) => path.clone(),
        None => scratch.root.join("capture.jsonl"),
    };
    let session = Session {
        server: start(args, &replay, &capture)?,
        args,
        replay,
        circumstances,
        scratch,
    };
    let outcome = match args.command.is_empty() {
        true => session.wait_for_signal().map(|()| None)?,
        false => Some(session.run_agent()?),
    };
    session.server.stop();
    let written = session.server.wait();
    written.with_context(|| format!("failed to write {}", capture.display()))?;
    let status = match &outcome {
        Some(outcome) => tell(&args.agent, outcome, &session.scratch)?,
        None => Status::Clean,
    };
    let mut candidate = read_capture(&capture.to_string_lossy())?;
    if args.capture.is_none() {
        candidate.path = "this run".to_owned();
    }
    let verdict = session.replay.verdict(candidate);
    let mut report = comparison_report(&verdict.baseline, &verdict.candidate, &verdict.comparison);
    standards.apply(&mut report, &verdict.comparison.ignore_used);
    args.report.write(&Rendered {
        report: &report,
        outline: None,
    })?;
    Ok(match report.verdict {
        Verdict::Clean => status,
        Verdict::Findings => status.max(Status::Findings),
    })
}

/// Words with commas and an "and" between them.
fn listed(words: &[&str]) -> Option<String> {
    let (last, before) = words.split_last()?;
    Some(match before {
        [] => (*last).to_owned(),
        _ => format!("{}, and {last}", before.join(", ")),
    })
}

/// How the agent is judged and answered.
fn replay_options(args: &Args, rules: &Rules, standards: &Arc<Standards>) -> ReplayOptions {
    let standards = Arc::clone(standards);
    let judge = move |baseline: &Capture, candidate: &Capture, comparison: &Comparison| {
        let mut report = comparison_report(baseline, candidate, comparison);
        standards.apply(&mut report, &comparison.ignore_used);
        report.verdict == Verdict::Findings
    };
    ReplayOptions {
        pace: args.timing.0,
        on_divergence: match args.on_divergence {
            Reaction::Stop => OnDivergence::Stop,
            Reaction::Continue => OnDivergence::Continue,
        },
        compare: args.rules.options(rules),
        judge: Judge(Arc::new(judge)),
    }
}

/// A replay with its server.
struct Session<'a> {
    args: &'a Args,
    replay: Replay,
    server: Server,
    circumstances: Circumstances,
    scratch: Scratch,
}

fn failure(error: ReplayError) -> Failure {
    let hint = match &error {
        ReplayError::Unknown(error) => error.hint(),
        _ => None,
    };
    let failure = Failure::new(error);
    match hint {
        Some(hint) => failure.with_hint(hint),
        None => failure,
    }
}

fn start(args: &Args, replay: &Replay, capture: &Path) -> Result<Server, Failure> {
    // A file that the user did not name is this run's own.
    let file = open_capture(capture, args.force || args.capture.is_none())?;
    let options = ServerOptions {
        script: replay.script.clone(),
        address: args.listen.address(),
        capture: CaptureTarget::File(Arc::new(file)),
        observer: Some(replay.observer()),
        ..ServerOptions::default()
    };
    Server::start(options).map_err(|error| {
        Failure::new(error)
            .with_hint("port 0 takes any free port; --host takes an address of this machine")
    })
}

impl Session<'_> {
    fn run_agent(&self) -> Result<AgentOutcome, Failure> {
        let options = &self.args.agent;
        let place = Place::below(&self.scratch.root.join("agent"))
            .and_then(|place| place.with(options.home.as_deref(), options.work.as_deref()))
            .context("failed to make the agent's directories")?;
        let surroundings = options.surroundings(&self.server, &self.circumstances);
        let profile = options.profile(&self.args.command);
        let settings = options.settings(&self.circumstances);
        configure(profile, &settings, &place, &surroundings)?;
        self.say_how_it_runs(profile, &settings);
        let mut command = AgentCommand::new(self.args.command.iter().cloned());
        if self.circumstances.is_traced {
            let traces = place.temp.join("traces").to_string_lossy().into_owned();
            let variable = ("CODEX_ROLLOUT_TRACE_ROOT".to_owned(), traces);
            command.variables.push(variable);
        }
        let limits = Limits {
            time: options.timeout,
            connect_time: options.connect_timeout,
            outside: options.outside(),
            ..Limits::default()
        };
        let said = Cell::new(0);
        let interrupted = interruption()?;
        let watch = Watch {
            has_connected: &|| self.server.state().requests > 0,
            is_over: &|| {
                say_divergences(&self.replay, &said);
                self.replay.is_over() || interrupted.load(Ordering::Relaxed)
            },
        };
        let outcome = trace_diff::agent::run(&command, &place, &surroundings, &limits, &watch)
            .map_err(|error| Failure::new(error).with_hint("check the command behind --"))?;
        say_divergences(&self.replay, &said);
        if interrupted.load(Ordering::Relaxed) {
            say("interrupted: the agent was ended");
        }
        Ok(outcome)
    }

    /// What the model had called is called again.
    fn say_how_it_runs(&self, profile: Profile, settings: &Settings) {
        let warning = "commands that the model called run again, for real";
        if profile == Profile::Other {
            return say(&format!("{warning}, if the agent runs them"));
        }
        let whence = match (&self.args.agent.sandbox, self.circumstances.sandbox) {
            (Some(_), _) => "as asked for",
            (None, Some(_)) => "as recorded",
            (None, None) => "the recording does not tell",
        };
        let sandbox = settings.sandbox.as_deref().unwrap_or("read-only");
        say(&format!(
            "{} runs with sandbox_mode {sandbox} ({whence}); {warning}",
            profile.name()
        ));
    }

    fn wait_for_signal(&self) -> Result<(), Failure> {
        // Signals are caught before anyone can know of the server.
        let interrupted = interruption()?;
        let listening = format!("listening on http://{}\n", self.server.address());
        crate::output::write(listening.as_bytes())?;
        self.say_how_to_connect();
        let said = Cell::new(0);
        while !self.replay.is_over() && !interrupted.load(Ordering::Relaxed) {
            std::thread::sleep(Duration::from_millis(50));
            say_divergences(&self.replay, &said);
        }
        say_divergences(&self.replay, &said);
        Ok(())
    }

    fn say_how_to_connect(&self) {
        let surroundings = self
            .args
            .agent
            .surroundings(&self.server, &self.circumstances);
        let base_url = &surroundings.base_url;
        let model = self.circumstances.model.as_deref().unwrap_or("MODEL");
        say(&format!(
            "config.toml of codex or pycodex:\n  model = \"{model}\"\n  model_provider = \"replay\"\n  \
             [model_providers.replay]\n  name = \"replay\"\n  base_url = \"{base_url}\"\n  \
             wire_api = \"responses\"\n  env_key = \"OPENAI_API_KEY\"\nother agents: OPENAI_BASE_URL={base_url}\n\
             the verdict comes at Ctrl-C, or when a request is not the recorded one"
        ));
    }
}

/// Tells of divergences when they happen.
fn say_divergences(replay: &Replay, said: &Cell<usize>) {
    let divergences = replay.divergences();
    for divergence in divergences.iter().skip(said.get()) {
        let recorded = match divergence.baseline {
            Some(number) => format!("recorded as #{number}"),
            None => "not recorded".to_owned(),
        };
        let what = divergence.first().map_or_else(String::new, |change| {
            let subject = change
                .subject
                .as_ref()
                .map(|subject| format!("{subject}: "));
            format!(
                "{} {}{}",
                change.pointer,
                subject.unwrap_or_default(),
                change.message
            )
        });
        say(&format!(
            "diverges in turn {}, request #{} ({recorded}): {what}",
            divergence.turn, divergence.candidate
        ));
    }
    said.set(divergences.len());
}
