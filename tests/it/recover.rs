//! Recovering damaged files whose truth is known: what is written is every complete record and nothing else.

use std::fs;
use std::path::Path;

use proptest::prelude::*;
use serde_json::Value;
use trace_diff::json::read_records;
use trace_diff::rollout::{RecoverOptions, Recovery, recover};

use crate::samples::package;

fn recovered(bytes: &[u8]) -> (Vec<u8>, Recovery) {
    let mut out = Vec::new();
    let recovery = recover(bytes, &mut out, RecoverOptions::default()).unwrap();
    (out, recovery)
}

/// The bytes of the spans in a list of the truth.
fn spans<'a>(truth: &Value, list: &str, bytes: &'a [u8]) -> Vec<&'a [u8]> {
    let at = |span: &Value, key: &str| span[key].as_u64().unwrap() as usize;
    let all = truth[list].as_array().unwrap().iter();
    all.map(|span| &bytes[at(span, "start")..at(span, "end")])
        .collect()
}

fn visible(spans: &[&[u8]]) -> Vec<u8> {
    let bytes = spans.iter().flat_map(|span| span.iter());
    bytes.copied().filter(|b| !b" \t\r\n".contains(b)).collect()
}

fn check_folder(folder: &Path) {
    let mut checked = 0;
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let Some(file) = path.to_str().unwrap().strip_suffix(".expected.json") else {
            continue;
        };
        let truth: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
        let bytes = fs::read(file).unwrap();
        let (out, recovery) = recovered(&bytes);
        let records = spans(&truth, "records", &bytes);
        let expect: Vec<u8> = records
            .iter()
            .flat_map(|record| [record, &b"\n"[..]].concat())
            .collect();
        assert!(out == expect, "{file}: records");
        let left_out = recovery.left_out.iter().map(|left| &left.problem.span);
        let left_out: Vec<&[u8]> = left_out
            .map(|span| &bytes[span.start as usize..span.end as usize])
            .collect();
        let damaged = spans(&truth, "damaged_spans", &bytes);
        assert!(visible(&left_out) == visible(&damaged), "{file}: left out");
        let (again, second) = recovered(&out);
        assert!(again == out && !second.is_partial(), "{file}: read again");
        checked += 1;
    }
    assert!(checked > 0, "no expectations in {}", folder.display());
}

#[test]
fn damaged_fixtures_are_recovered_to_their_truth() {
    check_folder(&package().join("fixtures/damaged"));
}

#[test]
fn damaged_corpus_is_recovered_to_its_truth() {
    let folder = package().join("../shared/corpus/damaged");
    if !folder.is_dir() {
        println!("skipped: no corpus beside the package");
        return;
    }
    check_folder(&folder);
}

proptest! {
    /// Whatever the bytes are, what was recovered is clean, and nothing is lost that the reader of records finds.
    #[test]
    fn what_was_recovered_is_clean(
        pieces in prop::collection::vec(
            prop_oneof![
                Just(b"{\"type\":\"a\",\"payload\":{\"n\":[1,{}]}}\n".to_vec()),
                Just(b"{\"type\":\"b\",\n \"t\":\"x\\\"y\"}".to_vec()),
                Just(b"{\"type\":\"a\",\"payl".to_vec()),
                Just(b"true".to_vec()),
                Just(b"\"\xff\"".to_vec()),
                prop::collection::vec(prop::sample::select(&b"{}[]\",:\\ \n\0a1\xef\xbb\xbf"[..]), 0..12),
            ],
            0..12,
        )
    ) {
        let bytes = pieces.concat();
        let (out, recovery) = recovered(&bytes);
        prop_assert_eq!(recovery.input, read_records(&bytes).summary);
        let (again, second) = recovered(&out);
        prop_assert!(!second.is_partial(), "{:?}", second.left_out);
        prop_assert_eq!(second.input.records, recovery.input.records);
        prop_assert_eq!(again, out);
    }
}
