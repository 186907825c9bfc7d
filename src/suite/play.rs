//! Plays one scenario to one agent.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use thiserror::Error;

use crate::agent::{Agent, DriveError, Driven, Place, Stage, Surroundings, drive};
use crate::capture::{Capture, OpenError, read_capture};
use crate::script::scenario::Scenario;
use crate::script::{PlayerOptions, Script, Violation};
use crate::server::{CaptureTarget, Server, ServerOptions, StartError};

use super::case::SuiteOptions;
use super::strays::strays;

/// The capture in the directory of a case.
pub(super) const CAPTURE: &str = "capture.jsonl";

/// What came of a scenario with an agent.
#[derive(Debug)]
pub(super) struct Played {
    /// Where it lived.
    pub(super) place: Place,
    /// What was sent and answered.
    pub(super) capture: Capture,
    /// What the agent did; an error when it has no way to do what the scenario asks.
    pub(super) driven: Result<Driven, &'static str>,
    /// What did not go as the script says.
    pub(super) violations: Vec<Violation>,
    /// What the agent left in the directory of the run, beside its own.
    pub(super) strays: Vec<PathBuf>,
    /// Files of the work directory afterwards that the scenario expects, where they can be read as text.
    pub(super) files: BTreeMap<String, String>,
}

/// Why a scenario could not be played.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum PlayError {
    /// A directory or file of the run can't be made.
    #[error("failed to make {path}")]
    Place {
        /// The path.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The server can't listen.
    #[error(transparent)]
    Start(#[from] StartError),
    /// The agent can't be started.
    #[error(transparent)]
    Drive(#[from] DriveError),
    /// The capture of the run can't be read.
    #[error("failed to read the capture of the run")]
    Capture(#[source] Box<OpenError>),
}

/// Plays a scenario to an agent, below a directory that must not exist yet, for what an earlier run left there would be taken
/// for this one's: `agent/home`, `agent/work`, `capture.jsonl`, and what each process printed.
///
/// # Errors
///
/// As [`PlayError`] lists; what the agent does wrong is no error.
pub(super) fn play(
    agent: &Agent,
    script: &Arc<Script>,
    scenario: &Scenario,
    root: &Path,
    options: &SuiteOptions,
) -> Result<Played, PlayError> {
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |source| PlayError::Place { path, source }
    };
    let above = root.parent().map_or(Ok(()), fs::create_dir_all);
    above
        .and_then(|()| fs::create_dir(root))
        .map_err(failed(root))?;
    let below = root.join("agent");
    let place = Place::below(&below).map_err(failed(&below))?;
    let path = root.join(CAPTURE);
    let file = File::create(&path).map_err(failed(&path))?;
    let server = Server::start(ServerOptions {
        script: Arc::clone(script),
        play: PlayerOptions {
            seed: options.seed,
            is_strict_api: true,
            ..PlayerOptions::default()
        },
        capture: CaptureTarget::File(Arc::new(file)),
        threads: 1,
        ..ServerOptions::default()
    })?;
    let surroundings = Surroundings {
        base_url: format!("http://{}/v1", server.address()),
        ..options.surroundings.clone()
    };
    let gates = script.gates();
    let stage = Stage {
        place: &place,
        surroundings: &surroundings,
        limits: &options.limits,
        requests: &|| usize::try_from(server.state().requests).unwrap_or(usize::MAX),
        is_busy: &|| server.state().active > 0,
        is_held: &|| server.state().stalled > 0 || !server.gates().waiting().is_empty(),
        open_gates: &|| gates.iter().for_each(|gate| server.gates().open(gate)),
        is_over: &|| options.interrupted.load(Ordering::Relaxed),
    };
    let driven = match drive(agent, scenario, stage) {
        Ok(driven) => Ok(driven),
        Err(DriveError::NotApplicable(why)) => Err(why),
        Err(error) => return Err(error.into()),
    };
    let strays = strays(root, &[&below, &path], &options.root);
    for (number, outcome) in driven
        .iter()
        .flat_map(|driven| &driven.outcomes)
        .enumerate()
    {
        for (name, output) in [("stdout", &outcome.stdout), ("stderr", &outcome.stderr)] {
            let path = root.join(format!("{name}-{}.txt", number + 1));
            std::fs::write(&path, output.text()).map_err(failed(&path))?;
        }
    }
    let violations = server.finish();
    // Stopped first, so that the capture is whole.
    drop(server);
    let capture = read_capture(&path.to_string_lossy())
        .map_err(|error| PlayError::Capture(Box::new(error)))?;
    let expected = scenario.expectations.iter().flat_map(|one| &one.files);
    let files = expected.filter_map(|(name, _)| {
        let text = fs::read_to_string(place.work.join(name)).ok()?;
        Some((name.clone(), text))
    });
    Ok(Played {
        strays,
        files: files.collect(),
        place,
        capture,
        driven,
        violations,
    })
}
