//! The contract as a whole: thread by thread.

use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;

use crate::capture::{Capture, CaptureKind};
use crate::json::{Pointer, Problem};
use crate::normalize::Level;
use crate::rollout::{
    LineageProblem, RolloutName, RolloutSource, Rules, find_segment, sessions_root_of,
};

use super::super::request::{Request, Trace};
use super::super::violation::Violation;
use super::causes::join_causes;
use super::compaction::check_compaction;
use super::delivered::Delivery;
use super::identifiers::check_identifiers;
use super::input::{Compared, InputCheck};
use super::replay::{Replay, Texts};
use super::sampling::{Fit, find_sample};
use super::sent::{Pairing, Wire};
use super::stored::StoredRollout;
use super::stretch::{Sampled, stretches};
use super::threads::{Found, Thread, find_files, match_threads};
use super::usage::check_usage;

/// What wire against disk yields.
#[derive(Debug, Clone, Default)]
pub struct RolloutCheck {
    /// What differs.
    pub violations: Vec<Violation>,
    /// The rollouts that were compared.
    pub rollouts: Vec<CheckedRollout>,
}

/// One rollout that was compared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckedRollout {
    /// Its path as it was found.
    pub path: String,
    /// Number of its complete records.
    pub records: usize,
    /// What of it could not be read.
    pub problems: Vec<Problem>,
}

/// Why rollouts could not be compared.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum RolloutCheckError {
    /// A file or directory can't be read.
    #[error("can't read {path}")]
    Unreadable {
        /// The path as it was given or found.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// There is no rollout in what was named.
    #[error("there is no rollout in {path}")]
    NoRollout {
        /// The first of the paths.
        path: PathBuf,
    },
}

impl RolloutCheckError {
    /// What to do about it.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Unreadable { .. } => {
                "name a rollout-….jsonl[.zst] file or a directory of sessions"
            }
            Self::NoRollout { .. } => {
                "rollouts are files rollout-….jsonl[.zst], in the sessions directory of the agent's home"
            }
        }
    }
}

/// Compares what a capture's requests sent and responses delivered with rollouts on disk.
///
/// `paths` are rollouts of any version of Codex or pycodex, compressed or not, or directories with rollouts in them.
/// They are matched with the capture's threads by thread id. What a request sends is compared with what the history as of
/// some point of the rollout makes, points in the order of requests.
///
/// # Errors
///
/// When a path can't be read or there is no rollout. Damage in rollouts is told in [`CheckedRollout::problems`].
pub fn check_rollouts(
    capture: &Capture,
    paths: &[PathBuf],
) -> Result<RolloutCheck, RolloutCheckError> {
    let found = find_files(paths)
        .map_err(|(path, source)| RolloutCheckError::Unreadable { path, source })?;
    if found.is_empty() {
        let path = paths.first().cloned().unwrap_or_default();
        return Err(RolloutCheckError::NoRollout { path });
    }
    let trace = Trace::new(capture);
    let (threads, unused) = match_threads(&trace, &found);
    let context = Context {
        found: &found,
        is_partial: !capture.problems.is_empty(),
        lacks_compactions: capture.kind == CaptureKind::TraceBundle,
    };
    let mut check = RolloutCheck::default();
    for thread in &threads {
        if thread.files.is_empty() {
            check.violations.push(no_rollout(thread));
            continue;
        }
        let fail = |source| RolloutCheckError::Unreadable {
            path: thread.files[0].clone(),
            source,
        };
        check_thread(thread, &context, &mut check).map_err(fail)?;
    }
    check.violations.extend(unused.iter().map(no_requests));
    check.violations.extend(warm_ups(&trace));
    Ok(check)
}

/// What is known of the capture and the rollouts as a whole.
struct Context<'a> {
    found: &'a [Found],
    /// Whether the capture is damaged, so that responses may be missing.
    is_partial: bool,
    /// Whether its format has no place for local compactions.
    lacks_compactions: bool,
}

