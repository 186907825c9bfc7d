//! All scenarios with all agents.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use thiserror::Error;

use crate::agent::{Agent, Driven, Limits, Surroundings};
use crate::capture::{Capture, Redactor};
use crate::diff::Options;
use crate::report::{
    Cell, CellFinding, CellVerdict, Level, Matrix, MatrixAgent, MatrixRow, RuleUses, Standards,
};
use crate::script::Script;
use crate::script::scenario::{Expectation, Scenario};

use super::contracts::broken_contracts;
use super::differences::differences;
use super::expect::{broken_expectations, wrote_outside};
use super::folders::{again, folders};
use super::judge::{Judge, Told};
use super::play::{PlayError, Played, play};
use super::rollouts::{broken_rollouts, wire_against_disk};
use super::stable::stable;
use super::strays::Shared;

/// How a suite is run.
#[derive(Debug)]
pub struct SuiteOptions {
    /// The directory below which each case gets one: `SCENARIO/AGENT`.
    pub root: PathBuf,
    /// What agents are told of the world; the base URL is set for each.
    pub surroundings: Surroundings,
    /// What is put up with from an agent in one process.
    pub limits: Limits,
    /// Where random faults begin, before what scripts say.
    pub seed: Option<u64>,
    /// How many cases run at once; 0 counts as 1.
    pub jobs: usize,
    /// How often each case is run again, to see what is not the same each time.
    pub reruns: usize,
    /// What of the user's rules concerns comparisons.
    pub compare: Options,
    /// By what findings are judged.
    pub standards: Standards,
    /// Becomes true when the run is to end: agents are ended, and no case is begun.
    pub interrupted: Arc<AtomicBool>,
}

/// A case: a scenario with an agent, by their numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CaseId {
    /// Number of the scenario, from 0.
    pub scenario: usize,
    /// Number of the agent, from 0.
    pub agent: usize,
}

/// How far a suite has got.
#[derive(Debug, Clone, Copy)]
pub struct Progress {
    /// The case that has ended.
    pub case: CaseId,
    /// Cases that have ended.
    pub done: usize,
    /// All cases.
    pub all: usize,
}

/// Why a suite can't be run.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum SuiteError {
    /// A script does not say how an agent is driven.
    #[error("{script} has no table `run`: it says what a server plays, not what an agent is asked")]
    NoScenario {
        /// The script.
        script: String,
    },
    /// A case could not be played.
    #[error("failed to play {scenario} to {agent}")]
    Play {
        /// The scenario.
        scenario: String,
        /// The agent.
        agent: String,
        /// Why.
        source: PlayError,
    },
    /// The run was [interrupted](SuiteOptions::interrupted).
    #[error("interrupted: the agents were ended")]
    Interrupted,
}

/// What came of a suite.
#[derive(Debug)]
pub struct SuiteRun {
    /// Scenarios × agents.
    pub matrix: Matrix,
    /// What was left in the directory of runs, where only scenarios have theirs; an agent may have done so, or another program.
    pub strays: Vec<PathBuf>,
}

/// What is known of a case when it has been played.
struct Case {
    cell: Cell,
    /// What was sent, for the comparison; `None` where there is nothing to compare.
    capture: Option<Capture>,
    locations: Vec<String>,
}

struct Suite<'a> {
    agents: &'a [Agent],
    /// A directory for each agent, below that of a scenario.
    agent_folders: Vec<String>,
    /// A directory for each scenario.
    folders: Vec<String>,
    scripts: &'a [(String, Arc<Script>)],
    scenarios: Vec<&'a Scenario>,
    options: &'a SuiteOptions,
    /// What the user's rules did so far.
    uses: Mutex<RuleUses>,
}

/// Plays each scenario, given by its name, to each agent; with several agents the first is the baseline.
///
/// # Errors
///
/// When a script is no scenario, a directory can't be made, an agent can't be started, or the run is interrupted. What agents do
/// wrong stands in the matrix.
pub fn run_suite(
    agents: &[Agent],
    scripts: &[(String, Arc<Script>)],
    options: &SuiteOptions,
    progress: &(dyn Fn(Progress) + Sync),
) -> Result<SuiteRun, SuiteError> {
    let scenario = |(name, script): &'_ (String, Arc<Script>)| match &script.scenario {
        Some(_) => Ok(()),
        None => Err(SuiteError::NoScenario {
            script: name.clone(),
        }),
    };
    scripts.iter().try_for_each(scenario)?;
    let suite = Suite {
        agents,
        agent_folders: folders(agents.iter().map(|agent| agent.name.as_str())),
        folders: folders(scripts.iter().map(|(name, _)| name.as_str())),
        scripts,
        scenarios: scripts
            .iter()
            .filter_map(|(_, script)| script.scenario.as_ref())
            .collect(),
        options,
        uses: Mutex::default(),
    };
    let shared = suite.watch();
    let root = Shared::watch(&options.root, "", &suite.folders);
    let cases = suite.play_all(progress)?;
    Ok(SuiteRun {
        matrix: suite.matrix(cases, &shared),
        strays: root.strays(),
    })
}

