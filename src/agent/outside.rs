//! What an agent writes where it should not.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use walkdir::WalkDir;

use super::place::Place;

/// Directories that are looked at before and after an agent runs.
///
/// That is what can be seen without any privilege: not who wrote a file, nor files deeper than `depth`. The root of a
/// [`Place`] is always looked at.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Outside {
    /// The directories, each with how deep it is looked into; 1 for what stands in it.
    pub directories: Vec<(PathBuf, usize)>,
}

/// What stood outside before.
#[derive(Debug)]
pub(super) struct Before {
    directories: Vec<(PathBuf, usize)>,
    known: HashMap<PathBuf, Stamp>,
}

/// What of a file tells that it changed; directories change with their entries, which are told themselves.
type Stamp = Option<(u64, SystemTime)>;

impl Before {
    pub(super) fn new(place: &Place, outside: &Outside) -> Self {
        let mut directories = outside.directories.clone();
        directories.extend(place.root.clone().map(|root| (root, 2)));
        Self {
            known: look(&directories, place),
            directories,
        }
    }

    /// What is new or has changed, in order.
    pub(super) fn changed(&self, place: &Place) -> Vec<PathBuf> {
        let now = look(&self.directories, place);
        let is_changed = |(path, stamp): &(PathBuf, Stamp)| self.known.get(path) != Some(stamp);
        let mut changed: Vec<PathBuf> = now
            .into_iter()
            .filter(is_changed)
            .map(|(path, _)| path)
            .collect();
        changed.sort();
        changed
    }
}

fn look(directories: &[(PathBuf, usize)], place: &Place) -> HashMap<PathBuf, Stamp> {
    let own = |path: &Path| {
        let is_above = [&place.home, &place.work, &place.temp]
            .iter()
            .any(|own| own.starts_with(path));
        place.holds(path) || is_above
    };
    let mut found = HashMap::new();
    for (directory, depth) in directories {
        let walk = WalkDir::new(directory).min_depth(1).max_depth(*depth);
        let entries = walk
            .into_iter()
            .filter_entry(|entry| !place.holds(entry.path()));
        for entry in entries.filter_map(Result::ok) {
            if own(entry.path()) {
                continue;
            }
            let metadata = entry.metadata().ok();
            let file = metadata.filter(|metadata| !metadata.is_dir());
            let stamp = file.and_then(|file| Some((file.len(), file.modified().ok()?)));
            found.insert(entry.into_path(), stamp);
        }
    }
    found
}
