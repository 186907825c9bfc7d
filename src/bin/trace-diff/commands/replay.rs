//! `trace-diff replay`: a recorded session, played to an agent.

use std::cell::Cell;
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use tokio::signal::unix::{SignalKind, signal};
use trace_diff::agent::{
    AgentCommand, Ending, Limits, Outcome as AgentOutcome, Place, Profile, Settings, Surroundings,
    Watch, configure,
};
use trace_diff::capture::{Capture, read_capture};
use trace_diff::diff::Comparison;
use trace_diff::replay::{
    Circumstances, Judge, OnDivergence, Recording, Replay, ReplayError, ReplayOptions, SandboxMode,
};
use trace_diff::report::{Verdict, apply_accept, apply_levels, comparison_report, visible};
use trace_diff::server::{CaptureTarget, Server, ServerOptions};

use crate::duration::duration;
use crate::exit::{Failure, Outcome, Status};
use crate::report::{Rendered, ReportArgs};
use crate::rules;
use crate::scratch::Scratch;

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
    /// Address to listen on
    #[arg(long, value_name = "IP", default_value_t = IpAddr::V4(Ipv4Addr::LOCALHOST))]
    host: IpAddr,
    /// Port to listen on; 0 takes any free one
    #[arg(long, value_name = "PORT", default_value_t = 0)]
    port: u16,
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
    report: ReportArgs,
}

#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Agent")]
struct AgentArgs {
    /// Which agent COMMAND is, so that its home can be set up; without it the name of the program tells
    #[arg(long, value_enum)]
    agent: Option<Kind>,
    /// What commands of the model may do; without it what the recording says, else read-only
    #[arg(long, value_name = "MODE", value_parser = ["read-only", "workspace-write", "danger-full-access"])]
    sandbox: Option<String>,
    /// The agent's home, made if it is not there; a configuration in it is left as it is. Without it a new one, removed in the end
    #[arg(long, value_name = "DIR")]
    home: Option<PathBuf>,
    /// The agent's work directory; without it a new one, removed in the end
    #[arg(long, value_name = "DIR")]
    work: Option<PathBuf>,
    /// Keeps what the agent leaves in DIR: home, work, what it printed
    #[arg(long, value_name = "DIR")]
    keep: Option<PathBuf>,
    /// Gives the agent a variable, or the one of this name from here; may be repeated
    #[arg(long, value_name = "NAME[=VALUE]")]
    env: Vec<String>,
    /// Longest time until the agent ends, such as 90s
    #[arg(long, value_name = "TIME", default_value = "600s", value_parser = duration)]
    timeout: Duration,
    /// Longest time until its first request
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = duration)]
    connect_timeout: Duration,
    /// Shows what the agent prints when it has ended, whatever became of it
    #[arg(long)]
    show_output: bool,
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

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Kind {
    /// The Codex CLI
    Codex,
    /// pycodex
    Pycodex,
    /// Any other program
    Other,
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
    let recording = Recording::read(&args.recording).map_err(failure)?;
    let circumstances = Circumstances::of(&recording);
    for what in recording.not_recorded() {
        say(&format!("not recorded, and not compared: {what}"));
    }
    let today = rules::today();
    let levels = args.rules.levels(&rules);
    let judge = {
        let (rules, levels) = (rules.clone(), levels.clone());
        move |baseline: &Capture, candidate: &Capture, comparison: &Comparison| {
            let mut report = comparison_report(baseline, candidate, comparison);
            apply_levels(&mut report, &levels);
            apply_accept(&mut report, &rules, today, &comparison.ignore_used);
            report.verdict == Verdict::Findings
        }
    };
    let options = ReplayOptions {
        pace: args.timing.0,
        on_divergence: match args.on_divergence {
            Reaction::Stop => OnDivergence::Stop,
            Reaction::Continue => OnDivergence::Continue,
        },
        compare: args.rules.options(&rules),
        judge: Judge(Arc::new(judge)),
    };
    let replay = Replay::new(recording, options).map_err(failure)?;
    let scratch = Scratch::new(args.agent.keep.as_deref())?;
    let capture_path = match &args.capture {
        Some(path) => path.clone(),
        None => scratch.root.join("capture.jsonl"),
    };
    let server = start(args, &replay, &capture_path)?;
    let surroundings = args.agent.surroundings(&server, &circumstances);
    let told = match args.command.is_empty() {
        true => {
            wait_for_signal(&server, &replay, &surroundings, &circumstances)?;
            None
        }
        false => Some(run_agent(
            args,
            &replay,
            &server,
            &scratch,
            &surroundings,
            &circumstances,
        )?),
    };
    server.stop();
    server
        .wait()
        .with_context(|| format!("failed to write {}", capture_path.display()))?;
    let candidate = read_capture(&capture_path.to_string_lossy());
    let status = match &told {
        Some(outcome) => tell(args, outcome, &scratch)?,
        None => Status::Clean,
    };
    let mut candidate = match candidate {
        Ok(capture) => capture,
        Err(error) => return Err(Failure::new(error)),
    };
    candidate.path = match &args.capture {
        Some(path) => path.to_string_lossy().into_owned(),
        None => "this run".to_owned(),
    };
    let verdict = replay.verdict(candidate);
    let mut report = comparison_report(&verdict.baseline, &verdict.candidate, &verdict.comparison);
    apply_levels(&mut report, &levels);
    apply_accept(&mut report, &rules, today, &verdict.comparison.ignore_used);
    args.report.write(&Rendered {
        report: &report,
        outline: None,
    })?;
    Ok(match report.verdict {
        Verdict::Clean => status,
        Verdict::Findings => status.max(Status::Findings),
    })
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
    let is_there = fs::metadata(capture).is_ok_and(|metadata| metadata.len() > 0);
    if is_there && !args.force {
        let error = anyhow::anyhow!("{} exists already", capture.display());
        return Err(Failure::new(error).with_hint("--force replaces it"));
    }
    let file = OpenOptions::new()
        .create(true)
        .write(true)
        .truncate(true)
        .open(capture)
        .with_context(|| format!("failed to write {}", capture.display()))?;
    let options = ServerOptions {
        script: replay.script.clone(),
        address: SocketAddr::new(args.host, args.port),
        capture: CaptureTarget::File(Arc::new(file)),
        observer: Some(replay.observer()),
        ..ServerOptions::default()
    };
    Server::start(options).map_err(|error| {
        Failure::new(error)
            .with_hint("port 0 takes any free port; --host takes an address of this machine")
    })
}

