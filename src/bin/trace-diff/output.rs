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
    /// Lets `write` make the whole content; a file appears under its name only when it is complete.
    pub(crate) fn fill(
        &self,
        write: impl FnOnce(&mut dyn Write) -> io::Result<()>,
    ) -> Result<(), Failure> {
        if self.output.as_os_str() == "-" {
            let mut out = BufWriter::new(io::stdout().lock());
            write(&mut out)
                .and_then(|()| out.flush())
                .context("failed to write to standard output")?;
            return Ok(());
        }
        let what = || format!("failed to write {}", self.output.display());
        if !self.force && self.output.exists() {
            let error = anyhow::anyhow!("{} exists already", self.output.display());
            return Err(Failure::new(error).with_hint("--force replaces it"));
        }
        let draft = self.draft();
        let outcome = fill_file(&draft, write).and_then(|()| fs::rename(&draft, &self.output));
        if outcome.is_err() {
            // The draft is of no use; that it may not even be there changes nothing.
            let _ = fs::remove_file(&draft);
        }
        outcome.with_context(what)?;
        Ok(())
    }

    /// A name beside the output, so that renaming stays within one file system.
    fn draft(&self) -> PathBuf {
        let mut name = self.output.file_name().unwrap_or_default().to_owned();
        name.push(format!(".{}.part", std::process::id()));
        self.output.with_file_name(name)
    }
}

fn fill_file(path: &Path, write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<()> {
    let mut out = BufWriter::new(File::create_new(path)?);
    write(&mut out)?;
    out.flush()
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
