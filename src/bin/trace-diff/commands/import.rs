//! `trace-diff import`: from any known format to our own.

use trace_diff::capture::{CaptureWriter, Redactor};

use crate::exit::Outcome;
use crate::{input, output};

/// Converts a capture of any known format to capture.jsonl
///
/// Credentials, cookies, account ids and what looks like an API key are replaced by <secret 1>, <secret 2> and so on:
/// equal secrets by the same stand-in.
///
/// Exit status: 0 all was read, 1 something could not be read (the rest is written), 2 nothing was written.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// File or directory to read; - is standard input
    capture: String,
    #[command(flatten)]
    target: output::Target,
    /// Leaves secrets as they are
    #[arg(long)]
    keep_secrets: bool,
}

pub(crate) fn run(args: &Args) -> Outcome {
    let capture = input::capture(&args.capture)?;
    let redactor = (!args.keep_secrets).then(Redactor::new);
    args.target.fill(|out| {
        Ok(CaptureWriter::new(out, capture.kind.name(), redactor)?.capture(&capture)?)
    })?;
    Ok(output::say_problems(&capture))
}