impl AgentArgs {
    fn surroundings(&self, server: &Server, circumstances: &Circumstances) -> Surroundings {
        let prefix = circumstances.prefix.as_deref().unwrap_or("/v1");
        let variables = self
            .env
            .iter()
            .filter_map(|variable| match variable.split_once('=') {
                Some((name, value)) => Some((name.into(), value.into())),
                None => Some((variable.into(), std::env::var_os(variable)?)),
            });
        Surroundings {
            base_url: format!("http://{}{prefix}", server.address()),
            path: std::env::var_os("PATH").unwrap_or_default(),
            time_zone: circumstances.time_zone.clone().unwrap_or_default(),
            variables: variables.collect(),
        }
    }

    fn profile(&self, command: &[String]) -> Profile {
        match self.agent {
            Some(Kind::Codex) => Profile::Codex,
            Some(Kind::Pycodex) => Profile::Pycodex,
            Some(Kind::Other) => Profile::Other,
            None => Profile::of_command(command),
        }
    }

    fn settings(&self, circumstances: &Circumstances) -> Settings {
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

fn run_agent(
    args: &Args,
    replay: &Replay,
    server: &Server,
    scratch: &Scratch,
    surroundings: &Surroundings,
    circumstances: &Circumstances,
) -> Result<AgentOutcome, Failure> {
    let place = Place::below(&scratch.root.join("agent"))
        .and_then(|place| place.with(args.agent.home.as_deref(), args.agent.work.as_deref()))
        .context("failed to make the agent's directories")?;
    let profile = args.agent.profile(&args.command);
    let settings = args.agent.settings(circumstances);
    configure(profile, &settings, &place, surroundings)?;
    if profile != Profile::Other {
        let sandbox = settings.sandbox.as_deref().unwrap_or("read-only");
        let whence = match (&args.agent.sandbox, circumstances.sandbox) {
            (Some(_), _) => "as asked for",
            (None, Some(_)) => "as recorded",
            (None, None) => "the recording does not tell",
        };
        say(&format!(
            "{} runs with sandbox_mode {sandbox} ({whence}): commands that the model called run again, for real",
            profile.name()
        ));
    } else {
        say("commands that the model called run again, for real, if the agent runs them");
    }
    let mut command = AgentCommand::new(args.command.iter().cloned());
    if circumstances.is_traced {
        let traces = place.temp.join("traces").to_string_lossy().into_owned();
        let variable = ("CODEX_ROLLOUT_TRACE_ROOT".to_owned(), traces);
        command.variables.push(variable);
    }
    let limits = Limits {
        time: args.agent.timeout,
        connect_time: args.agent.connect_timeout,
        ..Limits::default()
    };
    let said = Cell::new(0);
    let watch = Watch {
        has_connected: &|| server.state().requests > 0,
        is_over: &|| {
            say_divergences(replay, &said);
            replay.is_over()
        },
    };
    let outcome = trace_diff::agent::run(&command, &place, surroundings, &limits, &watch)
        .map_err(|error| Failure::new(error).with_hint("check the command behind --"))?;
    say_divergences(replay, &said);
    Ok(outcome)
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

/// Says what became of the agent.
fn tell(args: &Args, outcome: &AgentOutcome, scratch: &Scratch) -> Result<Status, Failure> {
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
    for path in &outcome.outside {
        say(&format!(
            "it wrote outside of its directories: {}",
            path.display()
        ));
    }
    let wants_output = args.agent.show_output || !(is_well || is_stopped);
    for (name, output) in [("stdout", &outcome.stdout), ("stderr", &outcome.stderr)] {
        if scratch.is_kept {
            let path = scratch.root.join(format!("{name}.txt"));
            fs::write(&path, output.text())
                .with_context(|| format!("failed to write {}", path.display()))?;
        }
        let text = output.text();
        let lines: Vec<&str> = text.lines().collect();
        let shown = if args.agent.show_output {
            lines.len()
        } else {
            10
        };
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
    match outcome.ending {
        _ if is_well || is_stopped => Ok(Status::Clean),
        Ending::NeverConnected(_) => Ok(Status::Failed),
        Ending::Exited(_) if !outcome.has_connected => Ok(Status::Failed),
        // How it was to end was not recorded.
        Ending::Exited(_) => Ok(Status::Clean),
        _ => Ok(Status::Findings),
    }
}

fn wait_for_signal(
    server: &Server,
    replay: &Replay,
    surroundings: &Surroundings,
    circumstances: &Circumstances,
) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("failed to wait for signals")?;
    let (mut terminate, mut interrupt) = {
        let _entered = runtime.enter();
        (
            signal(SignalKind::terminate()).context("failed to wait for signals")?,
            signal(SignalKind::interrupt()).context("failed to wait for signals")?,
        )
    };
    crate::output::write(format!("listening on http://{}\n", server.address()).as_bytes())?;
    say_how_to_connect(surroundings, circumstances);
    let said = Cell::new(0);
    runtime.block_on(async {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
            () = server.stopping() => {}
            () = async {
                loop {
                    tokio::time::sleep(Duration::from_millis(100)).await;
                    say_divergences(replay, &said);
                    if replay.is_over() {
                        break;
                    }
                }
            } => {}
        }
    });
    say_divergences(replay, &said);
    Ok(())
}

fn say_how_to_connect(surroundings: &Surroundings, circumstances: &Circumstances) {
    let base_url = &surroundings.base_url;
    let model = circumstances.model.as_deref().unwrap_or("gpt-5.5");
    say(&format!(
        "in config.toml of codex or pycodex:\n  model = \"{model}\"\n  model_provider = \"replay\"\n  [model_providers.replay]\n  name = \"replay\"\n  base_url = \"{base_url}\"\n  wire_api = \"responses\"\n  env_key = \"OPENAI_API_KEY\"\nother agents: OPENAI_BASE_URL={base_url}\nthe verdict comes at Ctrl-C"
    ));
}

fn say(text: &str) {
    let mut out = io::stderr().lock();
    for line in text.lines() {
        // There is nowhere left to say that standard error is closed.
        let _ = writeln!(out, "{}", visible(line));
    }
}
