//! `trace-diff send`: recorded requests, played at an endpoint.

use std::collections::BTreeMap;
use std::env;
use std::io::{self, IsTerminal};
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use anyhow::{Context, anyhow};
use trace_diff::capture::{Capture, read_capture};
use trace_diff::report::{Verdict, answers_report};
use trace_diff::send::{
    Likeness, Plan, PlanOptions, Sent, Session, Stopped, Way, Why, judge, send,
};
use trace_diff::server::{Client, ClientOptions, SendError, Upstream};

use crate::duration::duration;
use crate::exit::{Failure, Outcome, Status};
use crate::report::ReportArgs;
use crate::report_forms::{Format, Rendered};
use crate::serving::{self, say};
use crate::{input, rules};

/// What `--help` ends with.
const EXAMPLES: &str = "\
Examples:
  trace-diff send capture.jsonl --to http://127.0.0.1:8000/v1 --model my-model
      Does this server answer Codex as the Responses API does? Each recorded request is sent, and each answer checked.
  trace-diff send capture.jsonl --to https://gateway.example/v1 --bearer-env GATEWAY_KEY --capture answers.jsonl
      The key is taken from the variable; what was said is kept for trace-diff show answers.jsonl.
  trace-diff send capture.jsonl --to http://127.0.0.1:4000/v1 --exact --ignore /response/headers
      A gateway before `trace-diff serve capture.jsonl` has to answer what was recorded.
  trace-diff send capture.jsonl --to http://127.0.0.1:8000/v1 --exchange 3
      One request alone.";

/// Sends recorded requests to an endpoint, and holds its answers against the recorded ones
///
/// For those who serve models. Each request of CAPTURE to /responses, /responses/compact and /models is sent in order, as it was
/// recorded: its body, and its header fields but for secrets. What was sent over a WebSocket is sent over one, or over HTTP
/// where the endpoint has none. Later requests hold the recorded history, whatever the endpoint has answered; only what
/// continues a response by its id names the one just received.
///
/// Checked is whether the events of each answer are those of the Responses API, whether Codex can read them, and whether they have
/// the form of the recorded ones: a model may say something else. With --exact the answers have to be the recorded ones, up to
/// ids.
///
/// HTTP_PROXY, HTTPS_PROXY, ALL_PROXY and NO_PROXY are heeded, for an endpoint on another machine. Nothing else is asked.
///
/// Exit status: 0 nothing found, 1 findings, 2 the endpoint can't be reached, takes no request, or the job could not be done.
#[derive(Debug, clap::Args)]
#[command(after_long_help = EXAMPLES)]
pub(crate) struct Args {
    /// The capture whose requests are sent; - is standard input
    #[arg(value_name = "CAPTURE")]
    capture_file: String,
    /// The endpoint: http://HOST[:PORT]/PATH or https://…, such as http://127.0.0.1:8000/v1; /responses and /models are put
    /// behind it. Without a path the recorded ones are asked for
    #[arg(long, value_name = "URL")]
    to: Upstream,
    /// Names another model in every request
    #[arg(long, value_name = "NAME")]
    model: Option<String>,
    /// Sends the value of an environment variable as Authorization: Bearer
    #[arg(long, value_name = "VARIABLE")]
    bearer_env: Option<String>,
    /// Sends a header field, in place of the recorded one; may be repeated
    #[arg(long = "header", value_name = "NAME=VALUE")]
    headers: Vec<Field>,
    /// Sends only the exchange with this number, as reports and trace-diff show have it; may be repeated
    #[arg(long = "exchange", value_name = "N")]
    exchanges: Vec<usize>,
    /// The answers have to be the recorded ones, up to ids: for an endpoint that plays what was recorded
    #[arg(long)]
    exact: bool,
    /// Longest time from a request to the end of its answer
    #[arg(long, value_name = "TIME", default_value = "600s", value_parser = duration)]
    timeout: Duration,
    /// Writes requests and answers to OUT as they happen, secrets replaced
    #[arg(long, value_name = "OUT")]
    capture: Option<PathBuf>,
    /// Replaces OUT if it is there
    #[arg(long)]
    force: bool,
    /// Trusts the certificate authorities in FILE (PEM), too
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
    #[command(flatten)]
    rules: rules::RuleArgs,
    #[command(flatten)]
    report: ReportArgs<Format>,
}

/// A header field of the command line.
#[derive(Debug, Clone)]
struct Field {
    name: String,
    value: String,
}

