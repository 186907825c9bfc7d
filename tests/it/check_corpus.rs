//! Wire against disk over the corpus: a clean run of a correct agent has no finding.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use trace_diff::capture::read_capture;
use trace_diff::check::check_rollouts;
use trace_diff::report::Level;

/// The corpus beside the package, if it is there.
fn corpus() -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/corpus");
    path.is_dir().then_some(path)
}

/// The runs with rollouts, by agent.
fn runs(corpus: &Path) -> BTreeMap<String, Vec<PathBuf>> {
    let mut runs: BTreeMap<String, Vec<PathBuf>> = BTreeMap::new();
    let directories = |path: &Path| -> Vec<PathBuf> {
        let entries = std::fs::read_dir(path).unwrap();
        let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
        paths.sort();
        paths
    };
    for agent in directories(corpus) {
        if !agent.is_dir() {
            continue;
        }
        let name = agent.file_name().unwrap().to_string_lossy().into_owned();
        for run in directories(&agent) {
            if run.join("rollouts").is_dir() && run.join("capture.jsonl").is_file() {
                runs.entry(name.clone()).or_default().push(run);
            }
        }
    }
    runs
}

#[test]
fn no_run_of_the_corpus_has_a_finding() {
    let Some(corpus) = corpus() else {
        println!("skipped: there is no corpus beside the package");
        return;
    };
    let mut all_clean = true;
    for (agent, runs) in runs(&corpus) {
        for input in ["capture.jsonl", "trace"] {
            let (mut clean, mut count) = (0, 0);
            for run in &runs {
                let capture = run.join(input);
                if !capture.exists() {
                    continue;
                }
                count += 1;
                let capture = read_capture(capture.to_str().unwrap()).unwrap();
                let check = check_rollouts(&capture, &[run.join("rollouts")]).unwrap();
                let open = check.violations.iter().filter(|v| v.level != Level::Note);
                let open: Vec<_> = open.collect();
                for violation in &open {
                    let place = violation.place.as_ref();
                    let place = place.map(|place| format!("{}:{}", place.record, place.pointer));
                    println!(
                        "{} {input}: #{:?} {} {} [{}] {} | {:?} -> {:?}",
                        run.strip_prefix(&corpus).unwrap().display(),
                        violation.exchange,
                        violation.rule,
                        violation.pointer,
                        place.unwrap_or_default(),
                        violation.message,
                        violation.expected,
                        violation.found,
                    );
                }
                clean += usize::from(open.is_empty());
            }
            println!("{agent} {input}: {clean} of {count} runs clean");
            all_clean &= clean == count;
        }
    }
    assert!(all_clean);
}
