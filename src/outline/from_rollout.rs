//! What happened in a session, told by its rollout.

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::json;
use crate::rollout::{
    Lineage, LineageFile, LineageProblem, RolloutIndex, RolloutName, RolloutPart, RolloutReader,
    RolloutRecord, RolloutSource, SessionMeta, find_rollouts, find_segment, read_meta,
};

use super::from_capture::as_tree;
use super::mask::mask_words;
use super::model::{HistoryBase, Input, Moment, Outline, Position, Problem, Thread, What};
use super::pipeline::{Consumer, read_all};
use super::rollout_damage::{Survey, assess};
use super::rollout_thread::RolloutThread;
use super::text::{Options, Texts};

/// Kind of a problem in following a history to another file.
const LINEAGE: &str = "lineage";

/// Threads of one session that are told of; more are left out.
const MOST_THREADS: usize = 100;

/// Tells what happened in a session from its rollout, in one pass that holds nothing but what it tells.
///
/// `root` is the directory in which other threads are looked for: the files in which inherited history stands (forks and
/// reverts since codex 0.153), and the sub-agents that the thread started. Without it only the file itself is read.
///
/// # Errors
///
/// When reading the rollout fails. Damage is told in its place and in [`Outline::problems`]; what is wrong with other
/// files is a problem, too.
pub fn outline_rollout(
    source: &RolloutSource,
    root: Option<&Path>,
    options: Options,
) -> io::Result<Outline> {
    let mut read = read_thread(source, root, options)?;
    let summary = read.summary;
    let mut outline = Outline::new(Input {
        path: source.path.to_string_lossy().into_owned(),
        kind: "rollout".to_owned(),
        bytes: Some(summary.bytes),
        records: Some(summary.records),
        exchanges: None,
        tail: Some(summary.tail.name()),
    });
    let mut texts = Texts::new(options);
    let found = assess(source, read.survey, root, options.resume, &mut texts)?;
    read.problems.retain(|problem| problem.kind == LINEAGE);
    read.problems.extend(found.problems);
    outline.resume = found.resume;
    outline.resume_left_out = found.resume_left_out;
    outline.problems = read.problems;
    let mut threads = vec![read.thread];
    if let Some(root) = root {
        add_children(
            &mut threads,
            &mut outline.problems,
            &source.path,
            root,
            options,
        );
    }
    outline.threads = as_tree(threads);
    mask_words(&mut outline, &mut texts);
    Ok(outline)
}

/// What was read of one file.
struct Read {
    thread: Thread,
    problems: Vec<Problem>,
    summary: json::Summary,
    /// For what is wrong with it.
    survey: Survey,
}

/// Takes in one file.
struct Intake {
    thread: RolloutThread,
    problems: Vec<Problem>,
    next: u64,
}

impl Consumer for Intake {
    fn record(&mut self, record: &RolloutRecord<'_>) {
        self.next = record.index as u64 + 1;
        self.thread.take(record);
    }

    fn problem(&mut self, problem: &json::Problem) {
        let at = Position::Record {
            index: self.next,
            span: problem.span.clone(),
        };
        self.thread.damage(at, problem);
        self.problems.push(problem.into());
    }
}

/// Reads one file, and what its thread inherits.
fn read_thread(source: &RolloutSource, root: Option<&Path>, options: Options) -> io::Result<Read> {
    let mut reader = RolloutReader::new(source.open()?);
    let mut intake = Intake {
        thread: RolloutThread::new(options),
        problems: Vec::new(),
        next: 0,
    };
    let mut survey = Survey::new(&source.path);
    read_all(&mut reader, &mut [&mut intake, &mut survey])?;
    let summary = reader.summary();
    drop(reader);
    let Intake {
        thread,
        mut problems,
        ..
    } = intake;
    let has_base = thread
        .meta()
        .is_some_and(|meta| meta.history_base.is_some());
    let mut thread = thread.finish();
    if has_base {
        let find = |id: &str| find_segment(root?, id);
        let lineage = Lineage::of(source.clone(), meta_index(source)?, find);
        inherit(&mut thread, &lineage, options)?;
        // That of its own name is told with what else is wrong with the file.
        let is_own = |problem: &&LineageProblem| matches!(problem, LineageProblem::NameDisagrees { path, .. } if *path == source.path);
        let found = lineage.problems.iter().filter(|problem| !is_own(problem));
        problems.extend(found.map(|problem| about(LINEAGE, problem)));
    }
    survey.finish(summary);
    Ok(Read {
        thread,
        problems,
        summary,
        survey,
    })
}

