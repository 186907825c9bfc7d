//! `trace-diff recover`: what is complete of a damaged rollout.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow};
use same_file::Handle;
use trace_diff::json::ProblemKind;
use trace_diff::report::{RecoveryNames, render_recovery, render_recovery_json};
use trace_diff::rollout::{RecoverOptions, Recovery, recover};

use crate::exit::{Failure, Outcome, Status};
use crate::{input, output};

/// Columns at which the text form is wrapped.
const WIDTH: usize = 80;

/// Saves the complete records of a damaged rollout
///
/// Writes every complete record to OUT, byte for byte and in order, one newline behind each, and says what was left
/// out and what it was. The input is never changed. Whatever concatenated JSON the input is, its records are found;
/// repeated ones are kept and noted. With -o - the records go to standard output and what is said about them to
/// standard error.
///
/// To resume from it, put the recovered file where the damaged one was, under the same name.
///
/// Exit status: 0 nothing was left out, 1 something was left out, 2 nothing was written.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// File to read, compressed with gzip or zstd or not, or a directory with one rollout; - is standard input
    rollout: PathBuf,
    #[command(flatten)]
    target: output::Target,
    /// Writes records that span several lines on one line, which Codex needs to read them
    ///
    /// Only white space between tokens is taken away, and only from such records.
    #[arg(long)]
    one_line: bool,
    /// Form of what is said about it; docs/sessions.md describes the JSON
    #[arg(long, value_enum, value_name = "FORMAT", default_value = "text")]
    format: output::Format,
}

pub(crate) fn run(args: &Args) -> Outcome {
    let rollout = input::rollout(&args.rollout)?;
    let source = input::open(&rollout)?;
    refuse_same_file(&rollout, &args.target)?;
    refuse_compressed_name(&args.target)?;
    let options = RecoverOptions {
        one_line: args.one_line,
    };
    let recovery = args.target.fill(|out| {
        let recovery = recover(source, out, options)?;
        refuse_nothing(&rollout, &recovery)?;
        Ok(recovery)
    })?;
    say(args, &rollout, &recovery)?;
    Ok(match recovery.is_partial() {
        true => Status::Findings,
        false => Status::Clean,
    })
}

/// Never in place: not by the same path, not by a link of any kind, not by redirection.
fn refuse_same_file(input: &Path, target: &output::Target) -> Result<(), Failure> {
    let input_file = match input.to_str() {
        Some("-") => Handle::stdin(),
        _ => Handle::from_path(input),
    };
    let output_file = match target.is_stdout() {
        true => Handle::stdout(),
        false => Handle::from_path(target.path()),
    };
    // What can't be looked at, because it is not there, is no file to protect.
    let (Ok(input_file), Ok(output_file)) = (input_file, output_file) else {
        return Ok(());
    };
    let is_file = |handle: &Handle| handle.as_file().metadata().is_ok_and(|m| m.is_file());
    if input_file != output_file || !is_file(&input_file) {
        return Ok(());
    }
    let (input, output) = (input.display(), target.path().display());
    let error = anyhow!("{output} is the file to recover, {input}, itself");
    Err(Failure::new(error).with_hint("write to another file; the damaged one is kept as it is"))
}

/// A file whose name says that it is compressed is not read by agents when it is not.
fn refuse_compressed_name(target: &output::Target) -> Result<(), Failure> {
    let path = target.path();
    if !path
        .extension()
        .is_some_and(|end| end == "zst" || end == "gz")
    {
        return Ok(());
    }
    let error = anyhow!("{} is a name of a compressed file", path.display());
    Err(Failure::new(error).with_hint("records are written uncompressed: name it ….jsonl"))
}

/// A picture or a text is no damaged rollout. One of which nothing or only NUL bytes are left may be.
fn refuse_nothing(input: &Path, recovery: &Recovery) -> Result<(), Failure> {
    let path = input.display();
    let mut kinds = recovery.left_out.iter().map(|left| left.problem.kind);
    if recovery.has_json || kinds.all(|kind| matches!(kind, ProblemKind::Nul | ProblemKind::Bom)) {
        return Ok(());
    }
    let error = anyhow!("{path} holds no record and no part of one");
    Err(Failure::new(error).with_hint("a rollout is rollout-….jsonl or rollout-….jsonl.zst"))
}

fn say(args: &Args, rollout: &Path, recovery: &Recovery) -> Result<(), Failure> {
    let (input, output) = (
        rollout.to_string_lossy(),
        args.target.path().to_string_lossy(),
    );
    let names = RecoveryNames {
        input: if input == "-" {
            "standard input"
        } else {
            &input
        },
        output: if output == "-" {
            "standard output"
        } else {
            &output
        },
    };
    let mut text = Vec::new();
    match args.format {
        output::Format::Text => render_recovery(recovery, names, WIDTH, &mut text)?,
        output::Format::Json => render_recovery_json(recovery, names, &mut text)?,
    }
    if args.target.is_stdout() {
        let written = io::stderr().lock().write_all(&text);
        return Ok(written.context("failed to write to standard error")?);
    }
    output::write(&text)?;
    Ok(())
}
