//! SARIF: the rules of the format that readers depend on. The official validator was run by hand over the same reports.

use serde_json::Value;

use super::{HOSTILE_NAME, rendered, runs};

fn run(text: &str) -> Value {
    let mut log: Value = serde_json::from_str(text).expect("JSON");
    assert_eq!(log["version"], "2.1.0");
    log["runs"][0].take()
}

pub(super) fn results(text: &str) -> Vec<Value> {
    run(text)["results"].as_array().expect("results").clone()
}

#[test]
fn results_point_to_their_rules_and_places() {
    let (program, runs) = runs();
    for (name, arguments) in &runs {
        let run = run(&rendered(&program, arguments, "sarif"));
        let rules = run["tool"]["driver"]["rules"].as_array().unwrap();
        for rule in rules {
            for text in ["shortDescription", "fullDescription", "help"] {
                assert!(
                    rule[text]["text"]
                        .as_str()
                        .is_some_and(|text| !text.is_empty())
                );
            }
            assert!(rule["help"]["markdown"].is_string());
        }
        for result in run["results"].as_array().unwrap() {
            let index = result["ruleIndex"].as_u64().unwrap() as usize;
            assert_eq!(rules[index]["id"], result["ruleId"]);
            let level = result["level"].as_str().unwrap();
            assert!(["error", "warning", "note"].contains(&level));
            let message = result["message"]["text"].as_str().unwrap();
            assert!(!message.contains(|c: char| c.is_control() && c != '\n'));
            let location = &result["locations"][0];
            assert!(location["logicalLocations"][0]["fullyQualifiedName"].is_string());
            let physical = &location["physicalLocation"];
            let uri = physical["artifactLocation"]["uri"].as_str().unwrap();
            let is_uri = |c: char| c.is_ascii_alphanumeric() || "-._~/%".contains(c);
            assert!(uri.chars().all(is_uri), "{name}: {uri}");
            let id = result["partialFingerprints"]["traceDiffFinding/v1"].as_str();
            assert_eq!(id.map(str::len), Some(16));
        }
    }
}

#[test]
fn accepted_findings_are_suppressed_and_unused_rules_told() {
    let (program, _) = runs();
    let arguments = ["plain.jsonl", HOSTILE_NAME, "--rules", "rules.toml"];
    let run = run(&rendered(&program, &arguments, "sarif"));
    let results = run["results"].as_array().unwrap();
    let suppressed: Vec<_> = results
        .iter()
        .filter(|one| !one["suppressions"].is_null())
        .collect();
    assert_eq!(suppressed.len(), 1);
    let suppression = &suppressed[0]["suppressions"][0];
    assert_eq!(suppressed[0]["ruleId"], "header-changed");
    assert_eq!(suppression["justification"], "<b>known</b> | `@octocat`");
    let place = &suppression["location"]["physicalLocation"];
    assert_eq!(place["artifactLocation"]["uri"], "rules.toml");
    assert_eq!(place["region"]["startLine"], 1);
    let told = &run["invocations"][0]["toolExecutionNotifications"][0];
    assert_eq!(told["descriptor"]["id"], "unused-rule");
}

#[test]
fn what_was_not_checked_is_a_notification() {
    let (program, _) = runs();
    let run = run(&rendered(&program, &["broken.jsonl"], "sarif"));
    let rules = &run["tool"]["driver"]["rules"];
    let told = run["invocations"][0]["toolExecutionNotifications"]
        .as_array()
        .unwrap();
    assert!(!told.is_empty());
    for one in told {
        let index = one["associatedRule"]["index"].as_u64().unwrap() as usize;
        assert_eq!(rules[index]["id"], one["associatedRule"]["id"]);
        let text = one["message"]["text"].as_str().unwrap();
        assert!(text.contains(": not checked, because "), "{text}");
    }
}