fn check_thread(
    thread: &Thread<'_>,
    context: &Context<'_>,
    check: &mut RolloutCheck,
) -> io::Result<()> {
    let mut texts = Texts::default();
    let mut files = Vec::with_capacity(thread.files.len());
    for path in &thread.files {
        let source = RolloutSource::file(path)?;
        let find = |id: &str| find_base(path, context.found, id);
        files.push(StoredRollout::read(source, find, &mut texts.facts)?);
    }
    check
        .rollouts
        .extend(files.iter().map(StoredRollout::summary));
    check
        .violations
        .extend(files.iter().flat_map(broken_lineage));
    let is_pycodex = files.iter().any(|file| file.is_pycodex);
    let pairings: &[Pairing] = match is_pycodex {
        true => &[Pairing::Drop, Pairing::Keep, Pairing::MakeUp],
        false => &[Pairing::MakeUp],
    };
    let rules = rules_of(thread, &files);
    let mut replay = Replay::new(&files, rules, &mut texts)?;
    let mut inputs = InputCheck::default();
    let mut sampled: Vec<Sampled<'_>> = Vec::new();
    let mut violations = Vec::new();
    for request in &thread.requests {
        let wire = Wire::new(&request.input, &mut texts.facts);
        let before = replay.clone();
        let sample = find_sample(
            &mut replay,
            request,
            &wire,
            pairings,
            &inputs.excuses,
            &mut texts,
        )?;
        if matches!(sample.fit, Fit::Near) && !request.is_whole {
            replay = before;
            violations.push(not_whole(request));
            continue;
        }
        let compared = Compared {
            request,
            wire: &wire,
            previous: sampled.last().map(|before: &Sampled<'_>| before.request),
            sample: &sample,
            kept: &replay.items,
            files: &files,
        };
        inputs.compare(&compared, &mut violations);
        sampled.push(Sampled {
            request,
            position: sample.position,
            before_answer: replay.before_next_change(),
        });
    }
    let delivery = Delivery {
        files: &files,
        sampled: &sampled,
        is_partial: context.is_partial,
        lacks_compactions: context.lacks_compactions,
    };
    delivery.check(&mut texts.facts, &mut violations);
    let stretches = stretches(&files, &sampled);
    for stretch in &stretches {
        check_usage(stretch, &mut violations);
        check_compaction(stretch, &mut violations);
    }
    check_identifiers(thread.id.as_deref(), &stretches, &mut violations);
    check.violations.extend(join_causes(violations));
    Ok(())
}

/// What is wrong with the files that a rollout goes on from.
fn broken_lineage(file: &StoredRollout) -> impl Iterator<Item = Violation> {
    // That the thread is another one than the name says is told where ids are compared.
    let own = &file.lineage.own().source.path;
    let is_own_name = move |problem: &&LineageProblem| matches!(problem, LineageProblem::NameDisagrees { path, .. } if path == own);
    let problems = file.lineage.problems.iter();
    let problems = problems.filter(move |problem| !is_own_name(problem));
    problems.map(|problem| {
        let level = Level::Warning;
        let mut violation = Violation::new("rollout-lineage-broken", level, None, Pointer::root());
        violation.message = format!("the rollout {problem}");
        violation.place = Some(file.own_place(0, Pointer::root()));
        violation
    })
}

/// The file that a `history_base` names: one of those at hand, or in the same tree.
fn find_base(path: &Path, found: &[Found], id: &str) -> Option<PathBuf> {
    let last_id = |file: &&Found| {
        let name = file.path.file_name().and_then(|name| name.to_str());
        let name = name.and_then(RolloutName::parse);
        name.and_then(|name| name.segment_id.or(name.thread_id))
            .as_deref()
            == Some(id)
    };
    match found.iter().find(last_id) {
        Some(file) => Some(file.path.clone()),
        None => find_segment(&sessions_root_of(path), id),
    }
}

/// The rules of the version that sent the requests, by its `user-agent`; else of the one that wrote the rollout.
fn rules_of(thread: &Thread<'_>, files: &[StoredRollout]) -> Rules {
    let sent = thread
        .requests
        .iter()
        .find_map(|request| request.version.as_deref());
    let written = files
        .iter()
        .find_map(|file| file.index().meta()?.cli_version.as_deref());
    let rules = Rules::named(sent.or(written));
    let provider = files
        .iter()
        .find_map(|file| file.index().meta()?.model_provider.as_deref());
    match provider {
        Some(name) if name.eq_ignore_ascii_case("openai") => rules.for_openai(),
        _ => rules,
    }
}

fn note(rule: &'static str, exchange: Option<usize>, message: String) -> Violation {
    Violation {
        message,
        ..Violation::new(rule, Level::Note, exchange, Pointer::root())
    }
}

fn no_rollout(thread: &Thread<'_>) -> Violation {
    let name = thread.id.as_deref().unwrap_or("without id");
    let first = thread.requests.first();
    let kind = first.and_then(|request| request.facts.subagent.as_deref());
    let kind = kind.map_or(String::new(), |kind| format!(" ({kind})"));
    let message = format!("thread {name}{kind} has no rollout among those that were named");
    let mut violation = note(
        "rollout-missing",
        first.map(|request| request.exchange),
        message,
    );
    violation.recurs = thread
        .requests
        .iter()
        .skip(1)
        .map(|request| request.exchange)
        .collect();
    violation
}

fn no_requests(file: &Found) -> Violation {
    let name = file.thread.as_deref().unwrap_or("without id");
    let message = format!("thread {name} has no request in the capture");
    let mut violation = note("rollout-unused", None, message);
    violation.subject = Some(file.path.to_string_lossy().into_owned());
    violation
}

/// Requests that never get to disk, in one note.
fn warm_ups(trace: &Trace) -> Option<Violation> {
    let mut requests = trace
        .requests
        .iter()
        .filter(|request| !request.is_for_model());
    let first = requests.next()?;
    let message = "requests that warm up a connection leave nothing on disk".to_owned();
    let mut violation = note("rollout-not-compared", Some(first.exchange), message);
    violation.recurs = requests.map(|request| request.exchange).collect();
    Some(violation)
}

fn not_whole(request: &Request) -> Violation {
    let message =
        "the input continues a response that is not in the capture, so it was not compared"
            .to_owned();
    note("rollout-not-compared", Some(request.exchange), message)
}
