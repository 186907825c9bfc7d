//! What happened in a session, told by its rollout.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::rollout::{
    Lineage, LineageFile, RolloutIndex, RolloutPart, RolloutReader, RolloutSource, SessionMeta,
};

use super::model::{HistoryBase, Input, Outline, Position, Problem, Thread, What};
use super::rollout_thread::RolloutThread;
use super::text::{Options, Texts};

/// Tells what happened in a session from its rollout, in one pass that holds nothing but what it tells.
///
/// `find` finds the file in which inherited history stands by the id at the end of its name, see [`Lineage`]; it is asked
/// only for a rollout that does not hold its whole history itself (forks and reverts since codex 0.153).
///
/// # Errors
///
/// When reading fails. Damage is told in its place and in [`Outline::problems`].
pub fn outline_rollout(
    source: &RolloutSource,
    find: impl FnMut(&str) -> Option<PathBuf>,
    options: Options,
) -> io::Result<Outline> {
    let mut reader = RolloutReader::new(source.open()?);
    let mut thread = RolloutThread::new(options);
    let mut problems = Vec::new();
    let mut next = 0;
    while let Some(part) = reader.next_part()? {
        match part {
            RolloutPart::Record(record) => {
                next = record.index as u64 + 1;
                thread.take(&record);
            }
            RolloutPart::Problem(problem) => {
                let at = Position::Record {
                    index: next,
                    span: problem.span.clone(),
                };
                let bytes = problem.span.end - problem.span.start;
                let kind = problem.kind.name().to_owned();
                thread.damage(at, kind, bytes);
                problems.push(damage(&problem));
            }
        }
    }
    let summary = reader.summary();
    let mut outline = Outline::new(Input {
        path: source.path.to_string_lossy().into_owned(),
        kind: "rollout".to_owned(),
        bytes: Some(summary.bytes),
        records: Some(summary.records),
        exchanges: None,
        tail: Some(summary.tail.name()),
    });
    outline.problems = problems;
    let base = thread.meta().and_then(|meta| meta.history_base.clone());
    let own_id = thread.meta().map(|meta| meta.id.clone());
    let mut own = thread.finish();
    if base.is_some() {
        let lineage = Lineage::of(source.clone(), meta_index(source)?, find);
        inherit(&mut own, &lineage, options)?;
        outline
            .problems
            .extend(lineage.problems.iter().map(|problem| Problem {
                path: None,
                kind: "lineage".to_owned(),
                start: 0,
                end: 0,
                message: problem.to_string(),
                lost: Vec::new(),
            }));
    }
    own.id = own.id.or(own_id);
    outline.threads.push(own);
    Ok(outline)
}

fn damage(problem: &crate::json::Problem) -> Problem {
    Problem {
        path: None,
        kind: problem.kind.name().to_owned(),
        start: problem.span.start,
        end: problem.span.end,
        message: problem.to_string(),
        lost: Vec::new(),
    }
}

/// An index of which only the first `session_meta` is needed.
fn meta_index(source: &RolloutSource) -> io::Result<Arc<RolloutIndex>> {
    let mut reader = RolloutReader::new(source.open()?);
    let mut index = RolloutIndex::default();
    while let Some(part) = reader.next_part()? {
        if let RolloutPart::Record(record) = part {
            index.add_record(&record);
        }
        if index.meta().is_some() {
            break;
        }
    }
    Ok(Arc::new(index))
}

/// Puts the turns that a thread inherits before its own.
fn inherit(own: &mut Thread, lineage: &Lineage, options: Options) -> io::Result<()> {
    let inherited = &lineage.files[..lineage.files.len() - 1];
    let mut turns = Vec::new();
    let mut before = Vec::new();
    for file in inherited {
        let thread = segment(file, options)?;
        let id = file_name(&file.source.path);
        before.extend(thread.before);
        turns.extend(thread.turns.into_iter().map(|mut turn| {
            turn.inherited_from = Some(id.clone());
            turn
        }));
    }
    turns.append(&mut own.turns);
    for (at, turn) in turns.iter_mut().enumerate() {
        turn.number = at + 1;
    }
    before.append(&mut own.before);
    own.turns = turns;
    own.before = before;
    if let (Some(base), Some(parent)) = (&mut own.history_base, inherited.last()) {
        base.path = Some(parent.source.path.to_string_lossy().into_owned());
    }
    Ok(())
}

/// The part of a file that a later one inherits.
fn segment(file: &LineageFile, options: Options) -> io::Result<Thread> {
    let mut reader = RolloutReader::new(file.source.open()?);
    let mut thread = RolloutThread::new(options);
    while let Some(part) = reader.next_part()? {
        if let RolloutPart::Record(record) = part {
            if record.index >= file.end {
                break;
            }
            thread.take(&record);
        }
    }
    Ok(thread.finish())
}

fn file_name(path: &Path) -> String {
    let name = path.file_name().unwrap_or(path.as_os_str());
    name.to_string_lossy().into_owned()
}

/// What a `session_meta` says of a thread.
pub(super) fn learn(thread: &mut Thread, meta: &SessionMeta, texts: &mut Texts) {
    let mut clean = |text: &Option<String>| text.as_deref().map(|text| texts.whole(text));
    thread.id = Some(meta.id.clone());
    thread.session_id.clone_from(&meta.session_id);
    thread.parent.clone_from(&meta.parent_thread_id);
    let name = meta.agent_path.as_ref().or(meta.agent_nickname.as_ref());
    thread.name = clean(&name.or(meta.agent_role.as_ref()).cloned());
    thread.forked_from.clone_from(&meta.forked_from_id);
    thread.started = meta.timestamp.clone().map(super::model::Moment::Written);
    thread.cwd = clean(&meta.cwd);
    thread.agent_version = clean(&meta.cli_version);
    thread.originator = clean(&meta.originator);
    thread.source = clean(&meta.source);
    thread.provider = clean(&meta.model_provider);
    thread.history_base = meta.history_base.as_ref().map(|base| HistoryBase {
        thread_id: base.thread_id.clone(),
        end_ordinal: base.end_ordinal,
        path: None,
    });
}

/// Marks the last turns that a rollback took out of the history.
pub(super) fn roll_back(thread: &mut Thread, count: u64) {
    let has_user = |what: &What| matches!(what, What::User { .. });
    let turns = thread.turns.iter_mut().rev();
    let standing = turns.filter(|turn| !turn.is_rolled_back);
    let mut left = count;
    for turn in standing {
        if left == 0 {
            break;
        }
        turn.is_rolled_back = true;
        if turn.steps.iter().any(|step| has_user(&step.what)) {
            left -= 1;
        }
    }
}
