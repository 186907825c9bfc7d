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

/// The files of an [`Outside`] at one time.
#[derive(Debug)]
pub struct OutsideFiles {
    directories: Vec<(PathBuf, usize)>,
    apart: Vec<PathBuf>,
    known: HashMap<PathBuf, Stamp>,
}

/// What of a file tells that it changed; directories change with their entries, which are told themselves.
type Stamp = Option<(u64, SystemTime)>;

impl Outside {
    /// Looks at the directories as they are now, but for those that may be written to and what is above these.
    pub fn files(&self, apart: &[PathBuf]) -> OutsideFiles {
        OutsideFiles {
            known: look(&self.directories, apart),
            directories: self.directories.clone(),
            apart: apart.to_vec(),
        }
    }

    /// With the root of a place, looks at all but what the place is for.
    pub(super) fn around(&self, place: &Place) -> OutsideFiles {
        let mut directories = self.directories.clone();
        directories.extend(place.root.clone().map(|root| (root, 2)));
        let own = [&place.home, &place.work, &place.temp];
        Self { directories }.files(&own.map(PathBuf::clone))
    }
}

impl OutsideFiles {
    /// What is new or has changed since, in order.
    pub fn changed(&self) -> Vec<PathBuf> {
        let now = look(&self.directories, &self.apart);
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

fn look(directories: &[(PathBuf, usize)], apart: &[PathBuf]) -> HashMap<PathBuf, Stamp> {
    let is_apart = |path: &Path| apart.iter().any(|own| path.starts_with(own));
    let is_above = |path: &Path| apart.iter().any(|own| own.starts_with(path));
    let mut found = HashMap::new();
    for (directory, depth) in directories {
        let walk = WalkDir::new(directory).min_depth(1).max_depth(*depth);
        let entries = walk
            .into_iter()
            .filter_entry(|entry| !is_apart(entry.path()));
        for entry in entries.filter_map(Result::ok) {
            if is_above(entry.path()) {
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
