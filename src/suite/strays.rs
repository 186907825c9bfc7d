//! Files that agents leave where none of them belongs.

use std::fs;
use std::path::{Path, PathBuf};

use crate::agent::{Outside, OutsideFiles};

use super::play::CAPTURE;

/// The directory of a scenario, in which each agent has its own and nothing else belongs.
pub(super) struct Shared {
    root: PathBuf,
    files: OutsideFiles,
}

impl Shared {
    /// Looks at a directory below `root` before the agents run, whose own are these.
    pub(super) fn watch(root: &Path, folder: &str, agents: &[String]) -> Self {
        let own: Vec<PathBuf> = agents.iter().map(|agent| root.join(agent)).collect();
        let directories = vec![(root.join(folder), 1)];
        Self {
            root: root.to_owned(),
            files: Outside { directories }.files(&own),
        }
    }

    /// What was left there since, by its path below the root; but for directories of cases, as of another suite that is run
    /// in this directory meanwhile.
    pub(super) fn strays(&self) -> Vec<PathBuf> {
        let mut changed = self.files.changed();
        changed.retain(|path| !path.join(CAPTURE).is_file());
        let below = |path: &PathBuf| path.strip_prefix(&self.root).map(Path::to_owned);
        changed.iter().flat_map(below).collect()
    }
}

/// What lies in the directory of a case beside what the run itself puts there, by its path below the root.
pub(super) fn strays(case: &Path, own: &[&Path], root: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(case).into_iter().flatten().flatten();
    let paths = entries.map(|entry| entry.path());
    let mut paths: Vec<PathBuf> = paths
        .filter(|path| !own.contains(&path.as_path()))
        .map(|path| path.strip_prefix(root).map_or(path.clone(), Path::to_owned))
        .collect();
    paths.sort();
    paths
}
