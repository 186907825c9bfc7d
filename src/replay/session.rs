//! A replay: what is played, who compares, and what came out of it.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use std::sync::Arc;

use crate::capture::{Capture, CaptureKind};
use crate::diff::{Comparison, Level, Options, compare};
use crate::script::{Script, playback_of_capture};
use crate::server::Observer;

use super::circumstances::Circumstances;
use super::compare::{Comparer, OnDivergence};
use super::divergence::Divergence;
use super::error::ReplayError;
use super::expected::{Expected, requests_of};
use super::played::Played;
use super::recording::{Recording, RecordingKind};
use super::rollouts;
use super::tools::{Answers, RecordedCalls};

/// How a session is replayed.
#[derive(Debug, Clone, Default)]
pub struct ReplayOptions {
    /// How many times as long as recorded pauses in responses last; `None` for none at all.
    pub pace: Option<f64>,
    /// What becomes of an agent whose request is not the recorded one.
    pub on_divergence: OnDivergence,
    /// What is compared. Without `only`, requests are.
    pub compare: Options,
    /// Which differences count.
    pub judge: Judge,
}

/// Says whether anything of a comparison counts, such as by rules that accept some of it.
#[derive(Clone)]
pub struct Judge(pub Arc<Judgement>);

/// See [`Judge`]: baseline, candidate, how they differ.
pub type Judgement = dyn Fn(&Capture, &Capture, &Comparison) -> bool + Send + Sync;

impl Default for Judge {
    /// Errors and warnings count.
    fn default() -> Self {
        Self(Arc::new(|_, _, comparison| {
            let mut changes = comparison.changes.iter();
            changes.any(|change| change.level != Level::Note)
        }))
    }
}

impl fmt::Debug for Judge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Judge")
    }
}

/// A session that is being replayed.
#[derive(Debug)]
pub struct Replay {
    /// What the server is to play.
    pub script: Arc<Script>,
    recording: Recording,
    circumstances: Circumstances,
    comparer: Arc<Comparer>,
}

/// How the commands of a session are answered, and which of its calls are carried out all the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AnsweredCommands {
    /// What the agent is to find in its environment.
    pub variables: Vec<(String, String)>,
    /// Calls that agents carry out themselves, by their names: `apply_patch`, `view_image`, those of MCP servers.
    pub carried_out: BTreeMap<String, usize>,
    /// How many outputs are told with a gap, for the agent had cut their middle out.
    pub cut: usize,
    /// How many scripts of the model (`exec`) may run commands that were not recorded one by one.
    pub scripts: usize,
}

/// What came out of a replay.
#[derive(Debug)]
pub struct Verdict {
    /// What was compared with.
    pub baseline: Capture,
    /// What the agent sent.
    pub candidate: Capture,
    /// How they differ; after a stop, how the request differs at which it was stopped.
    pub comparison: Comparison,
    /// Where the agent left the recording first, as seen while it ran.
    pub divergences: Vec<Divergence>,
}

impl Replay {
    /// Makes a recording ready to be played.
    ///
    /// # Errors
    ///
    /// When there is nothing in it that could be played.
    pub fn new(recording: Recording, options: ReplayOptions) -> Result<Self, ReplayError> {
        let (text, expected, kind) = match &recording.kind {
            RecordingKind::Capture(capture) => {
                let playback = playback_of_capture(capture, options.pace);
                let expected = Expected::Requests {
                    requests: requests_of(capture),
                    steps: playback.steps,
                };
                (playback.text, expected, capture.kind)
            }
            RecordingKind::Rollouts(sources) => {
                let read = rollouts::read(sources, options.pace);
                let (text, inputs) = read.map_err(|source| ReplayError::Read {
                    path: recording.path.clone(),
                    source,
                })?;
                (text, Expected::Inputs(inputs), CaptureKind::RequestBody)
            }
        };
        let script =
            Script::parse(&recording.path, &text).map_err(|source| ReplayError::Script {
                path: recording.path.clone(),
                source,
            })?;
        if script.steps.is_empty() {
            return Err(ReplayError::NothingToPlay {
                path: recording.path,
            });
        }
        let circumstances = Circumstances::of(&recording);
        let comparer = Comparer::new(
            &recording.path,
            kind,
            expected,
            Played::new(text),
            circumstances.work.clone(),
            options,
        );
        Ok(Self {
            script: Arc::new(script),
            recording,
            circumstances,
            comparer: Arc::new(comparer),
        })
    }

