//! Finds rollouts in a tree of sessions.

use std::fs::File;
use std::io;
use std::path::{Component, Path, PathBuf};

use walkdir::WalkDir;

use crate::http::open_compressed;

use crate::rollout::reader::{RolloutPart, RolloutReader};
use crate::rollout::record::RecordKind;
use crate::rollout::session::SessionMeta;

/// Directories of rollouts in a CODEX_HOME: the first by date (`YYYY/MM/DD`), the second flat.
const TREES: [&str; 2] = ["sessions", "archived_sessions"];

/// What the name of a rollout says: `rollout-<time>-<thread>[_<segment>].jsonl[.zst]`.
///
/// Names as written by Codex up to 0.169 and pycodex. The thread's id in the record `session_meta` counts more.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct RolloutName {
    /// Local time of its beginning, such as `2026-11-21T01-40-52`.
    pub started: Option<String>,
    /// Id of the thread, a UUID.
    pub thread_id: Option<String>,
    /// Id of the segment, where a thread went on in a file of its own after a revert (0.153 and later).
    pub segment_id: Option<String>,
    /// Whether the name ends in `.zst`.
    pub is_compressed: bool,
}

impl RolloutName {
    /// Reads a file's name; `None` if it is not one of a rollout.
    pub fn parse(name: &str) -> Option<Self> {
        let plain = name.strip_suffix(".zst");
        let is_compressed = plain.is_some();
        let stem = plain.unwrap_or(name).strip_suffix(".jsonl")?;
        let stem = stem.strip_prefix("rollout-")?;
        let (first, segment_id) = match stem.split_once('_') {
            Some((first, segment)) if is_uuid(segment) => (first, Some(segment.to_owned())),
            _ => (stem, None),
        };
        let split = first.len().checked_sub(UUID_LENGTH);
        let id = split
            .and_then(|at| first.get(at..))
            .filter(|id| is_uuid(id));
        let time = match id {
            Some(id) => first
                .strip_suffix(id)
                .and_then(|rest| rest.strip_suffix('-')),
            None => None,
        };
        Some(Self {
            started: time.filter(|time| !time.is_empty()).map(str::to_owned),
            thread_id: id.map(str::to_owned),
            segment_id,
            is_compressed,
        })
    }
}

const UUID_LENGTH: usize = 36;

pub(in crate::rollout) fn is_uuid(text: &str) -> bool {
    let is_right = |(at, byte): (usize, u8)| match at {
        8 | 13 | 18 | 23 => byte == b'-',
        _ => byte.is_ascii_hexdigit(),
    };
    text.len() == UUID_LENGTH && text.bytes().enumerate().all(is_right)
}

/// A rollout in a tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RolloutFile {
    /// Where it is, below the directory that was searched.
    pub path: PathBuf,
    /// What its name says.
    pub name: RolloutName,
}

/// What could not be looked into.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unreadable {
    /// The directory or file.
    pub path: PathBuf,
    /// Why, in the words of the system.
    pub reason: String,
    /// Whether it is a link to a directory above itself. Nothing is missing then.
    pub is_cycle: bool,
}

/// The rollouts of a tree.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Discovery {
    /// Oldest first, by the times in their names.
    pub files: Vec<RolloutFile>,
    /// What could not be looked into, in order of path.
    pub unreadable: Vec<Unreadable>,
}

/// Finds the rollouts in a directory and below, or the one that a path names.
///
/// Of a CODEX_HOME, `sessions` and `archived_sessions` are searched and nothing else. Links are followed. A plain file
/// hides the compressed one of the same name beside it, as it does for Codex. Only names and kinds of files are looked
/// at. Never fails: what can't be read stands in [`Discovery::unreadable`], the directory itself included.
pub fn find_rollouts(root: &Path) -> Discovery {
    walk(root, usize::MAX)
}

fn walk(root: &Path, depth: usize) -> Discovery {
    let mut found = Discovery::default();
    let mut has_links = false;
    let trees = TREES.map(|name| root.join(name));
    let trees = trees.iter().filter(|tree| tree.is_dir());
    let mut tops: Vec<(&Path, usize)> = trees.map(|tree| (tree.as_path(), depth)).collect();
    if tops.is_empty() {
        tops.push((root, depth));
    } else {
        tops.push((root, 1));
    }
    for (top, depth) in tops {
        let entries = WalkDir::new(top).follow_links(true).max_depth(depth);
        for entry in entries {
            has_links |= entry.as_ref().is_ok_and(walkdir::DirEntry::path_is_symlink);
            match entry {
                Ok(entry) if entry.file_type().is_file() => {
                    let name = entry.file_name().to_str().and_then(RolloutName::parse);
                    found.files.extend(name.map(|name| RolloutFile {
                        path: entry.into_path(),
                        name,
                    }));
                }
                Ok(_) => {}
                Err(error) => found.unreadable.extend(unreadable(&error, root)),
            }
        }
    }
    found.settle(has_links);
    found
}

