//! The files that one thread's history stands in: its own and those it continues.

use std::collections::HashSet;
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::rollout::index::{Entry, RolloutIndex};
use crate::rollout::session::HistoryBase;
use crate::rollout::sessions::{find_segment, sessions_root_of};
use crate::rollout::source::RolloutSource;

/// Files that a thread may continue one after the other; more are taken for a mistake.
const MAX_FILES: usize = 1000;

/// A rollout and the files whose records it inherits, oldest first.
///
/// Codex 0.153 and later do not copy what a fork or a revert inherits: the new file's `session_meta` says with
/// `history_base` where it stands. Its `thread_id` is the last id in the name of that file: a thread's, or of a file that
/// a revert made (`rollout-<time>-<thread>_<id>.jsonl`) that id (seen with 0.169.0, reverts of reverts and forks of
/// reverted threads). Files of earlier versions hold everything themselves.
#[derive(Debug, Clone)]
pub struct Lineage {
    /// The files, the one that was asked for last. Never empty.
    pub files: Vec<LineageFile>,
    /// What is wrong with them; the history is what can be read in spite of it.
    pub problems: Vec<LineageProblem>,
}

/// One file of a lineage.
#[derive(Debug, Clone)]
pub struct LineageFile {
    /// Where its bytes are.
    pub source: RolloutSource,
    /// What its records are.
    pub index: Arc<RolloutIndex>,
    /// Number of its records that belong to the thread: all, or those before the end that the next file names.
    pub end: usize,
}

/// Where a record stands in a lineage.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    /// Number of the file in [`Lineage::files`].
    pub file: usize,
    /// Number of the record in that file.
    pub record: usize,
}

/// Why a lineage may not be what the agent had.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LineageProblem {
    /// No file of this name was found.
    #[error("inherits from {id}, of which there is no rollout")]
    ParentMissing {
        /// Id in the file's name.
        id: String,
    },
    /// The file can't be read.
    #[error("inherits from {path}, which can't be read: {message}")]
    ParentUnreadable {
        /// The file.
        path: PathBuf,
        /// What the system says.
        message: String,
    },
    /// A file inherits from itself by way of others, or from more than can be true.
    #[error("inherits from {path}, which inherits from it in turn")]
    Cycle {
        /// The file that comes again.
        path: PathBuf,
    },
    /// Longer than a lineage can sensibly be.
    #[error("inherits from more than {MAX_FILES} files; the oldest are left out")]
    TooLong,
    /// The inherited records are damaged.
    #[error("inherits from {path}, in whose first {records} records {count} spans are damaged")]
    ParentDamaged {
        /// The file.
        path: PathBuf,
        /// Number of inherited records.
        records: usize,
        /// Number of damaged spans among them.
        count: usize,
    },
    /// The parent ends before the place that the child names.
    #[error("inherits from {path} up to byte {wanted}, but the file has {length} bytes")]
    ParentTooShort {
        /// The file.
        path: PathBuf,
        /// The end that the child names.
        wanted: u64,
        /// Length of the file.
        length: u64,
    },
    /// The place that the child names in bytes is another one than that in ordinals; the bytes count.
    #[error(
        "inherits from {path} up to byte {wanted}, but the ordinal named beside it begins at {found}"
    )]
    EndsElsewhere {
        /// The file.
        path: PathBuf,
        /// The end that the child names.
        wanted: u64,
        /// Where the record behind the end begins, or the file ends.
        found: u64,
    },
    /// The parent is of a kind that is not inherited from.
    #[error("inherits from {path}, whose records have no ordinals")]
    ParentNotPaginated {
        /// The file.
        path: PathBuf,
    },
    /// The file's name holds another thread's id than its records.
    #[error("{path} is the thread {id}, not the one in its name")]
    NameDisagrees {
        /// The file.
        path: PathBuf,
        /// The id in its `session_meta`.
        id: String,
    },
}

impl LineageProblem {
    /// Whether Codex 0.169.0 refuses to resume such a thread.
    pub fn is_refused(&self) -> bool {
        match self {
            Self::ParentMissing { .. }
            | Self::ParentUnreadable { .. }
            | Self::Cycle { .. }
            | Self::ParentTooShort { .. }
            | Self::ParentNotPaginated { .. } => true,
            Self::TooLong
            | Self::ParentDamaged { .. }
            | Self::EndsElsewhere { .. }
            | Self::NameDisagrees { .. } => false,
        }
    }
}

impl Lineage {
    /// Reads a rollout and the files that it inherits from, which are looked for in the tree of sessions around it.
    ///
    /// # Errors
    ///
    /// When the rollout itself can't be read. What is wrong with the others is a problem.
    pub fn open(path: &Path) -> io::Result<Self> {
        let root = sessions_root_of(path);
        Self::read(RolloutSource::file(path)?, |id| find_segment(&root, id))
    }

    /// Reads a rollout and the files that it inherits from.
    ///
    /// `find` finds the file whose name ends with an id; see [`Lineage`] for which one that is.
    ///
    /// # Errors
    ///
    /// When the rollout itself can't be read. What is wrong with the others is a problem.
    pub fn read(
        source: RolloutSource,
        find: impl FnMut(&str) -> Option<PathBuf>,
    ) -> io::Result<Self> {
        let index = RolloutIndex::read(&source)?;
        Ok(Self::of(source, Arc::new(index), find))
    }

