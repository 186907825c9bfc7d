//! `trace-diff [BASELINE] CANDIDATE`: what the program is for.

use std::path::PathBuf;

use anyhow::anyhow;

use crate::exit::{Failure, Outcome};

/// Captures to compare.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The capture to compare with
    baseline: Option<PathBuf>,
    /// The capture to judge
    candidate: Option<PathBuf>,
}

pub(crate) fn run(args: &Args) -> Outcome {
    let (Some(_), Some(_)) = (&args.baseline, &args.candidate) else {
        return Err(Failure::new(anyhow!("no captures to compare"))
            .with_hint("trace-diff BASELINE CANDIDATE, or trace-diff --help"));
    };
    Err(Failure::new(anyhow!("this build can't compare captures")))
}
