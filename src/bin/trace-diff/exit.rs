//! How a run ends: status, messages on standard error, exit codes like diff(1).

use std::io::{self, Write};
use std::process::ExitCode;

use trace_diff::report::visible;

/// What a command that did its job has to say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Status {
    /// Nothing found: 0.
    Clean,
    /// Findings or problems: 1.
    Findings,
    /// Part of the job could not be done, and the reason was printed: 2.
    Failed,
}

/// Why a command could not do its job, with what the user can do about it.
#[derive(Debug)]
pub(crate) struct Failure {
    error: anyhow::Error,
    hint: Option<String>,
}

pub(crate) type Outcome = Result<Status, Failure>;

impl Failure {
    pub(crate) fn new(error: impl Into<anyhow::Error>) -> Self {
        Self {
            error: error.into(),
            hint: None,
        }
    }

    pub(crate) fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Puts what was being done before an error that is nothing but the system's.
    pub(crate) fn named_if_io(mut self, what: impl FnOnce() -> String) -> Self {
        if self.error.is::<io::Error>() {
            self.error = self.error.context(what());
        }
        self
    }

    /// Whether the reader of our output went away, as `head` does.
    pub(crate) fn is_broken_pipe(&self) -> bool {
        self.error
            .chain()
            .filter_map(|cause| cause.downcast_ref::<io::Error>())
            .any(|cause| cause.kind() == io::ErrorKind::BrokenPipe)
    }

    /// Writes `error:`, `caused by:` and `hint:` lines to standard error.
    pub(crate) fn print(&self) {
        let mut out = io::stderr().lock();
        let mut text = format!("error: {}\n", self.error);
        for cause in self.error.chain().skip(1) {
            text.push_str(&format!("caused by: {cause}\n"));
        }
        if let Some(hint) = &self.hint {
            text.push_str(&format!("hint: {hint}\n"));
        }
        // Paths and what was found in files are shown to a terminal, too; some messages have several lines.
        let lines: String = text
            .lines()
            .map(|line| format!("{}\n", visible(line)))
            .collect();
        // There is nowhere left to say that standard error is closed.
        let _ = out.write_all(lines.as_bytes());
    }
}

impl<E: Into<anyhow::Error>> From<E> for Failure {
    fn from(error: E) -> Self {
        Self::new(error)
    }
}

/// Prints the failure, if it is one, and gives the exit code.
pub(crate) fn code(outcome: Outcome) -> ExitCode {
    match outcome {
        Ok(Status::Clean) => ExitCode::SUCCESS,
        Ok(Status::Findings) => ExitCode::from(1),
        Ok(Status::Failed) => ExitCode::from(2),
        Err(failure) if failure.is_broken_pipe() => ExitCode::SUCCESS,
        Err(failure) => {
            failure.print();
            ExitCode::from(2)
        }
    }
}