    /// Follows a rollout whose index is there already.
    pub fn of(
        source: RolloutSource,
        index: Arc<RolloutIndex>,
        mut find: impl FnMut(&str) -> Option<PathBuf>,
    ) -> Self {
        let mut new = Self {
            problems: name_problem(&source.path, &index).into_iter().collect(),
            files: Vec::new(),
        };
        let mut seen = HashSet::from([source.path.clone()]);
        let mut base = history_base(&index);
        let end = index.entries.len();
        new.files.push(LineageFile { source, index, end });
        while let Some(wanted) = base.take() {
            if new.files.len() >= MAX_FILES {
                new.problems.push(LineageProblem::TooLong);
                break;
            }
            let Some(path) = find(&wanted.thread_id) else {
                let id = wanted.thread_id;
                new.problems.push(LineageProblem::ParentMissing { id });
                break;
            };
            if !seen.insert(path.clone()) {
                new.problems.push(LineageProblem::Cycle { path });
                break;
            }
            match read_parent(&path, &wanted, &mut new.problems) {
                Ok(file) => {
                    base = history_base(&file.index);
                    new.files.push(file);
                }
                Err(error) => {
                    let message = error.to_string();
                    new.problems
                        .push(LineageProblem::ParentUnreadable { path, message });
                }
            }
        }
        new.files.reverse();
        new
    }

    /// A rollout by itself, whatever it says of others.
    pub fn alone(source: RolloutSource, index: Arc<RolloutIndex>) -> Self {
        Self::of(source, index, |_| None)
    }

    /// The file that was asked for.
    pub fn own(&self) -> &LineageFile {
        // The constructors put in the file that was asked for before anything else.
        &self.files[self.files.len() - 1]
    }

    /// Whether the records of the file that was asked for have ordinals.
    pub(super) fn is_paginated(&self) -> bool {
        self.own()
            .index
            .meta()
            .is_some_and(|meta| meta.is_paginated())
    }

    /// The records that belong to the thread, oldest first; of its own file those in `own`.
    pub(super) fn entries(
        &self,
        own: Range<usize>,
    ) -> impl DoubleEndedIterator<Item = (Place, &Entry)> {
        let last = self.files.len() - 1;
        self.files.iter().enumerate().flat_map(move |(file, of)| {
            let own = if file == last { own.clone() } else { 0..of.end };
            let entries = of.index.entries.iter().enumerate();
            let entries = entries.take(own.end.min(of.end)).skip(own.start);
            entries.map(move |(record, entry)| (Place { file, record }, entry))
        })
    }
}

fn read_parent(
    path: &Path,
    wanted: &HistoryBase,
    problems: &mut Vec<LineageProblem>,
) -> io::Result<LineageFile> {
    let source = RolloutSource::file(path)?;
    let index = RolloutIndex::read(&source)?;
    let end = inherited(&index, wanted);
    problems.extend(name_problem(path, &index));
    problems.extend(end_problem(path, &index, end, wanted));
    let damaged = index.problems.iter().filter(|(before, _)| *before < end);
    let count = damaged.count();
    if count > 0 {
        problems.push(LineageProblem::ParentDamaged {
            path: path.to_owned(),
            records: end,
            count,
        });
    }
    Ok(LineageFile {
        source,
        index: Arc::new(index),
        end,
    })
}

/// Where the history goes on; only files with ordinals inherit.
fn history_base(index: &RolloutIndex) -> Option<HistoryBase> {
    let meta = index.meta().filter(|meta| meta.is_paginated())?;
    meta.history_base.clone()
}

/// Number of records that a child inherits: those that end before the byte that it names, or before the ordinal where it
/// names no byte.
fn inherited(index: &RolloutIndex, wanted: &HistoryBase) -> usize {
    let entries = &index.entries;
    let first_behind = match (wanted.end_byte, wanted.end_ordinal) {
        (Some(end), _) => entries.iter().position(|entry| entry.span.end > end),
        (None, Some(end)) => entries
            .iter()
            .position(|entry| entry.ordinal.is_some_and(|ordinal| ordinal >= end)),
        (None, None) => None,
    };
    first_behind.unwrap_or(entries.len())
}

fn end_problem(
    path: &Path,
    index: &RolloutIndex,
    end: usize,
    wanted: &HistoryBase,
) -> Option<LineageProblem> {
    let path = path.to_owned();
    if !index.meta().is_some_and(|meta| meta.is_paginated()) {
        return Some(LineageProblem::ParentNotPaginated { path });
    }
    let length = index.summary.as_ref().map_or(0, |summary| summary.bytes);
    let byte = wanted.end_byte?;
    if byte > length {
        return Some(LineageProblem::ParentTooShort {
            path,
            wanted: byte,
            length,
        });
    }
    let next = index.entries.get(end);
    let is_said = match (wanted.end_ordinal, next.and_then(|next| next.ordinal)) {
        (Some(wanted), Some(next)) => wanted == next,
        _ => true,
    };
    let found = next.map_or(length, |next| next.span.start);
    (!is_said || found < byte).then_some(LineageProblem::EndsElsewhere {
        path,
        wanted: byte,
        found,
    })
}

/// A name that ends with another thread's id than the records; names without an id are as people like them.
fn name_problem(path: &Path, index: &RolloutIndex) -> Option<LineageProblem> {
    let name = path.file_name()?.to_str()?;
    let stem = name.strip_prefix("rollout-")?.split(".jsonl").next()?;
    let thread = stem.split('_').next()?;
    let id = &index.meta()?.id;
    let has_id = thread
        .get(thread.len().checked_sub(36)?..)
        .is_some_and(|end| end.bytes().filter(|byte| *byte == b'-').count() == 4);
    (has_id && !thread.ends_with(id.as_str())).then(|| LineageProblem::NameDisagrees {
        path: path.to_owned(),
        id: id.clone(),
    })
}
