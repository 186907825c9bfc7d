//! The option that compares what was sent with what is on disk.

use std::path::PathBuf;

use trace_diff::capture::Capture;
use trace_diff::check::check_rollouts;
use trace_diff::diff::Options;
use trace_diff::report::{Report, add_rollout_check};

use crate::exit::Failure;

#[derive(Debug, clap::Args)]
pub(crate) struct RolloutArgs {
    /// Compares what the capture to judge sent and got with what the agent wrote to disk: a rollout, or a directory of
    /// sessions; may be repeated
    #[arg(long, value_name = "ROLLOUT", help_heading = "Comparison")]
    rollout: Vec<PathBuf>,
}

impl RolloutArgs {
    /// Whether there is nothing to compare with.
    pub(crate) fn is_empty(&self) -> bool {
        self.rollout.is_empty()
    }

    /// Adds what the rollouts say to the report of the capture.
    pub(crate) fn check(
        &self,
        capture: &Capture,
        options: &Options,
        report: &mut Report,
    ) -> Result<(), Failure> {
        if self.is_empty() {
            return Ok(());
        }
        let check = check_rollouts(capture, &self.rollout).map_err(|error| {
            let hint = error.hint();
            Failure::new(error).with_hint(hint)
        })?;
        add_rollout_check(report, capture, &check, options);
        Ok(())
    }
}
