//! `trace-diff BASELINE CANDIDATE`: what the program is for.

use std::io::{self, BufWriter, Write};

use trace_diff::capture::{Capture, read_capture};
use trace_diff::diff::{Options, compare};
use trace_diff::report::{TextOptions, Verdict, comparison_report, render_json, render_text};

use crate::exit::{Failure, Outcome, Status};

/// Captures to compare.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The capture to compare with
    baseline: Option<String>,
    /// The capture to judge
    candidate: Option<String>,
    /// How to print the report
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// For a person
    Text,
    /// For programs; see `trace-diff schema report`
    Json,
}

pub(crate) fn run(args: &Args) -> Outcome {
    let (Some(baseline), Some(candidate)) = (&args.baseline, &args.candidate) else {
        return Err(Failure::new(anyhow::anyhow!("no captures to compare"))
            .with_hint("trace-diff BASELINE CANDIDATE, or trace-diff --help"));
    };
    let (baseline, candidate) = (open(baseline)?, open(candidate)?);
    let comparison = compare(&baseline, &candidate, &Options::default());
    let report = comparison_report(&baseline, &candidate, &comparison);
    let mut out = BufWriter::new(io::stdout().lock());
    match args.format {
        Format::Text => render_text(&report, &TextOptions::default(), &mut out)?,
        Format::Json => render_json(&report, &mut out)?,
    }
    out.flush()?;
    Ok(if report.verdict == Verdict::Clean {
        Status::Clean
    } else {
        Status::Findings
    })
}

fn open(path: &str) -> Result<Capture, Failure> {
    read_capture(path).map_err(|error| {
        let hint = error.hint();
        let failure = Failure::new(error);
        match hint {
            Some(hint) => failure.with_hint(hint),
            None => failure,
        }
    })
}
