//! `trace-diff [BASELINE] CANDIDATE`: what the program is for.

use std::path::{Path, PathBuf};

use anyhow::Context;
use trace_diff::capture::{Capture, OpenError, read_capture};
use trace_diff::check::check_capture;
use trace_diff::diff::compare;
use trace_diff::normalize::Rules;
use trace_diff::outline::{self, Outline, TellResume, outline_rollout};
use trace_diff::report::{
    Verdict, add_contracts, comparison_report, outline_report, render_outline, rollout_report,
};
use trace_diff::rollout::{RolloutSource, find_rollouts, sessions_root_of};

use crate::exit::{Failure, Outcome, Status};
use crate::profile::ProfileArgs;
use crate::report::ReportArgs;
use crate::report_forms::{Format, Rendered};
use crate::rollouts::RolloutArgs;
use crate::{input, rules};

/// Captures to compare.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The capture to compare with. A capture alone is checked and outlined, or compared with --baseline
    #[arg(value_name = "BASELINE")]
    first: Option<String>,
    /// The capture to judge
    #[arg(value_name = "CANDIDATE")]
    second: Option<String>,
    /// The capture to compare with when only one is named; without it the one of the rules file
    #[arg(long, value_name = "CAPTURE", help_heading = "Comparison")]
    baseline: Option<String>,
    #[command(flatten)]
    rollouts: RolloutArgs,
    #[command(flatten)]
    profile: ProfileArgs,
    #[command(flatten)]
    rules: rules::RuleArgs,
    #[command(flatten)]
    report: ReportArgs<Format>,
}

pub(crate) fn run(args: &Args) -> Outcome {
    let rules = args.rules.load()?;
    let (baseline, candidate) = args.inputs(&rules)?;
    let options = args.rules.options(&rules);
    let standards = args.rules.standards(&rules);
    let (report, outline) = match baseline {
        Some(baseline) => {
            let (baseline, candidate) = read_both(&baseline, &candidate)?;
            let comparison = compare(&baseline, &candidate, &options);
            let mut report = comparison_report(&baseline, &candidate, &comparison);
            args.rollouts.check(&candidate, &options, &mut report)?;
            standards.apply(&mut report, &comparison.ignore_used);
            (report, None)
        }
        None => {
            let (mut report, outline) = match args.read(&candidate)? {
                Subject::Capture(capture) => {
                    let mut report = outline_report(&capture);
                    let contracts = check_capture(&capture, &args.profile.load(&rules, &capture)?);
                    add_contracts(&mut report, &capture, &contracts, &options);
                    args.rollouts.check(&capture, &options, &mut report)?;
                    (report, Some(render_outline(&capture)))
                }
                Subject::Rollouts(outlines) => (rollout_report(&outlines), None),
            };
            standards.apply(&mut report, &[]);
            (report, outline)
        }
    };
    args.report.write(&Rendered {
        report: &report,
        outline: outline.as_deref(),
    })?;
    Ok(match report.verdict {
        Verdict::Clean => Status::Clean,
        Verdict::Findings => Status::Findings,
    })
}

/// What one input alone is.
enum Subject {
    Capture(Capture),
    /// What happened in the rollouts that are named in place of a capture.
    Rollouts(Vec<Outline>),
}

impl Args {
    /// Reads a capture, a rollout, or the rollouts in a directory without a capture.
    fn read(&self, path: &str) -> Result<Subject, Failure> {
        if path == "-" || !self.rollouts.is_empty() {
            return input::capture(path).map(Subject::Capture);
        }
        let error = match read_capture(path) {
            Ok(capture) => return Ok(Subject::Capture(capture)),
            Err(error) => error,
        };
        let files = match &error {
            OpenError::Rollout { .. } => vec![PathBuf::from(path)],
            // Where captures lie below, one of them may be meant.
            OpenError::NoCapture { below, .. } if below.is_empty() => {
                let found = find_rollouts(Path::new(path)).files.into_iter();
                found.map(|file| file.path).collect()
            }
            _ => Vec::new(),
        };
        if files.is_empty() {
            return Err(input::not_opened(error));
        }
        let outlines: anyhow::Result<Vec<Outline>> =
            files.iter().map(|file| outline_of(file)).collect();
        outlines.map(Subject::Rollouts).map_err(Failure::new)
    }

    /// The baseline, if there is one, and the capture to judge.
    fn inputs(&self, rules: &Rules) -> Result<(Option<String>, String), Failure> {
        let usage = "trace-diff BASELINE CANDIDATE compares two captures, trace-diff CAPTURE outlines one; see trace-diff --help";
        let from_rules = || {
            rules
                .baseline_path()
                .map(|path: PathBuf| path.to_string_lossy().into_owned())
        };
        match (&self.first, &self.second, &self.baseline) {
            (Some(_), Some(_), Some(_)) => {
                Err(Failure::new(anyhow::anyhow!("two baselines are named"))
                    .with_hint("leave out --baseline"))
            }
            (Some(baseline), Some(candidate), None) => {
                Ok((Some(baseline.clone()), candidate.clone()))
            }
            (Some(candidate), None, baseline) => {
                Ok((baseline.clone().or_else(from_rules), candidate.clone()))
            }
            (None, ..) => {
                Err(Failure::new(anyhow::anyhow!("no capture is named")).with_hint(usage))
            }
        }
    }
}

fn outline_of(file: &Path) -> anyhow::Result<Outline> {
    let what = || format!("failed to read {}", file.display());
    let source = RolloutSource::file(file).with_context(what)?;
    let options = outline::Options {
        is_full: false,
        resume: TellResume::IfDamaged,
    };
    outline_rollout(&source, Some(&sessions_root_of(file)), options).with_context(what)
}

/// Reads both captures at the same time; standard input can be only one of them.
fn read_both(baseline: &str, candidate: &str) -> Result<(Capture, Capture), Failure> {
    if baseline == "-" && candidate == "-" {
        return Err(
            Failure::new(anyhow::anyhow!("standard input can't be both captures"))
                .with_hint("save one of them to a file"),
        );
    }
    std::thread::scope(|scope| {
        let other = scope.spawn(|| input::capture(baseline));
        let candidate = input::capture(candidate);
        let baseline = match other.join() {
            Ok(baseline) => baseline,
            Err(panic) => std::panic::resume_unwind(panic),
        };
        Ok((baseline?, candidate?))
    })
}