    /// Has commands that the model called answered with what was recorded of them, so that nothing of them runs.
    ///
    /// `home` is the agent's `HOME`, made for this replay: startup files are written into it. `own` is the agent's command
    /// line, of which a shell may run what it is told there. The agent is to be started behind this, with the variables.
    ///
    /// # Errors
    ///
    /// When a file can't be written.
    pub fn answer_commands(
        &self,
        home: &Path,
        own: &[String],
    ) -> Result<AnsweredCommands, ReplayError> {
        let comparer = &self.comparer;
        let calls = RecordedCalls::of(&self.recording, &comparer.expected, comparer.played.text());
        let printed: Vec<&str> = calls.texts().collect();
        let printed = Played::new(printed.join("\n"));
        let answers = Answers::new(home, own, calls).map_err(|source| ReplayError::Write {
            path: home.display().to_string(),
            source,
        })?;
        let calls = answers.calls();
        let told = AnsweredCommands {
            variables: answers.variables(),
            carried_out: calls.carried_out(),
            cut: calls.cut(),
            scripts: calls.scripts(),
        };
        // A second home would take the first one's answers.
        let _ = comparer.answers.set((answers, printed));
        Ok(told)
    }

    /// Who compares: for [`ServerOptions::observer`](crate::server::ServerOptions::observer).
    pub fn observer(&self) -> Arc<dyn Observer> {
        self.comparer.clone()
    }

    /// What is replayed.
    pub fn recording(&self) -> &Recording {
        &self.recording
    }

    /// Under which circumstances it was recorded.
    pub fn circumstances(&self) -> &Circumstances {
        &self.circumstances
    }

    /// Whether the agent left the recording and was stopped there.
    pub fn is_over(&self) -> bool {
        self.comparer.on_divergence == OnDivergence::Stop && self.comparer.is_stopped()
    }

    /// Whether the agent made the last recorded request, and will wait, as this was never answered: it was interrupted, or the
    /// rollout ends there.
    pub fn is_at_end(&self) -> bool {
        self.comparer.state().is_at_end
    }

    /// Whether the agent left the recording and is answered by a real server from there on.
    pub fn is_live(&self) -> bool {
        self.comparer.on_divergence == OnDivergence::Live && self.comparer.is_stopped()
    }

    /// The agent of this run with its version, as it says in its requests: `codex_exec/0.169.0`.
    pub fn agent(&self) -> Option<String> {
        self.comparer.agent()
    }

    /// Where the agent left the recording so far.
    pub fn divergences(&self) -> Vec<Divergence> {
        self.comparer.divergences()
    }

    /// Compares the whole run, of which `candidate` is the capture, with the recording.
    pub fn verdict(self, candidate: Capture) -> Verdict {
        let divergences = self.comparer.divergences();
        let problems = self.recording.problems().unwrap_or_default();
        let (mut baseline, candidate) = match (self.comparer.rebuilt(), self.recording.kind) {
            (Some(rebuilt), _) => rebuilt,
            (None, RecordingKind::Capture(capture)) => (*capture, candidate),
            // Rollouts are always rebuilt.
            (None, RecordingKind::Rollouts(_)) => (candidate.clone(), candidate),
        };
        let stopped = divergences.first().filter(|_| self.comparer.is_stopped());
        let comparison = match stopped {
            Some(divergence) => divergence.comparison.clone(),
            None => {
                let mut comparison = compare(&baseline, &candidate, &self.comparer.options);
                note_background_calls(&mut comparison);
                comparison
            }
        };
        baseline.problems = problems;
        Verdict {
            baseline,
            candidate,
            comparison,
            divergences,
        }
    }
}

/// How many calls an agent makes beside those to the model depends on how long it lives, which a replay makes shorter: that one is
/// missing or added is a note.
fn note_background_calls(comparison: &mut Comparison) {
    let is_background = |kind: &str| matches!(kind, "models" | "other");
    for row in &mut comparison.alignment {
        if !is_background(row.kind) || row.pair.baseline.is_some() && row.pair.candidate.is_some() {
            continue;
        }
        for change in &mut comparison.changes {
            // The opening of a WebSocket is an error, and stays one.
            if change.exchange == row.pair && change.level == Level::Warning {
                change.level = Level::Note;
                row.changes = 0;
            }
        }
    }
}
