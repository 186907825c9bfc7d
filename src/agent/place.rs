//! Where an agent lives.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// The directories of an agent, all of them absolute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// Its `HOME`.
    pub home: PathBuf,
    /// Where it works.
    pub work: PathBuf,
    /// Its directory for temporary files.
    pub temp: PathBuf,
    /// The directory that was made for it, in which it is alone; `None` when all directories are the caller's.
    pub root: Option<PathBuf>,
}

impl Place {
    /// Makes `home`, `home/.codex`, `work` and `tmp` below a directory, which is made if it is not there.
    ///
    /// # Errors
    ///
    /// When a directory can't be made.
    pub fn below(root: &Path) -> io::Result<Self> {
        fs::create_dir_all(root)?;
        // Agents tell where they are by the path behind all links.
        let root = root.canonicalize()?;
        let place = Self {
            home: root.join("home"),
            work: root.join("work"),
            temp: root.join("tmp"),
            root: Some(root),
        };
        place.make()?;
        Ok(place)
    }

    /// Puts directories of the caller's in place of those that were made; they are made if they are not there.
    ///
    /// # Errors
    ///
    /// When a directory can't be made.
    pub fn with(mut self, home: Option<&Path>, work: Option<&Path>) -> io::Result<Self> {
        for (own, given) in [(&mut self.home, home), (&mut self.work, work)] {
            if let Some(given) = given {
                fs::create_dir_all(given)?;
                *own = given.canonicalize()?;
            }
        }
        self.make()?;
        Ok(self)
    }

    /// Where Codex and pycodex keep configuration and sessions: `.codex` in the home.
    pub fn codex_home(&self) -> PathBuf {
        self.home.join(".codex")
    }

    /// Whether a path lies where the agent may write.
    pub fn holds(&self, path: &Path) -> bool {
        let own = [&self.home, &self.work, &self.temp];
        own.iter().any(|own| path.starts_with(own))
    }

    fn make(&self) -> io::Result<()> {
        [&self.codex_home(), &self.work, &self.temp]
            .into_iter()
            .try_for_each(fs::create_dir_all)
    }
}
