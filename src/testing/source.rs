//! What a fake server plays.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::capture::Capture;
use crate::script::build::{ScriptBuilder, StepBuilder};
use crate::script::{LoadError, Script, read_script, script_from_capture};

/// What a fake server plays. Steps, a [`ScriptBuilder`] and a [`Script`] are played as they are; a `&str` is the text of a
/// script, TOML or JSON; a `Path` names a file: a script, a raw-exchange script, a capture or a rollout; the responses of a
/// [`Capture`] are played again.
#[derive(Debug, Clone)]
pub struct Source(Kind);

#[derive(Debug, Clone)]
enum Kind {
    Script(Arc<Script>),
    Builder(ScriptBuilder),
    Text(String),
    File(PathBuf),
}

impl Source {
    /// Makes the script.
    pub(super) fn load(self) -> Result<Arc<Script>, LoadError> {
        Ok(match self.0 {
            Kind::Script(script) => script,
            Kind::Builder(builder) => Arc::new(builder.build()?),
            Kind::Text(text) => Arc::new(Script::parse("", &text)?),
            Kind::File(path) => Arc::new(read_script(&path)?),
        })
    }
}

impl From<Script> for Source {
    fn from(script: Script) -> Self {
        Self(Kind::Script(Arc::new(script)))
    }
}

impl From<ScriptBuilder> for Source {
    fn from(builder: ScriptBuilder) -> Self {
        Self(Kind::Builder(builder))
    }
}

impl From<StepBuilder> for Source {
    fn from(step: StepBuilder) -> Self {
        Script::builder().step(step).into()
    }
}

impl<const N: usize> From<[StepBuilder; N]> for Source {
    fn from(steps: [StepBuilder; N]) -> Self {
        Script::builder().steps(steps).into()
    }
}

impl From<Vec<StepBuilder>> for Source {
    fn from(steps: Vec<StepBuilder>) -> Self {
        Script::builder().steps(steps).into()
    }
}

impl From<&str> for Source {
    fn from(text: &str) -> Self {
        Self(Kind::Text(text.to_owned()))
    }
}

impl From<String> for Source {
    fn from(text: String) -> Self {
        Self(Kind::Text(text))
    }
}

impl From<&Path> for Source {
    fn from(path: &Path) -> Self {
        Self(Kind::File(path.to_owned()))
    }
}

impl From<PathBuf> for Source {
    fn from(path: PathBuf) -> Self {
        Self(Kind::File(path))
    }
}

impl From<&Capture> for Source {
    fn from(capture: &Capture) -> Self {
        script_from_capture(capture).into()
    }
}