impl Suite<'_> {
    /// Looks at the directories of scenarios, as they are before.
    fn watch(&self) -> Vec<Shared> {
        let runs = |scenario: usize| {
            (0..self.agents.len()).flat_map(move |agent| {
                (0..=self.options.reruns)
                    .map(move |run| self.folder(CaseId { scenario, agent }, run))
            })
        };
        let folders = self.folders.iter().enumerate();
        let shared = folders.map(|(scenario, folder)| {
            let own: Vec<String> = runs(scenario).collect();
            Shared::watch(&self.options.root, folder, &own)
        });
        shared.collect()
    }

    /// Plays all cases, some at a time; they are given in order, agent by agent within a scenario.
    fn play_all(&self, progress: &(dyn Fn(Progress) + Sync)) -> Result<Vec<Case>, SuiteError> {
        let all = self.scripts.len() * self.agents.len();
        let next = AtomicUsize::new(0);
        let done = AtomicUsize::new(0);
        let results: Mutex<Vec<Option<Result<Case, SuiteError>>>> =
            Mutex::new((0..all).map(|_| None).collect());
        let work = || {
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= all {
                    return;
                }
                let case = CaseId {
                    scenario: number / self.agents.len(),
                    agent: number % self.agents.len(),
                };
                let result = self.case(case);
                if result.is_err() {
                    next.store(all, Ordering::Relaxed);
                }
                results.lock().unwrap_or_else(PoisonError::into_inner)[number] = Some(result);
                let done = done.fetch_add(1, Ordering::Relaxed) + 1;
                progress(Progress { case, done, all });
            }
        };
        std::thread::scope(|scope| {
            for _ in 0..self.options.jobs.clamp(1, all.max(1)) {
                scope.spawn(work);
            }
        });
        let results = results.into_inner().unwrap_or_else(PoisonError::into_inner);
        // After an error the rest was left out.
        results.into_iter().flatten().collect()
    }

    fn case(&self, id: CaseId) -> Result<Case, SuiteError> {
        let agent = &self.agents[id.agent];
        let scenario = self.scenarios[id.scenario];
        let version = agent.version.as_deref();
        let Some(expectation) = scenario.expectation(agent.profile.name(), version) else {
            return Ok(Case::left_out("the scenario expects nothing of it"));
        };
        if let Some(reason) = &expectation.not_applicable {
            return Ok(Case::left_out(reason));
        }
        let played = self.play(id, 0)?;
        let driven = match &played.driven {
            Ok(driven) => driven,
            Err(why) => return Ok(Case::left_out(why)),
        };
        let locations = locations(&played);
        let Told {
            counted: findings,
            accepted,
        } = self.findings(id, expectation, &played, driven, &locations)?;
        let verdict = match (&expectation.gap, findings.is_empty()) {
            (_, false) => CellVerdict::Fails,
            (Some(_), true) => CellVerdict::Gap,
            (None, true) => CellVerdict::Pass,
        };
        Ok(Case {
            cell: Cell {
                verdict,
                reason: expectation.gap.clone(),
                findings,
                accepted,
                shared_differences: None,
                folder: Some(self.folder(id, 0)),
            },
            capture: Some(played.capture),
            locations,
        })
    }

    /// What is not as expected, or not the same when it is asked again; the gravest first.
    fn findings(
        &self,
        id: CaseId,
        expectation: &Expectation,
        played: &Played,
        driven: &Driven,
        locations: &[String],
    ) -> Result<Told, SuiteError> {
        let (capture, home) = (&played.capture, &played.place.home);
        let judge = self.judge(locations);
        let scenario = self.scenarios[id.scenario];
        let expected = broken_expectations(scenario, expectation, played, driven);
        let mut found = Told::of(expected);
        found.extend(Told::of(broken_rollouts(&expectation.rollouts, home)));
        found.extend(broken_contracts(capture, &judge));
        found.extend(wire_against_disk(capture, home, &judge));
        for number in 1..=self.options.reruns {
            let again = self.play(id, number)?;
            let mut others = differences(capture, &again.capture, &judge);
            others.counted.iter_mut().for_each(|one| {
                one.message = format!("run {} is not as run 1: {}", number + 1, one.message);
            });
            found.extend(others);
        }
        // What the server says of a request quotes it as it was sent.
        let mut redactor = Redactor::new();
        found.counted.iter_mut().for_each(|finding| {
            finding.message = redactor.excerpt(&stable(&finding.message, locations));
        });
        found.counted.sort_by_key(|finding| finding.level);
        Ok(found)
    }

    fn judge<'j>(&'j self, locations: &'j [String]) -> Judge<'j> {
        Judge {
            options: &self.options.compare,
            standards: &self.options.standards,
            locations,
            uses: &self.uses,
        }
    }

    fn play(&self, id: CaseId, run: usize) -> Result<Played, SuiteError> {
        let (name, script) = &self.scripts[id.scenario];
        let agent = &self.agents[id.agent];
        let root = self.options.root.join(self.folder(id, run));
        let scenario = self.scenarios[id.scenario];
        let played = play(agent, script, scenario, &root, self.options);
        if self.options.interrupted.load(Ordering::Relaxed) {
            return Err(SuiteError::Interrupted);
        }
        played.map_err(|source| SuiteError::Play {
            scenario: name.clone(),
            agent: agent.name.clone(),
            source,
        })
    }

    /// Where a run of a case is, below the directory of runs.
    fn folder(&self, id: CaseId, run: usize) -> String {
        let folder = format!(
            "{}/{}",
            self.folders[id.scenario], self.agent_folders[id.agent]
        );
        match run {
            0 => folder,
            run => again(&folder, run),
        }
    }

    fn matrix(&self, cases: Vec<Case>, shared: &[Shared]) -> Matrix {
        let mut rows = Vec::with_capacity(self.scripts.len());
        let mut cases = cases.into_iter();
        for ((name, script), shared) in self.scripts.iter().zip(shared) {
            let mut row: Vec<Case> = cases.by_ref().take(self.agents.len()).collect();
            if let Some(stray) = shared.strays().first() {
                row.iter_mut().for_each(|case| case.blame(stray));
            }
            rows.push(MatrixRow {
                name: name.clone(),
                title: script.name.clone(),
                cells: self.cells(row),
            });
        }
        let agents = self.agents.iter().map(|agent| MatrixAgent {
            name: agent.name.clone(),
            profile: agent.profile.name().to_owned(),
            version: agent.version.clone(),
            counts: Default::default(),
        });
        let mut matrix = Matrix::new(agents.collect(), rows);
        let uses = self.uses.lock().unwrap_or_else(PoisonError::into_inner);
        matrix.unused_rules = self.options.standards.unused(&uses);
        matrix
    }

    /// The cells of a row: those that passed are compared with the baseline's, if that is as expected.
    fn cells(&self, row: Vec<Case>) -> Vec<Cell> {
        let mut cells = row.into_iter();
        let Some(baseline) = cells.next() else {
            return Vec::new();
        };
        let is_sound = matches!(baseline.cell.verdict, CellVerdict::Pass | CellVerdict::Gap);
        let others = cells.map(|mut case| {
            let before = baseline.capture.as_ref().filter(|_| is_sound);
            let both = before.zip(case.capture.as_ref());
            if let (CellVerdict::Pass, Some((before, after))) = (case.cell.verdict, both) {
                let locations = [baseline.locations.clone(), case.locations].concat();
                let found = differences(before, after, &self.judge(&locations));
                case.cell.findings = found.counted;
                case.cell.accepted.extend(found.accepted);
                case.cell.shared_differences = Some(0);
                if !case.cell.findings.is_empty() {
                    case.cell.verdict = CellVerdict::Differs;
                }
            }
            case.cell
        });
        let others: Vec<Cell> = others.collect();
        std::iter::once(baseline.cell).chain(others).collect()
    }
}

impl Case {
    /// Tells of a file that this agent, or another with the same scenario, left beside their directories.
    fn blame(&mut self, stray: &Path) {
        if self.cell.verdict != CellVerdict::NotApplicable {
            let message = wrote_outside("an agent of this scenario", stray);
            let finding = CellFinding::new("agent-wrote-outside", Level::Error, message);
            self.cell.findings.insert(0, finding);
            self.cell.verdict = CellVerdict::Fails;
        }
    }

    fn left_out(reason: &str) -> Self {
        Self {
            cell: Cell {
                verdict: CellVerdict::NotApplicable,
                reason: Some(reason.to_owned()),
                findings: Vec::new(),
                accepted: Vec::new(),
                shared_differences: None,
                folder: None,
            },
            capture: None,
            locations: Vec::new(),
        }
    }
}

/// The directories of a run: they differ in each.
fn locations(played: &Played) -> Vec<String> {
    let place = &played.place;
    let own = [&place.work, &place.home, &place.temp].into_iter();
    let own = own.chain(&place.root);
    own.map(|path| path.to_string_lossy().into_owned())
        .collect()
}