impl Discovery {
    /// Brings everything in order and takes out what is there twice.
    fn settle(&mut self, has_links: bool) {
        self.files.sort_by(|a, b| a.path.cmp(&b.path));
        // `x.jsonl` sorts right before `x.jsonl.zst`.
        self.files.dedup_by(|next, before| {
            next.name.is_compressed && next.path.with_extension("") == before.path
        });
        if has_links {
            let mut known = std::collections::HashSet::new();
            let real = |file: &RolloutFile| file.path.canonicalize();
            self.files
                .retain(|file| real(file).map_or(true, |path| known.insert(path)));
        }
        // The sort is stable: what has no time in its name comes first, in order of path.
        self.files.sort_by(|a, b| a.name.cmp(&b.name));
        self.unreadable.sort_by(|a, b| a.path.cmp(&b.path));
    }
}

/// What an error of the walk says; `None` for a link to nothing that is not named as a rollout.
fn unreadable(error: &walkdir::Error, root: &Path) -> Option<Unreadable> {
    let path = error.path().unwrap_or(root).to_owned();
    let is_missing = error.io_error().map(io::Error::kind) == Some(io::ErrorKind::NotFound);
    let name = path.file_name().and_then(|name| name.to_str());
    if is_missing && path != root && name.and_then(RolloutName::parse).is_none() {
        return None;
    }
    let reason = match (error.io_error(), error.loop_ancestor()) {
        (Some(error), _) => error.to_string(),
        (None, Some(above)) => format!("a link back to {}", above.display()),
        (None, None) => error.to_string(),
    };
    Some(Unreadable {
        path,
        reason,
        is_cycle: error.loop_ancestor().is_some(),
    })
}

/// Finds the rollouts of a thread, oldest segment first; none if there is none.
///
/// Rollouts are found by the id in their names. Where the `session_meta` in such a file names another thread, or there
/// is no such file, every rollout of the tree is asked for its `session_meta`. Below a directory that is no tree of
/// sessions only its own files are looked at.
pub fn find_thread(root: &Path, thread_id: &str) -> Vec<PathBuf> {
    let files = near(root);
    let is_named = |file: &&RolloutFile| file.name.thread_id.as_deref() == Some(thread_id);
    let named: Vec<&RolloutFile> = files.iter().filter(is_named).collect();
    let says_other = |file: &&RolloutFile| id_inside(file).is_some_and(|id| id != thread_id);
    let found = if !named.is_empty() && !named.iter().any(says_other) {
        named
    } else {
        let says_so = |file: &&RolloutFile| id_inside(file).as_deref() == Some(thread_id);
        let true_ones: Vec<&RolloutFile> = files.iter().filter(says_so).collect();
        if true_ones.is_empty() {
            named
        } else {
            true_ones
        }
    };
    found.into_iter().map(|file| file.path.clone()).collect()
}

/// Finds the file that a `history_base` names: its `thread_id` is the last id in a file's name (measured with Codex
/// 0.169.0), which is the segment's where the thread was reverted.
///
/// A thread's first file whose name lies is found by its `session_meta`.
pub fn find_segment(root: &Path, id: &str) -> Option<PathBuf> {
    let files = near(root);
    let last_id = |file: &RolloutFile| {
        let name = &file.name;
        name.segment_id
            .as_ref()
            .or(name.thread_id.as_ref())
            .cloned()
    };
    let is_first = |file: &RolloutFile| file.name.segment_id.is_none();
    let by_name = files
        .iter()
        .find(|file| last_id(file).as_deref() == Some(id));
    let by_meta = || {
        let mut first = files.iter().filter(|file| is_first(file));
        first.find(|file| id_inside(file).as_deref() == Some(id))
    };
    let found = by_name.or_else(by_meta)?;
    Some(found.path.clone())
}

fn near(root: &Path) -> Vec<RolloutFile> {
    let depth = if is_tree(root) { usize::MAX } else { 1 };
    walk(root, depth).files
}