fn about(kind: &str, message: &impl ToString) -> Problem {
    Problem {
        path: None,
        kind: kind.to_owned(),
        start: 0,
        end: 0,
        message: message.to_string(),
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
        let name = file.source.path.file_name();
        let name = name.unwrap_or_default().to_string_lossy().into_owned();
        before.extend(thread.before);
        turns.extend(thread.turns.into_iter().map(|mut turn| {
            turn.inherited_from = Some(name.clone());
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

/// Adds the threads that a thread started, and those that they started.
fn add_children(
    threads: &mut Vec<Thread>,
    problems: &mut Vec<Problem>,
    own: &Path,
    root: &Path,
    options: Options,
) {
    if !threads.iter().any(has_started_others) {
        return;
    }
    let mut by_parent = later_children(own, root);
    let mut next = 0;
    while next < threads.len() && threads.len() < MOST_THREADS {
        let id = threads[next].id.clone().unwrap_or_default();
        for path in by_parent.remove(&id).unwrap_or_default() {
            let read = RolloutSource::file(&path)
                .and_then(|source| read_thread(&source, Some(root), options));
            let path = path.to_string_lossy().into_owned();
            match read {
                Ok(Read {
                    mut thread,
                    problems: found,
                    ..
                }) => {
                    problems.extend(found.into_iter().map(|problem| Problem {
                        path: problem.path.or_else(|| Some(path.clone())),
                        ..problem
                    }));
                    thread.path = Some(path);
                    threads.push(thread);
                }
                Err(error) => problems.push(Problem {
                    path: Some(path),
                    ..about("unreadable", &error)
                }),
            }
        }
        next += 1;
    }
}

/// Whether a thread did what starts a sub-agent, so that it is worth looking for.
fn has_started_others(thread: &Thread) -> bool {
    let turns = thread.turns.iter().flat_map(|turn| &turn.steps);
    turns.chain(&thread.before).any(|step| match &step.what {
        What::Call(call) => call.name == "spawn_agent",
        What::Event { name, .. } => name == "review" || name == "sub-agent",
        _ => false,
    })
}

/// The files of sub-agents that began no earlier than a thread, by the thread that started them; of a thread with several
/// files the newest.
fn later_children(own: &Path, root: &Path) -> HashMap<String, Vec<PathBuf>> {
    let name = own.file_name().and_then(|name| name.to_str());
    let began = name
        .and_then(RolloutName::parse)
        .and_then(|name| name.started);
    let mut newest: Vec<(String, String, PathBuf)> = Vec::new();
    for file in find_rollouts(root).files {
        let is_later = file.name.started >= began;
        if !is_later || file.path == own {
            continue;
        }
        let Ok(Some(meta)) = read_meta(&file.path) else {
            continue;
        };
        if let Some(parent) = meta.parent_thread_id {
            newest.retain(|(_, id, _)| *id != meta.id);
            newest.push((parent, meta.id, file.path));
        }
    }
    let mut by_parent: HashMap<String, Vec<PathBuf>> = HashMap::new();
    for (parent, _, path) in newest {
        by_parent.entry(parent).or_default().push(path);
    }
    by_parent
}

/// What a `session_meta` says of a thread.
pub(super) fn learn(thread: &mut Thread, meta: &SessionMeta) {
    thread.id = Some(meta.id.clone());
    thread.session_id.clone_from(&meta.session_id);
    thread.parent.clone_from(&meta.parent_thread_id);
    let name = meta.agent_path.as_ref().or(meta.agent_nickname.as_ref());
    thread.name = name.or(meta.agent_role.as_ref()).cloned();
    thread.forked_from.clone_from(&meta.forked_from_id);
    thread.started = meta.timestamp.clone().map(Moment::Written);
    thread.cwd.clone_from(&meta.cwd);
    thread.agent_version.clone_from(&meta.cli_version);
    thread.originator.clone_from(&meta.originator);
    thread.source.clone_from(&meta.source);
    thread.provider.clone_from(&meta.model_provider);
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
