//! `trace-diff replay`: a recorded session, played to an agent.

use std::cell::Cell;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use anyhow::Context;
use trace_diff::agent::{
    AgentCommand, Ending, Limits, Outcome as AgentOutcome, Place, Profile, Settings, Watch,
    configure,
};
use trace_diff::capture::{Capture, read_capture};
use trace_diff::diff::Comparison;
use trace_diff::normalize::Rules;
use trace_diff::replay::{AnsweredCommands, Judge, OnDivergence, Replay, ReplayOptions};
use trace_diff::report::{Live, Role, Standards, Verdict, comparison_report};
use trace_diff::server::{CaptureTarget, Proxy, ProxyOptions, Server, ServerOptions, Upstream};

use crate::agent::{AgentArgs, from_here, tell};
use crate::exit::{Failure, Outcome, Status};
use crate::replay_input::{failure, never_connected, read};
use crate::replay_talk::{say_divergences, say_what_is_missing, say_what_is_not_answered};
use crate::report::ReportArgs;
use crate::report_forms::{Format, Rendered};
use crate::rules;
use crate::scratch::Scratch;
use crate::serving::{
    ListenArgs, be_quiet, interruption, open_capture, proxy_failure, proxy_variables, say,
};

/// Plays a recorded session to an agent, and compares what it sends with what was recorded
///
/// The recorded responses are served to COMMAND, which is run in a home and a work directory of its own. Each of its requests is
/// compared with the recorded one as it arrives; ids, times and paths may differ. In COMMAND {base_url}, {port}, {home} and
/// {work} are filled in. Without COMMAND the server waits for an agent until Ctrl-C, and prints how to connect.
///
/// Commands that the model called run again, for real, unless --tools recorded answers them.
///
/// Exit status: 0 the agent sent what was recorded, 1 it did not, 2 the job could not be done.
#[derive(Debug, clap::Args)]
#[command(after_long_help = EXAMPLES)]
pub(crate) struct Args {
    /// What is replayed: a capture, a rollout-trace bundle, a rollout or a directory of rollouts; - is standard input
    recording: PathBuf,
    /// The agent, with its arguments
    #[arg(last = true, value_name = "COMMAND")]
    command: Vec<String>,
    /// What happens at the first request that is not the recorded one
    #[arg(long, value_enum, default_value_t = Reaction::Stop)]
    on_divergence: Reaction,
    /// Where requests go from the first divergence on, for --on-divergence live: http://HOST[:PORT][/PATH] or https://…
    #[arg(long, value_name = "URL")]
    upstream: Option<Upstream>,
    /// Trusts the certificate authorities in FILE (PEM), too, for --upstream
    #[arg(long, value_name = "FILE", requires = "upstream")]
    ca: Option<PathBuf>,
    /// Pauses in responses: none, exact as recorded, or so many times as long, such as 0.1
    #[arg(long, value_name = "none|exact|FACTOR", default_value = "none", value_parser = pace)]
    timing: Pace,
    /// What becomes of commands that the model called
    #[arg(long, value_enum, default_value_t = Tools::Run)]
    tools: Tools,
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
    /// This request and all later ones go to the real server of --upstream
    Live,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Tools {
    /// They run again, for real
    Run,
    /// They print what was recorded, and nothing of them runs, as far as the agent uses bash, zsh or sh
    Recorded,
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
    if args.report.quiet {
        be_quiet();
    }
    check_tools(args)?;
    if (args.on_divergence == Reaction::Live) != args.upstream.is_some() {
        let error = anyhow::anyhow!("--on-divergence live and --upstream go together");
        return Err(Failure::new(error).with_hint("--upstream names the real server"));
    }
    let rules = args.rules.load()?;
    let standards = Arc::new(args.rules.standards(&rules));
    // Before the run, which takes its time.
    args.report.check_paths(&[&args.recording])?;
    let recording = read(&args.recording)?;
    say_what_is_missing(&recording).map_err(failure)?;
    let replay =
        Replay::new(recording, replay_options(args, &rules, &standards)).map_err(failure)?;
    let scratch = Scratch::new(args.agent.keep.as_deref())?;
    let capture = match &args.capture {
        Some(path) => path.clone(),
        None => scratch.root.join("capture.jsonl"),
    };
    let (server, front) = start(args, &replay, &capture)?;
    let session = Session {
        server,
        front,
        args,
        replay,
        scratch,
    };
    let outcome = match args.command.is_empty() {
        true => session.wait_for_signal().map(|()| None)?,
        false => Some(session.run_agent()?),
    };
    let base_url = session.base_url();
    let is_asked = session.requests() > 0;
    let written = stop(session.server, session.front);
    written.with_context(|| format!("failed to write {}", capture.display()))?;
    let status = match &outcome {
        Some(outcome) => tell(&args.agent, outcome, &session.scratch)?,
        None => Status::Clean,
    };
    if !is_asked {
        return Err(never_connected(&base_url));
    }
    let mut candidate = read_capture(&capture.to_string_lossy())?;
    if args.capture.is_none() {
        candidate.path = "this run".to_owned();
    }
    let live = live(args, &session.replay);
    let verdict = session.replay.verdict(candidate);
    let mut report = comparison_report(&verdict.baseline, &verdict.candidate, &verdict.comparison);
    let mut inputs = report.inputs.iter_mut();
    if let Some(candidate) = inputs.find(|input| input.role == Role::Candidate) {
        candidate.live = live;
    }
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

/// From where on the upstream answered, if it did.
fn live(args: &Args, replay: &Replay) -> Option<Live> {
    let divergences = replay.divergences();
    let first = divergences.first().filter(|_| replay.is_live())?;
    Some(Live {
        from: first.candidate,
        upstream: args.upstream.as_ref()?.to_string(),
    })
}

/// Commands are answered by startup files in a home that is made for this.
fn check_tools(args: &Args) -> Result<(), Failure> {
    if args.tools == Tools::Run {
        return Ok(());
    }
    if args.agent.home.is_some() {
        return Err(Failure::new(anyhow::anyhow!("--tools recorded does not go with --home"))
            .with_hint("it writes startup files of shells, and a home of yours is not touched; leave --home out, and give settings with the agent's options"));
    }
    if args.command.is_empty() {
        return Err(
            Failure::new(anyhow::anyhow!("--tools recorded needs a COMMAND")).with_hint(
                "commands are answered by the startup files of a home that is made for the agent",
            ),
        );
    }
    Ok(())
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
            Reaction::Live => OnDivergence::Live,
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
    /// What agents speak to, where a real server may have to answer them.
    front: Option<Proxy>,
    scratch: Scratch,
}

/// Starts the server and, where the agent may go on with a real one, the proxy before both.
fn start(args: &Args, replay: &Replay, capture: &Path) -> Result<(Server, Option<Proxy>), Failure> {
    // A file that the user did not name is this run's own.
    let is_forced = args.force || args.capture.is_none();
    let target = open_capture(capture, is_forced, Some(&args.recording))?;
    let mut options = ServerOptions {
        script: replay.script.clone(),
        observer: Some(replay.observer()),
        ..ServerOptions::default()
    };
    match args.upstream {
        None => (options.address, options.capture) = (args.listen.address(), target.clone()),
        Some(_) => options.capture = CaptureTarget::None,
    }
    let server = Server::start(options).map_err(|error| {
        Failure::new(error)
            .with_hint("port 0 takes any free port; --host takes an address of this machine")
    })?;
    let Some(upstream) = &args.upstream else {
        return Ok((server, None));
    };
    let mut options = ProxyOptions::new(upstream.clone());
    options.address = args.listen.address();
    options.ca = args.ca.clone();
    options.variables = proxy_variables();
    options.capture = target;
    options.stand_in = Some(server.address());
    let front = Proxy::start(options).map_err(proxy_failure)?;
    Ok((server, Some(front)))
}

/// Ends what agents spoke to. The proxy goes first, for it writes down what the server says.
fn stop(server: Server, front: Option<Proxy>) -> std::io::Result<()> {
    if let Some(front) = front {
        front.stop();
        front.wait()?;
    }
    server.stop();
    server.wait()
}

impl Session<'_> {
    /// Where the agent finds its server.
    fn address(&self) -> SocketAddr {
        let front = self.front.as_ref();
        front.map_or(self.server.address(), Proxy::address)
    }

    /// Its base URL.
    fn base_url(&self) -> String {
        let circumstances = self.replay.circumstances();
        let surroundings = self.args.agent.surroundings(self.address(), circumstances);
        surroundings.base_url
    }

    fn requests(&self) -> u64 {
        let front = self.front.as_ref();
        front
            .map_or_else(|| self.server.state(), Proxy::state)
            .requests
    }

    fn run_agent(&self) -> Result<AgentOutcome, Failure> {
        let options = &self.args.agent;
        if let Some(work) = options.work.as_ref().filter(|work| !work.is_dir()) {
            let error = anyhow::anyhow!("{} is no directory", work.display());
            return Err(Failure::new(error).with_hint(
                "--work names one with what the session needs, such as a copy of the recorded one",
            ));
        }
        let place = Place::below(&self.scratch.root.join("agent"))
            .and_then(|place| place.with(options.home.as_deref(), options.work.as_deref()))
            .context("failed to make the agent's directories")?;
        let surroundings = options.surroundings(self.address(), self.replay.circumstances());
        let profile = options.profile(&self.args.command);
        let settings = options.settings(self.replay.circumstances());
        configure(profile, &settings, &place, &surroundings)?;
        let mut command = AgentCommand::new(from_here(self.args.command.clone()));
        let answered = self.answer_commands(&place)?;
        self.say_how_it_runs(profile, &settings, answered.as_ref());
        command
            .variables
            .extend(answered.into_iter().flat_map(|answered| answered.variables));
        if self.replay.circumstances().is_in_repository && options.work.is_none() {
            say(
                "recorded in a git repository: name a copy of it with --work, or requests lack `workspaces`",
            );
        }
        if self.replay.circumstances().is_traced {
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
            has_connected: &|| self.requests() > 0,
            is_over: &|| {
                self.say_divergences(&said);
                self.replay.is_over()
                    || self.replay.is_at_end()
                    || interrupted.load(Ordering::Relaxed)
            },
        };
        let outcome = trace_diff::agent::run(&command, &place, &surroundings, &limits, &watch)
            .map_err(|error| {
                Failure::new(error).with_hint(format!(
                    "the command behind -- is looked for in PATH; a path that is not absolute is looked for here and in {}",
                    place.work.display()
                ))
            })?;
        self.say_divergences(&said);
        if interrupted.load(Ordering::Relaxed) {
            say("interrupted: the agent was ended");
        } else if self.replay.is_at_end() && outcome.ending == Ending::Stopped {
            say(
                "the recording ends with this request, which was interrupted or of which the answer is not on disk: the agent was ended",
            );
        }
        Ok(outcome)
    }

    /// Has commands answered, if they are to be.
    fn answer_commands(&self, place: &Place) -> Result<Option<AnsweredCommands>, Failure> {
        if self.args.tools == Tools::Run {
            return Ok(None);
        }
        let command = &self.args.command;
        let answered = self.replay.answer_commands(&place.home, command);
        answered.map(Some).map_err(failure)
    }

    /// What the model had called is called again.
    fn say_how_it_runs(
        &self,
        profile: Profile,
        settings: &Settings,
        answered: Option<&AnsweredCommands>,
    ) {
        let warning = match answered {
            None => "commands that the model called run again, for real",
            Some(_) => "commands that the model called print what was recorded, and do not run",
        };
        if let Some(answered) = answered {
            say_what_is_not_answered(answered);
        }
        if profile == Profile::Other {
            return say(&format!("{warning}, if the agent runs them"));
        }
        let whence = match (
            &self.args.agent.sandbox,
            self.replay.circumstances().sandbox,
        ) {
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
        let listening = format!("listening on http://{}\n", self.address());
        crate::output::write(listening.as_bytes())?;
        self.say_how_to_connect();
        let said = Cell::new(0);
        while !self.replay.is_over() && !interrupted.load(Ordering::Relaxed) {
            std::thread::sleep(Duration::from_millis(50));
            self.say_divergences(&said);
        }
        self.say_divergences(&said);
        Ok(())
    }

    /// Tells of divergences when they happen, and of where the recording ends for it.
    fn say_divergences(&self, said: &Cell<usize>) {
        let before = said.get();
        say_divergences(&self.replay, said);
        if let (Some(upstream), true) = (
            &self.args.upstream,
            said.get() > before && self.replay.is_live(),
        ) {
            say(&format!(
                "the recording ends here: this request and all later ones go to {upstream}"
            ));
        }
    }

    fn say_how_to_connect(&self) {
        let base_url = self.base_url();
        let model = self
            .replay
            .circumstances()
            .model
            .as_deref()
            .unwrap_or("MODEL");
        say(&format!(
            "config.toml of codex or pycodex:\n  model = \"{model}\"\n  model_provider = \"replay\"\n  \
             [model_providers.replay]\n  name = \"replay\"\n  base_url = \"{base_url}\"\n  \
             wire_api = \"responses\"\n  env_key = \"OPENAI_API_KEY\"\nother agents: OPENAI_BASE_URL={base_url}\n\
             the verdict comes at Ctrl-C, or when a request is not the recorded one"
        ));
    }
}