fn id_inside(file: &RolloutFile) -> Option<String> {
    let meta = read_meta(&file.path).ok().flatten();
    meta.map(|meta| meta.id)
}

/// Whether a directory has the layout of sessions: one of the trees, or years, in it, or it is one of them.
fn is_tree(root: &Path) -> bool {
    let name = |path: &Path| {
        let name = path.file_name().and_then(|name| name.to_str());
        name.map(str::to_owned)
    };
    let is_year = |name: &str| name.len() == 4 && name.bytes().all(|b| b.is_ascii_digit());
    let is_tree = |name: String| TREES.contains(&name.as_str()) || is_year(&name);
    let entries = root.read_dir().into_iter().flatten().flatten();
    name(root).is_some_and(is_tree) || entries.filter_map(|e| name(&e.path())).any(is_tree)
}

/// The directory in which the threads are that a rollout names: the CODEX_HOME above it, or else its own directory.
pub fn sessions_root_of(rollout: &Path) -> PathBuf {
    let directory = match rollout.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    };
    let directory = directory
        .canonicalize()
        .unwrap_or_else(|_| directory.to_owned());
    let is_tree = |part: &Path| {
        let name = part.components().next_back();
        matches!(name, Some(Component::Normal(name)) if TREES.iter().any(|tree| name == *tree))
    };
    let home = directory.ancestors().find(|part| is_tree(part));
    match home.and_then(Path::parent) {
        Some(home) => home.to_owned(),
        None => without_date(&directory).to_owned(),
    }
}

/// The directory without `YYYY/MM/DD` at its end.
fn without_date(directory: &Path) -> &Path {
    let mut path = directory;
    for digits in [2, 2, 4] {
        let name = path.file_name().and_then(|name| name.to_str());
        let is_part = |name: &str| name.len() == digits && name.bytes().all(|b| b.is_ascii_digit());
        match path.parent() {
            Some(parent) if name.is_some_and(is_part) => path = parent,
            _ => return directory,
        }
    }
    path
}

/// Reads the first valid `session_meta` of a rollout and nothing behind it.
///
/// # Errors
///
/// When the file can't be opened or read; damage before the record is passed over.
pub fn read_meta(path: &Path) -> io::Result<Option<SessionMeta>> {
    let mut reader = RolloutReader::new(open_compressed(File::open(path)?)?);
    while let Some(part) = reader.next_part()? {
        if let RolloutPart::Record(record) = part
            && record.kind == RecordKind::SessionMeta
            && let Some(meta) = SessionMeta::parse(record.payload)
        {
            return Ok(Some(meta));
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: &str = "01a1fbd9-4114-77f0-ab79-b0886713b98b";
    const B: &str = "01a1fbe4-b3d4-77a1-97b6-95dac3849625";

    #[test]
    fn names_are_read() {
        let check = |name: &str, expect: Option<(&str, &str, &str, bool)>| {
            let found = RolloutName::parse(name);
            let shown = found.as_ref().map(|name| {
                let text = |part: &Option<String>| part.clone().unwrap_or_default();
                (
                    text(&name.started),
                    text(&name.thread_id),
                    text(&name.segment_id),
                    name.is_compressed,
                )
            });
            let expect = expect.map(|(time, thread, segment, is_compressed)| {
                (
                    time.to_owned(),
                    thread.to_owned(),
                    segment.to_owned(),
                    is_compressed,
                )
            });
            assert_eq!(shown, expect, "{name}");
        };
        let time = "2026-11-21T02-04-41";
        check(
            &format!("rollout-{time}-{A}.jsonl"),
            Some((time, A, "", false)),
        );
        check(
            &format!("rollout-{time}-{A}.jsonl.zst"),
            Some((time, A, "", true)),
        );
        check(
            &format!("rollout-{time}-{A}_{B}.jsonl"),
            Some((time, A, B, false)),
        );
        check(
            &format!("rollout-2025-05-07-{A}.jsonl"),
            Some(("2025-05-07", A, "", false)),
        );
        check(&format!("rollout-{A}.jsonl"), Some(("", A, "", false)));
        check("rollout-copy.jsonl", Some(("", "", "", false)));
        check("rollout-é.jsonl", Some(("", "", "", false)));
        check(&format!("rollout-{time}-{A}.json"), None);
        check(&format!("rollout-{time}-{A}.jsonl.bak"), None);
        check(&format!("{time}-{A}.jsonl"), None);
        check("rollout-", None);
    }
}