impl FromStr for Field {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, value) = text
            .split_once('=')
            .ok_or("expected NAME=VALUE, such as x-tenant=blue")?;
        if name.eq_ignore_ascii_case("authorization") {
            // Every process of the machine can read what stands in a command line.
            return Err(
                "a key is no argument: --bearer-env names a variable that holds it".to_owned(),
            );
        }
        Ok(Self {
            name: name.to_owned(),
            value: value.to_owned(),
        })
    }
}

pub(crate) fn run(args: &Args) -> Outcome {
    let rules = args.rules.load()?;
    let recorded = input::capture(&args.capture_file)?;
    let plan = args.plan(&recorded)?;
    // Before anything is sent, for it may cost something.
    let files = args.capture.iter().map(PathBuf::as_path);
    let files: Vec<&Path> = files.chain([Path::new(&args.capture_file)]).collect();
    args.report.check_paths(&files)?;
    let client = args.client()?;
    args.say_plan(&plan);
    let session = send(&plan, &client, &mut |sent| say_sent(sent));
    client.finish().map_err(serving::capture_failure)?;
    say_session(&session);
    if session.sent.is_empty() || is_refused_at_once(&session) {
        return Err(args.nothing_answered(&session, &client));
    }
    let answers = args.answers(&client)?;
    let options = args.rules.options(&rules);
    let likeness = match args.exact {
        true => Likeness::Exact,
        false => Likeness::Form,
    };
    let judged = judge(&recorded, &answers, &plan, &session, likeness, &options);
    let found = (&judged.comparison, &judged.contracts);
    let mut report = answers_report(&recorded, &answers, &args.to.to_string(), found, &options);
    let standards = args.rules.standards(&rules);
    standards.apply(&mut report, &judged.comparison.ignore_used);
    args.report.write(&Rendered {
        report: &report,
        outline: None,
    })?;
    // What could not be sent was not found to be right.
    Ok(match (report.verdict, &session.stopped) {
        (Verdict::Clean, None) => Status::Clean,
        (Verdict::Findings, None) => Status::Findings,
        (_, Some(_)) => Status::Failed,
    })
}

impl Args {
    fn plan(&self, recorded: &Capture) -> Result<Plan, Failure> {
        let mut headers: Vec<(String, String)> = Vec::new();
        if let Some(variable) = &self.bearer_env {
            let key = env::var(variable).unwrap_or_default();
            if key.trim().is_empty() {
                let error = anyhow!("the environment variable {variable} is not set");
                return Err(Failure::new(error).with_hint("it holds the key, without `Bearer`"));
            }
            let value = format!("Bearer {}", key.trim());
            headers.push(("authorization".to_owned(), value));
        }
        let fields = self.headers.iter();
        headers.extend(fields.map(|field| (field.name.clone(), field.value.clone())));
        let plan = Plan::new(
            recorded,
            &PlanOptions {
                exchanges: self.exchanges.clone(),
                model: self.model.clone(),
                headers,
                is_relative: self.to.has_path(),
            },
        );
        if plan.steps.is_empty() {
            let error = anyhow!("{} holds nothing that can be sent", recorded.path);
            let why = reasons(&plan);
            let hint = match why.is_empty() {
                _ if !self.exchanges.is_empty() => {
                    "trace-diff show lists its exchanges with their numbers".to_owned()
                }
                true => {
                    "requests to /responses, /responses/compact and /models are sent".to_owned()
                }
                false => format!("left out are {why}"),
            };
            return Err(Failure::new(error).with_hint(hint));
        }
        Ok(plan)
    }

    fn client(&self) -> Result<Client, Failure> {
        let mut options = ClientOptions::new(self.to.clone());
        options.ca = self.ca.clone();
        options.variables = serving::proxy_variables();
        options.answer_time = self.timeout;
        if let Some(path) = &self.capture {
            options.capture =
                serving::open_capture(path, self.force, Some(Path::new(&self.capture_file)))?;
            if !path.metadata().is_ok_and(|metadata| metadata.is_file()) {
                // The answers are read again when all are there.
                let error = anyhow!("{} is no file", path.display());
                return Err(Failure::new(error).with_hint("name a file"));
            }
        }
        Client::new(options).map_err(serving::proxy_failure)
    }

    /// What was sent and answered.
    fn answers(&self, client: &Client) -> Result<Capture, Failure> {
        match &self.capture {
            Some(path) => input_of(path),
            None => {
                let mut answers = client.capture().context("the answers can't be read")?;
                // There is no file that an editor could open.
                answers
                    .exchanges
                    .iter_mut()
                    .for_each(|one| one.place = None);
                Ok(answers)
            }
        }
    }

