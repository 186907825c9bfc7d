//! What goes to standard output and to files.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use anyhow::Context;
use trace_diff::capture::Capture;
use trace_diff::report::visible;

use crate::exit::{Failure, Outcome, Status};

/// Writes a text that is at hand as a whole; the command is then done, with nothing found.
pub(crate) fn write(text: &[u8]) -> Outcome {
    let mut out = io::stdout().lock();
    out.write_all(text)
        .and_then(|()| out.flush())
        .context("failed to write to standard output")?;
    Ok(Status::Clean)
}

/// A form of what is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Format {
    /// For a person
    Text,
    /// For programs
    Json,
}

/// Where a command writes what it makes.
#[derive(Debug, clap::Args)]
pub(crate) struct Target {
    /// File to write; - is standard output
    #[arg(short, long, value_name = "OUT")]
    output: PathBuf,
    /// Replaces OUT if it is there
    #[arg(long)]
    force: bool,
}

impl Target {
    pub(crate) fn is_stdout(&self) -> bool {
        self.output.as_os_str() == "-"
    }

    pub(crate) fn path(&self) -> &Path {
        &self.output
    }

    /// Lets `write` make the whole content; a file appears under its name only when it is complete. An error of the
    /// system is one of writing; any other failure says itself why there is nothing to write.
    pub(crate) fn fill<T>(
        &self,
        write: impl FnOnce(&mut dyn Write) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let what = || match self.is_stdout() {
            true => "failed to write to standard output".to_owned(),
            false => format!("failed to write {}", self.output.display()),
        };
        if self.is_stdout() {
            let mut out = BufWriter::new(io::stdout().lock());
            let done = write(&mut out).and_then(|done| {
                out.flush()?;
                Ok(done)
            });
            return done.map_err(|failure| failure.named_if_io(what));
        }
        if self.output.is_dir() {
            let error = anyhow::anyhow!("{} is a directory", self.output.display());
            return Err(Failure::new(error).with_hint("name a file in it"));
        }
        // A link that leads nowhere is there, too.
        if !self.force && self.output.symlink_metadata().is_ok() {
            let error = anyhow::anyhow!("{} exists already", self.output.display());
            return Err(Failure::new(error).with_hint("--force replaces it"));
        }
        let draft = self.draft();
        let outcome = fill_file(&draft, write).and_then(|done| {
            fs::rename(&draft, &self.output)?;
            Ok(done)
        });
        if outcome.is_err() {
            // The draft is of no use; that it may not even be there changes nothing.
            let _ = fs::remove_file(&draft);
        }
        outcome.map_err(|failure| failure.named_if_io(what))
    }

    /// A name beside the output, so that renaming stays within one file system.
    fn draft(&self) -> PathBuf {
        let mut name = self.output.file_name().unwrap_or_default().to_owned();
        name.push(format!(".{}.part", std::process::id()));
        self.output.with_file_name(name)
    }
}

fn fill_file<T>(
    path: &Path,
    write: impl FnOnce(&mut dyn Write) -> Result<T, Failure>,
) -> Result<T, Failure> {
    let mut out = BufWriter::new(File::create_new(path)?);
    let done = write(&mut out)?;
    out.flush()?;
    Ok(done)
}

/// Says on standard error what of a capture could not be read.
pub(crate) fn say_problems(capture: &Capture) -> Status {
    let mut out = io::stderr().lock();
    for problem in &capture.problems {
        // There is nowhere left to say that standard error is closed.
        let text = format!("warning: {}: {}", problem.path, problem.message);
        let _ = writeln!(out, "{}", visible(&text));
    }
    if capture.problems.is_empty() {
        Status::Clean
    } else {
        Status::Findings
    }
}
