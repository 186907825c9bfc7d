//! The option that says whose contracts hold.

use std::path::{Path, PathBuf};

use anyhow::Context;
use trace_diff::capture::Capture;
use trace_diff::check::{Profile, ProfileError};
use trace_diff::normalize::Rules;

use crate::exit::Failure;

#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Contracts")]
pub(crate) struct ProfileArgs {
    /// Whose contracts hold: codex, codex@0.137.0, pycodex, generic, or a file; without it the one of the rules file, else
    /// the agent that the capture names
    #[arg(long, value_name = "NAME|FILE")]
    profile: Option<String>,
}

impl ProfileArgs {
    /// The profile that is named, else that of the capture.
    pub(crate) fn load(&self, rules: &Rules, capture: &Capture) -> Result<Profile, Failure> {
        if let Some(name) = &self.profile {
            return named(name, Path::new(name));
        }
        match &rules.profile {
            Some(name) => {
                let directory = Path::new(&rules.path).parent().unwrap_or(Path::new(""));
                named(name, &directory.join(name))
            }
            None => Ok(Profile::of(capture)),
        }
    }
}

/// A built-in profile, else the file at `path`.
fn named(name: &str, path: &Path) -> Result<Profile, Failure> {
    let error = match Profile::named(name) {
        Ok(profile) => return Ok(profile),
        Err(error) => error,
    };
    let is_path = name.contains(['/', '\\']) || PathBuf::from(name).extension().is_some();
    if is_path && !name.contains('@') || path.is_file() {
        let text = std::fs::read_to_string(path)
            .with_context(|| format!("failed to read {}", path.display()))?;
        return Ok(Profile::parse(&path.to_string_lossy(), &text)?);
    }
    let hint = match &error {
        ProfileError::UnknownName {
            nearest: Some(nearest),
            ..
        } => format!("did you mean {nearest}?"),
        _ => "the profiles are codex, pycodex and generic; one version is written codex@0.137.0"
            .to_owned(),
    };
    Err(Failure::new(error).with_hint(hint))
}