    /// Tells what is about to leave this machine, before it does.
    fn say_plan(&self, plan: &Plan) {
        let count = plan.steps.len();
        let requests = if count == 1 { "request" } else { "requests" };
        let size = in_bytes(plan.bytes());
        say(&format!("sends {count} {requests} ({size}) to {}", self.to));
        let left_out = reasons(plan);
        if !left_out.is_empty() {
            say(&format!("not sent: {left_out}"));
        }
    }

    /// Why there is nothing to report.
    fn nothing_answered(&self, session: &Session, client: &Client) -> Failure {
        match &session.stopped {
            Some(Stopped::Unsent(error @ SendError::Field { .. })) => {
                Failure::new(error.clone()).with_hint("a field is one line of printable characters")
            }
            Some(Stopped::Unsent(error)) => Failure::new(error.clone()).with_hint(
                "is it running, and is this its address? --ca trusts another certificate authority",
            ),
            Some(Stopped::Unauthorized(status, said)) => {
                let said = match client.redactor() {
                    Some(mut redactor) => redactor.excerpt(said),
                    None => said.clone(),
                };
                let error = anyhow!("{} answers {status}: {said}", self.to);
                Failure::new(error).with_hint(match &self.bearer_env {
                    Some(variable) => format!("it does not take the key in {variable}"),
                    None => "--bearer-env names a variable that holds a key; recorded ones are not in a capture".to_owned(),
                })
            }
            None => Failure::new(anyhow!("no request of the capture makes sense over HTTP")),
        }
    }
}

/// Whether the very first answer was that nothing is answered.
fn is_refused_at_once(session: &Session) -> bool {
    session.sent.len() == 1 && matches!(session.stopped, Some(Stopped::Unauthorized(..)))
}

fn input_of(path: &Path) -> Result<Capture, Failure> {
    read_capture(&path.to_string_lossy()).map_err(input::not_opened)
}

/// What is not sent: `2 for other endpoints, 1 recorded without a body`.
fn reasons(plan: &Plan) -> String {
    let mut counts: BTreeMap<Why, usize> = BTreeMap::new();
    for left_out in &plan.left_out {
        *counts.entry(left_out.why).or_default() += 1;
    }
    let parts: Vec<String> = counts
        .iter()
        .map(|(why, count)| format!("{count} {}", why.in_words()))
        .collect();
    parts.join(", ")
}

/// Tells of an answer while others are waited for, on a terminal.
fn say_sent(sent: &Sent) {
    if !io::stderr().is_terminal() {
        return;
    }
    let status = sent
        .status
        .map_or("no answer".to_owned(), |status| status.to_string());
    let late = if sent.is_given_up { ", given up" } else { "" };
    say(&format!("#{}: {status}{late}", sent.recorded));
}

/// Tells what was done otherwise than it was recorded.
fn say_session(session: &Session) {
    let instead = session
        .sent
        .iter()
        .filter(|sent| sent.way == Way::InsteadOfWebSocket);
    let instead = instead.count();
    if instead > 0 {
        say(&format!(
            "the endpoint opens no WebSocket: {instead} sent over HTTP, with the whole history each"
        ));
    }
    let whole = session
        .sent
        .iter()
        .filter(|sent| sent.is_whole && sent.way != Way::InsteadOfWebSocket);
    let whole = whole.count();
    if whole > 0 {
        say(&format!(
            "{whole} sent with the whole recorded history: what they continue was answered otherwise"
        ));
    }
    if !session.without_use.is_empty() {
        let count = session.without_use.len();
        say(&format!("not sent: {count} that only warm up a WebSocket"));
    }
    match &session.stopped {
        Some(Stopped::Unsent(error)) if !session.sent.is_empty() => {
            say(&format!("error: {error}; the rest was not sent"));
        }
        Some(Stopped::Unauthorized(status, _)) if !session.sent.is_empty() => {
            say(&format!(
                "error: the endpoint answers {status}; the rest was not sent"
            ));
        }
        _ => {}
    }
}

fn in_bytes(bytes: u64) -> String {
    match bytes {
        0..1000 => format!("{bytes} bytes"),
        1000..1_000_000 => format!("{:.1} kB", bytes as f64 / 1e3),
        _ => format!("{:.1} MB", bytes as f64 / 1e6),
    }
}
