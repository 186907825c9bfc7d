//! Contracts of one capture: what real agents do is right, and what is broken in it is found.

pub(crate) mod cases;
mod cli;
mod gaps;
mod identity;
mod identity_kinds;
mod kinds;
mod mutations;
pub(crate) mod retry_cases;
mod rollouts;
mod stream_cases;
mod table;
mod websocket;
mod websocket_cases;

use trace_diff::check::{Profile, check_capture};

use crate::mutations::read;
use crate::samples::{self, Sample};

fn lines(sample: &Sample) -> Vec<String> {
    let capture = read(&sample.name, sample.bytes.clone());
    let contracts = check_capture(&capture, &Profile::of(&capture));
    let violations = contracts.violations.iter();
    let violations =
        violations.filter(|one| !crate::contracts_of_responses::is_known(&sample.name, one));
    let told = violations.map(|one| {
        format!(
            "{} {} #{:?} {} {}",
            sample.name, one.rule, one.exchange, one.pointer, one.message
        )
    });
    let not_checked = contracts.not_checked.iter();
    let not = not_checked.map(|one| format!("{} not checked, because {}", sample.name, one.reason));
    told.chain(not).collect()
}

#[test]
fn fixtures_keep_their_contracts() {
    let told: Vec<String> = samples::fixtures().iter().flat_map(lines).collect();
    assert!(told.is_empty(), "{}", told.join("\n"));
}

#[test]
fn the_corpus_keeps_its_contracts() {
    let told: Vec<String> = samples::corpus().iter().flat_map(lines).collect();
    assert!(told.is_empty(), "{}", told.join("\n"));
}
