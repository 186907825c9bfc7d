//! JUnit XML against what its readers take.

use std::collections::BTreeMap;

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

use super::{HOSTILE_NAME, rendered, runs};

/// Elements of the schema `junit-10.xsd` that we write: parent, attributes that are needed, others.
const ELEMENTS: &[(&str, &str, &str, &str)] = &[
    ("testsuites", "", "", "name time tests failures errors"),
    (
        "testsuite",
        "testsuites",
        "name tests failures errors",
        "skipped file time",
    ),
    ("properties", "testsuite", "", ""),
    ("property", "properties", "name value", ""),
    ("testcase", "testsuite", "name", "classname time"),
    ("failure", "testcase", "", "message type"),
    ("skipped", "testcase", "", "message type"),
    ("system-out", "testcase", "", ""),
];

/// An element as it was read: name, attributes.
type Element = (String, BTreeMap<String, String>);

/// Reads the document against [`ELEMENTS`]; gives every element in order.
fn elements(xml: &str) -> Vec<Element> {
    let mut reader = Reader::from_str(xml);
    reader.config_mut().check_end_names = true;
    let mut open: Vec<String> = Vec::new();
    let mut found = Vec::new();
    loop {
        match reader.read_event().expect("well-formed XML") {
            Event::Start(start) => {
                let element = element(&start, open.last());
                open.push(element.0.clone());
                found.push(element);
            }
            Event::Empty(start) => found.push(element(&start, open.last())),
            Event::End(_) => drop(open.pop()),
            Event::Eof => break,
            _ => {}
        }
    }
    assert!(open.is_empty(), "not closed: {open:?}");
    found
}

fn element(start: &BytesStart<'_>, parent: Option<&String>) -> Element {
    let name = start.name().as_ref().to_owned();
    let attributes: BTreeMap<String, String> = start
        .attributes()
        .map(|attribute| {
            let attribute = attribute.expect("an attribute");
            let key = attribute.key.as_ref().to_owned();
            let value = &attribute.value;
            (
                key,
                quick_xml::escape::unescape(value).unwrap().into_owned(),
            )
        })
        .collect();
    let (_, expected, needed, others) = ELEMENTS
        .iter()
        .find(|element| element.0 == name)
        .unwrap_or_else(|| panic!("unknown element {name}"));
    assert_eq!(
        parent.map_or("", String::as_str),
        *expected,
        "parent of {name}"
    );
    for attribute in needed.split_whitespace() {
        assert!(
            attributes.contains_key(attribute),
            "{name} without {attribute}"
        );
    }
    for attribute in attributes.keys() {
        let known = needed.split_whitespace().chain(others.split_whitespace());
        assert!(
            known.into_iter().any(|one| one == attribute),
            "{name} with {attribute}"
        );
    }
    (name, attributes)
}

fn is_character(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..)
}

#[test]
fn every_report_keeps_the_schema_and_its_own_counts() {
    let (program, runs) = runs();
    for (name, arguments) in &runs {
        let xml = rendered(&program, arguments, "junit");
        assert!(xml.chars().all(is_character), "{name}");
        let elements = elements(&xml);
        let count = |what: &str| elements.iter().filter(|element| element.0 == what).count();
        let number = |element: &Element, key: &str| element.1[key].parse::<usize>().unwrap();
        let root = &elements[0];
        assert_eq!(number(root, "tests"), count("testcase"), "{name}");
        assert_eq!(number(root, "failures"), count("failure"), "{name}");
        let suites = elements.iter().filter(|element| element.0 == "testsuite");
        let skipped: usize = suites.map(|suite| number(suite, "skipped")).sum();
        assert_eq!(skipped, count("skipped"), "{name}");
        let cases = elements.iter().filter(|element| element.0 == "testcase");
        let mut names: Vec<_> = cases
            .map(|case| (&case.1["classname"], &case.1["name"]))
            .collect();
        let all = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), all, "{name}: a case stands twice");
    }
}

#[test]
fn hostile_names_stay_names() {
    let (program, _) = runs();
    let xml = rendered(&program, &[HOSTILE_NAME], "junit");
    let suite = &elements(&xml)[1];
    assert_eq!(suite.1["name"], HOSTILE_NAME);
}

fn case<'e>(elements: &'e [Element], name: &str) -> (&'e Element, Option<&'e Element>) {
    let at = elements
        .iter()
        .position(|element| element.0 == "testcase" && element.1["name"] == name)
        .unwrap_or_else(|| panic!("no case {name}"));
    (&elements[at], elements.get(at + 1))
}

#[test]
fn cases_are_passed_failed_or_skipped_by_rule_and_thread() {
    let (program, _) = runs();
    let xml = rendered(&program, &["broken.jsonl"], "junit");
    let elements = elements(&xml);
    let next = |name: &str| case(&elements, name).1.map(|next| next.0.as_str());
    assert_eq!(next("reading"), Some("failure"));
    assert_eq!(next("call-without-output (thread 1)"), Some("failure"));
    assert_eq!(next("output-doubled (thread 1)"), Some("testcase"));
    let (case, skipped) = case(&elements, "delivered-item-missing (thread 1)");
    assert_eq!(case.1["classname"], "broken_jsonl.contracts");
    let reason = &skipped.unwrap().1["message"];
    assert!(reason.starts_with("not checked, because "), "{reason}");
}

#[test]
fn each_thread_has_its_cases() {
    let (program, _) = runs();
    let elements = elements(&rendered(&program, &["threads.jsonl"], "junit"));
    for thread in ["thread 1", "thread 2"] {
        case(&elements, &format!("call-without-output ({thread})"));
        let is_it = |element: &&Element| element.0 == "property" && element.1["name"] == thread;
        assert_eq!(elements.iter().filter(is_it).count(), 1);
    }
}

#[test]
fn what_is_switched_off_is_skipped() {
    let (program, _) = runs();
    let arguments = ["broken.jsonl", "--rule", "call-without-output=off"];
    let elements = elements(&rendered(&program, &arguments, "junit"));
    let (_, skipped) = case(&elements, "call-without-output (thread 1)");
    assert_eq!(skipped.unwrap().1["message"], "switched off");
}

#[test]
fn what_is_accepted_passes_and_says_so() {
    let (program, _) = runs();
    let arguments = ["plain.jsonl", HOSTILE_NAME, "--rules", "rules.toml"];
    let elements = elements(&rendered(&program, &arguments, "junit"));
    let (_, next) = case(&elements, "header-changed");
    assert_eq!(next.map(|next| next.0.as_str()), Some("system-out"));
}
