//! Seeded mutations of clean captures, each of which the comparison has to find at its place, and controls that it has
//! to keep quiet about.
//!
//! A case takes a capture `X`, changes one thing, and compares `X` with the result: once as it is, once with the change
//! made in the other recording of the same run, where every identifier, time and run length differs as well.
//!
//! **What may be a target.** A mutation must be a divergence that somebody who sees only the traffic can tell from a
//! second run of the same agent. So a target is never: a time, a duration, a chunk identifier, a port, a version, a path
//! below the working directory or the home, a nickname; a length that follows from the body (the harness keeps
//! `content-length` and the recorded lengths true); an identifier that occurs only once, because any value would do;
//! padding, counters and usage of events; an item that came from another thread, whose position is chance. A letter is
//! only changed inside a word that consists of letters. Where nobody could say which of several places changed (two
//! equal items, a tie of just two identifiers, a retry that equals its neighbour), each of them counts.

mod adapter;
mod kinds;
mod pick;
mod record;
mod rng;
mod table;
mod trace;
mod verdict;

pub(crate) use adapter::{Finding, Level, compare, read};
pub(crate) use record::{body_text, sha256_hex};

use serde_json::Value;
use trace_diff::capture::Capture;

use crate::samples::{self, Sample};
use kinds::{KINDS, Kind};
use rng::Rng;
use table::Row;
pub(crate) use trace::Trace;

const SEED: u64 = 20_261_121;
/// Runs of the corpus that are mutated besides those done twice, how many more over a WebSocket, and how large any may be.
const CORPUS_RUNS: usize = 30;
const WEBSOCKET_RUNS: usize = 4;
const CORPUS_BYTES: usize = 300_000;

/// A baseline and the recordings that mutations are made in.
struct Subject {
    baseline: Capture,
    sources: Vec<Trace>,
}

fn subjects(samples: &[Sample]) -> Vec<Subject> {
    let pairs = samples::pairs(samples);
    (0..samples.len())
        .map(|first| {
            let twins = pairs
                .iter()
                .filter(|pair| pair.0 == first)
                .map(|pair| pair.1);
            let sources = std::iter::once(first).chain(twins);
            Subject {
                baseline: read(&samples[first].name, samples[first].bytes.clone()),
                sources: sources.map(|index| trace_of(&samples[index])).collect(),
            }
        })
        .collect()
}

/// A sample as records that can be mutated.
pub(crate) fn trace_of(sample: &Sample) -> Trace {
    let records = serde_json::Deserializer::from_slice(&sample.bytes)
        .into_iter::<Value>()
        .collect::<Result<_, _>>()
        .unwrap_or_else(|e| panic!("{}: {e}", sample.name));
    Trace::new(sample.name.clone(), records)
}

/// Runs every kind on every subject.
fn run(subjects: &[Subject], seeds: u64) -> Vec<Row> {
    KINDS
        .iter()
        .map(|kind| {
            let mut row = Row::new(kind);
            for subject in subjects {
                for source in &subject.sources {
                    for seed in 0..seeds {
                        run_case(kind, subject, source, seed, &mut row);
                    }
                }
            }
            row
        })
        .collect()
}

fn run_case(kind: &'static Kind, subject: &Subject, source: &Trace, seed: u64, row: &mut Row) {
    let mut rng = Rng::new(SEED + seed, &format!("{}/{}", kind.name, source.name));
    let mut mutated = source.clone();
    let Some(expectation) = (kind.apply)(&mut mutated, &mut rng) else {
        row.skip();
        return;
    };
    let candidate = read(&source.name, mutated.into_bytes());
    let findings = compare(&subject.baseline, &candidate);
    let verdict = verdict::judge(kind.class, &expectation, &findings);
    let name = match subject.sources.first() {
        Some(first) if first.name == source.name => source.name.clone(),
        _ => format!("{} against its first run", source.name),
    };
    row.record(&name, &expectation, verdict, &findings);
}

fn assert_all_found(title: &str, subjects: &[Subject], seeds: u64) {
    let complaints = table::print(title, &run(subjects, seeds));
    assert!(complaints.is_empty(), "\n{}\n", complaints.join("\n"));
}

#[test]
fn mutations_of_fixtures_are_found() {
    let subjects = subjects(&samples::fixtures());
    assert_all_found("mutations of fixtures", &subjects, 2);
}

/// The names of runs of the corpus to mutate: all that were done twice, and a draw of the others.
fn choose(samples: &[Sample]) -> Vec<String> {
    let mut pool: Vec<&Sample> = samples
        .iter()
        .filter(|sample| sample.bytes.len() <= CORPUS_BYTES && !sample.name.ends_with("-run2"))
        .collect();
    Rng::new(SEED, "corpus").shuffle(&mut pool);
    let over_websocket = |sample: &&&Sample| sample.name.contains("-websocket");
    let twice = samples::pairs(samples)
        .into_iter()
        .map(|(first, _)| &samples[first]);
    pool.iter()
        .take(CORPUS_RUNS)
        .chain(pool.iter().filter(over_websocket).take(WEBSOCKET_RUNS))
        .copied()
        .chain(twice)
        .map(|sample| sample.name.clone())
        .collect()
}

#[test]
fn mutations_of_the_corpus_are_found() {
    let mut samples = samples::corpus();
    if samples.is_empty() {
        return;
    }
    let chosen = choose(&samples);
    samples.retain(|sample| {
        let first = sample.name.strip_suffix("-run2").unwrap_or(&sample.name);
        chosen.iter().any(|name| name == first)
    });
    assert_all_found("mutations of the corpus", &subjects(&samples), 1);
}

#[test]
fn the_same_mutation_is_made_every_time() {
    let samples = samples::fixtures();
    let source = trace_of(&samples[0]);
    let made = |kind: &Kind| {
        let mut trace = source.clone();
        let expectation = (kind.apply)(&mut trace, &mut Rng::new(SEED, kind.name))?;
        Some((expectation.detail, trace.into_bytes()))
    };
    for kind in KINDS {
        assert_eq!(made(kind), made(kind), "{}", kind.name);
    }
}

#[test]
fn every_kind_changes_the_fixtures_often_enough() {
    let traces: Vec<Trace> = samples::fixtures().iter().map(trace_of).collect();
    for kind in KINDS {
        let mut cases = 0;
        for source in &traces {
            let mut trace = source.clone();
            let applied = (kind.apply)(&mut trace, &mut Rng::new(SEED, kind.name)).is_some();
            let has_changed = trace.into_bytes() != source.clone().into_bytes();
            assert_eq!(
                applied && kind.name != "written again",
                has_changed,
                "{} of {}",
                kind.name,
                source.name
            );
            cases += usize::from(applied);
        }
        println!("{:<32} {cases}", kind.name);
        assert!(cases >= 2, "{}: only {cases} fixtures have it", kind.name);
    }
}
