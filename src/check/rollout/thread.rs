//! One thread against its rollouts.

use std::io;
use std::path::{Path, PathBuf};

use crate::responses::RequestKind;
use crate::rollout::{RolloutName, RolloutSource, Rules, find_segment, sessions_root_of};

use super::super::violation::Violation;
use super::causes::join_causes;
use super::check::RolloutCheck;
use super::compaction::check_compaction;
use super::delivered::Delivery;
use super::habits::Habits;
use super::identifiers::check_identifiers;
use super::input::{Compared, InputCheck};
use super::notes::{broken_lineage, not_whole};
use super::replay::{Replay, Texts};
use super::sampling::{Fit, Search};
use super::sent::Wire;
use super::stored::StoredRollout;
use super::stretch::{Sampled, stretches};
use super::threads::{Found, Thread};
use super::usage::check_usage;

/// What is known of the capture and the rollouts as a whole.
pub(super) struct Context<'a> {
    pub(super) found: &'a [Found],
    /// Whether the capture is damaged, so that responses may be missing.
    pub(super) is_partial: bool,
    /// Whether its format has no place for local compactions.
    pub(super) lacks_compactions: bool,
}

/// Compares one thread with its rollouts.
///
/// # Errors
///
/// When a rollout can't be read, with its path.
pub(super) fn check_thread(
    thread: &Thread<'_>,
    context: &Context<'_>,
    check: &mut RolloutCheck,
) -> Result<(), (PathBuf, io::Error)> {
    let mut texts = Texts::default();
    let mut files = Vec::with_capacity(thread.files.len());
    for path in &thread.files {
        let fail = |error| (path.clone(), error);
        let source = RolloutSource::file(path).map_err(fail)?;
        let find = |id: &str| find_base(path, context.found, id);
        let stored = StoredRollout::read(source, find, &mut texts.facts);
        files.push(stored.map_err(fail)?);
    }
    let read = files.iter();
    check.rollouts.extend(read.map(StoredRollout::summary));
    let broken = files.iter().flat_map(broken_lineage);
    check.violations.extend(broken);
    let mut violations = Vec::new();
    // Texts are read again from any of the files; the first stands for them.
    let fail = |error| (thread.files[0].clone(), error);
    let sampled = check_inputs(thread, &files, &mut texts, &mut violations).map_err(fail)?;
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

/// Puts each request at its point of the rollout and compares what it sends with the history there.
fn check_inputs<'t>(
    thread: &Thread<'t>,
    files: &[StoredRollout],
    texts: &mut Texts,
    violations: &mut Vec<Violation>,
) -> io::Result<Vec<Sampled<'t>>> {
    let mut replay = Replay::new(files, rules_of(thread, files), texts)?;
    let mut habits = Habits::of(files);
    let mut inputs = InputCheck::default();
    let mut sampled: Vec<Sampled<'t>> = Vec::new();
    for request in &thread.requests {
        let wire = Wire::new(&request.input, &mut texts.facts);
        let before = replay.clone();
        let search = Search {
            request,
            wire: &wire,
            habits: &habits,
            excuses: &inputs.excuses,
        };
        let sample = search.find(&mut replay, texts)?;
        if matches!(sample.fit, Fit::Near) && !request.is_whole {
            replay = before;
            violations.push(not_whole(request));
            continue;
        }
        let compared = Compared {
            request,
            wire: &wire,
            previous: sampled.last().map(|before| before.request),
            sample: &sample,
            kept: &replay.items,
            files,
        };
        inputs.compare(&compared, violations);
        // A compaction before a turn belongs to that turn.
        let is_compaction = request.facts.kind == RequestKind::Compaction;
        sampled.push(Sampled {
            request,
            position: sample.position,
            before_answer: replay.before_next_change(is_compaction),
        });
        habits.learn(request, &mut texts.facts);
    }
    Ok(sampled)
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
