//! The captures that tests run over: the fixtures, and the recorded corpus where it lies beside the package.

use std::fs;
use std::path::{Path, PathBuf};

use walkdir::WalkDir;

/// A capture file in memory.
pub(crate) struct Sample {
    /// Path below the fixtures or the corpus, without what every path has.
    pub(crate) name: String,
    pub(crate) bytes: Vec<u8>,
}

pub(crate) fn package() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Every capture in `fixtures/captures`, by name.
pub(crate) fn fixtures() -> Vec<Sample> {
    read_all(&package().join("fixtures/captures"), |name| {
        name.ends_with(".jsonl")
    })
}

/// Every run of the corpus, by name; empty when there is no corpus.
pub(crate) fn corpus() -> Vec<Sample> {
    let path = package().join("../shared/corpus");
    if !path.is_dir() {
        println!("skipped: no corpus beside the package");
        return Vec::new();
    }
    read_all(&path, |name| {
        let is_run = name.starts_with("codex-") || name.starts_with("pycodex-0");
        is_run && name.ends_with("/capture.jsonl") && name.matches('/').count() == 2
    })
}

fn read_all(top: &Path, is_wanted: impl Fn(&str) -> bool) -> Vec<Sample> {
    WalkDir::new(top)
        .sort_by_file_name()
        .into_iter()
        .filter_map(Result::ok)
        .filter_map(|entry| {
            let path = entry.path();
            let name = path.strip_prefix(top).ok()?.to_str()?.replace('\\', "/");
            is_wanted(&name).then(|| Sample {
                bytes: fs::read(path).expect("samples are readable"),
                name: stem(&name).to_owned(),
            })
        })
        .collect()
}

fn stem(name: &str) -> &str {
    let name = name.strip_suffix("/capture.jsonl").unwrap_or(name);
    name.strip_suffix(".jsonl").unwrap_or(name)
}

/// Positions of samples that are the same run done twice.
pub(crate) fn pairs(samples: &[Sample]) -> Vec<(usize, usize)> {
    let position = |name: &str| samples.iter().position(|sample| sample.name == name);
    (0..samples.len())
        .filter_map(|second| {
            let first = position(samples[second].name.strip_suffix("-run2")?)?;
            Some((first, second))
        })
        .collect()
}
