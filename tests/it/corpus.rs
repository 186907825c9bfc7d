//! What holds for every recorded run: it equals itself, and a second run of it.

use trace_diff::capture::Capture;

use crate::mutations::{Finding, Level, compare, read};
use crate::samples::{self, Sample};

fn captures(samples: &[Sample]) -> Vec<Capture> {
    samples
        .iter()
        .map(|sample| read(&sample.name, sample.bytes.clone()))
        .collect()
}

fn describe(name: &str, finding: &Finding) -> String {
    format!(
        "{name}: {:?} {} {:?}/{:?} +{} {}",
        finding.level,
        finding.rule,
        finding.baseline,
        finding.candidate,
        finding.recurs,
        finding.pointer
    )
}

/// Compares each sample with itself; complaints are all findings.
fn assert_reflexive(samples: &[Sample]) {
    let mut complaints = Vec::new();
    for (sample, capture) in samples.iter().zip(captures(samples)) {
        let Some(findings) = compare(&capture, &capture) else {
            println!("skipped: there is no comparison");
            return;
        };
        complaints.extend(
            findings
                .iter()
                .map(|finding| describe(&sample.name, finding)),
        );
    }
    assert!(complaints.is_empty(), "\n{}\n", complaints.join("\n"));
}

/// Compares runs done twice, in both directions; complaints are errors and warnings. Notes are printed.
fn assert_repeatable(samples: &[Sample]) {
    let captures = captures(samples);
    let mut complaints = Vec::new();
    for (first, second) in samples::pairs(samples) {
        for (baseline, candidate) in [(first, second), (second, first)] {
            let Some(findings) = compare(&captures[baseline], &captures[candidate]) else {
                println!("skipped: there is no comparison");
                return;
            };
            for finding in findings {
                let line = describe(&samples[baseline].name, &finding);
                println!("{line}");
                if finding.level != Level::Note {
                    complaints.push(line);
                }
            }
        }
    }
    assert!(complaints.is_empty(), "\n{}\n", complaints.join("\n"));
}

#[test]
fn fixtures_equal_themselves() {
    assert_reflexive(&samples::fixtures());
}

#[test]
fn runs_of_the_corpus_equal_themselves() {
    assert_reflexive(&samples::corpus());
}

#[test]
fn fixtures_recorded_twice_are_alike() {
    let samples = samples::fixtures();
    assert!(samples::pairs(&samples).len() >= 3);
    assert_repeatable(&samples);
}

#[test]
fn runs_of_the_corpus_recorded_twice_are_alike() {
    assert_repeatable(&samples::corpus());
}
