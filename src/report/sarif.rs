//! The report as SARIF 2.1.0, for code scanning and viewers.

use std::io::{self, Write};

use serde_json::{Map, Value, json};

use super::finding_text::{lines, sides};
use super::headline::title;
use super::text::visible;
use super::{FilePlace, Finding, Report, explain};

/// Where the format is defined.
const SCHEMA: &str = "https://json.schemastore.org/sarif-2.1.0.json";

/// Key of the fingerprint that is made of a finding's id; a new recipe of ids needs a new one.
const FINGERPRINT: &str = "traceDiffFinding/v1";

const NOT_CHECKED: &str = "not-checked";
const UNUSED_RULE: &str = "unused-rule";

/// Writes the report as SARIF 2.1.0 with a newline at its end; equal reports give equal bytes.
///
/// Every finding is a result, an accepted one with a suppression. Contracts that could not be checked and rules of the
/// rules file that did nothing are notifications.
///
/// # Errors
///
/// When writing fails.
pub fn render_sarif(report: &Report, out: &mut impl Write) -> io::Result<()> {
    let rules = rule_names(report);
    let results: Vec<Value> = report
        .findings
        .iter()
        .map(|finding| result(finding, &rules))
        .collect();
    let paths = report.inputs.iter().map(|input| input.path.as_str());
    let artifacts: Vec<Value> = paths.filter_map(artifact).collect();
    let log = json!({
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [{
            "tool": {"driver": {
                "name": "trace-diff",
                "semanticVersion": env!("CARGO_PKG_VERSION"),
                "rules": rules.iter().map(|name| descriptor(name)).collect::<Vec<_>>(),
                "notifications": [
                    {"id": NOT_CHECKED, "shortDescription": {"text": "A rule could not be checked."}},
                    {"id": UNUSED_RULE, "shortDescription": {"text": "A table of the rules file did nothing or has expired."}},
                ],
            }},
            "invocations": [{
                "executionSuccessful": true,
                "toolExecutionNotifications": notifications(report, &rules),
            }],
            "artifacts": artifacts,
            "columnKind": "unicodeCodePoints",
            "results": results,
            "properties": {"verdict": report.verdict, "title": title(report)},
        }],
    });
    serde_json::to_writer_pretty(&mut *out, &log)?;
    out.write_all(b"\n")
}

/// The rules that the report speaks of, in alphabetical order.
fn rule_names(report: &Report) -> Vec<&str> {
    let found = report.findings.iter().map(|finding| finding.rule.as_str());
    let not_checked = report.not_checked.iter().flat_map(|one| &one.rules);
    let mut names: Vec<&str> = found.chain(not_checked.map(String::as_str)).collect();
    names.sort_unstable();
    names.dedup();
    names
}

fn descriptor(name: &str) -> Value {
    let Ok(rule) = explain(name) else {
        return json!({"id": name});
    };
    let accept = rule.accept_table();
    json!({
        "id": name,
        "shortDescription": {"text": rule.means},
        "fullDescription": {"text": format!("{} {}", rule.means, rule.matters)},
        "help": {
            "text": rule.to_string(),
            "markdown": format!(
                "{}\n\n**Why it matters:** {}\n\n**Where the expectation comes from:** {}\n\nTo accept it, say so in \
                 `trace-diff.toml`:\n\n```toml\n{accept}```\n",
                rule.means, rule.matters, rule.expectation
            ),
        },
        "defaultConfiguration": {"level": rule.level.name()},
    })
}

fn result(finding: &Finding, rules: &[&str]) -> Value {
    let mut result = Map::new();
    let mut put = |key: &str, value: Value| result.insert(key.to_owned(), value);
    put("ruleId", finding.rule.as_str().into());
    if let Ok(index) = rules.binary_search(&finding.rule.as_str()) {
        put("ruleIndex", index.into());
    }
    // Our levels have the names of SARIF's.
    put("level", finding.level.name().into());
    let mut text = visible(&finding.message).into_owned();
    for line in lines(finding) {
        text.push('\n');
        text.push_str(&line);
    }
    put("message", json!({"text": text}));
    put("locations", json!([location(finding)]));
    put("partialFingerprints", json!({FINGERPRINT: finding.id}));
    if let Some(accepted) = &finding.accepted {
        let mut suppression = json!({
            "kind": "external",
            "status": "accepted",
            "justification": accepted.reason,
        });
        if let Some(location) = rules_file_location(&accepted.rule) {
            suppression["location"] = location;
        }
        put("suppressions", json!([suppression]));
    }
    put("properties", properties(finding));
    Value::Object(result)
}

fn location(finding: &Finding) -> Value {
    let mut location = Map::new();
    if let Some(physical) = finding.place.as_ref().and_then(physical) {
        location.insert("physicalLocation".to_owned(), physical);
    }
    let pair = finding.exchange;
    let number = pair.candidate.or(pair.baseline);
    let pointer = finding.pointer.as_str();
    let whole = match number {
        Some(number) => format!("exchange {number}{pointer}"),
        None => "capture".to_owned(),
    };
    let mut logical = json!({"fullyQualifiedName": visible(&whole)});
    let name = finding.pointer.segments().last();
    if let Some(name) = name {
        logical["name"] = visible(&name).into();
    }
    location.insert("logicalLocations".to_owned(), json!([logical]));
    Value::Object(location)
}

fn physical(place: &FilePlace) -> Option<Value> {
    let mut physical = json!({"artifactLocation": {"uri": uri(&place.path)?}});
    if let Some(line) = place.line {
        physical["region"] = json!({"startLine": line});
    }
    Some(physical)
}

/// The location that a table of the rules file names as `trace-diff.toml:12`.
fn rules_file_location(rule: &str) -> Option<Value> {
    let (path, line) = rule.rsplit_once(':')?;
    let place = FilePlace {
        path: path.to_owned(),
        line: Some(line.parse().ok()?),
    };
    Some(json!({"physicalLocation": physical(&place)?}))
}

fn artifact(path: &str) -> Option<Value> {
    Some(json!({"location": {"uri": uri(path)?}}))
}

/// A path as a URI reference (RFC 3986): relative as it was given; `None` for standard input.
fn uri(path: &str) -> Option<String> {
    if path.is_empty() || path == "-" {
        return None;
    }
    let path = path.replace('\\', "/");
    let mut uri = match path.starts_with('/') {
        true => "file://".to_owned(),
        false => String::new(),
    };
    for byte in path.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => {
                uri.push(char::from(byte));
            }
            byte => uri.push_str(&format!("%{byte:02X}")),
        }
    }
    Some(uri)
}

/// What has no place of its own in a result.
fn properties(finding: &Finding) -> Value {
    let mut properties = json!({
        "source": finding.source,
        "exchange": finding.exchange,
        "pointer": finding.pointer,
    });
    let (before, after) = sides(finding);
    for (key, value) in [(before, &finding.baseline), (after, &finding.candidate)] {
        if let Some(value) = value {
            properties[key] = value.as_str().into();
        }
    }
    if !finding.recurs.is_empty() {
        properties["recurs"] = json!(finding.recurs);
    }
    properties
}

fn notifications(report: &Report, rules: &[&str]) -> Vec<Value> {
    let not_checked = report.not_checked.iter().flat_map(|one| {
        one.rules.iter().map(|rule| {
            let mut notification = json!({
                "descriptor": {"id": NOT_CHECKED, "index": 0},
                "level": "note",
                "message": {"text": format!("{rule}: not checked, because {}", visible(&one.reason))},
                "associatedRule": {"id": rule},
            });
            if let Ok(index) = rules.binary_search(&rule.as_str()) {
                notification["associatedRule"]["index"] = index.into();
            }
            if let Some(exchange) = one.exchange {
                let name = format!("exchange {exchange}");
                notification["locations"] = json!([{"logicalLocations": [{"fullyQualifiedName": name}]}]);
            }
            notification
        })
    });
    let unused = report.unused_rules.iter().map(|rule| {
        let mut notification = json!({
            "descriptor": {"id": UNUSED_RULE, "index": 1},
            "level": "note",
            "message": {"text": format!("{}: {}", rule.rule, visible(&rule.message))},
        });
        if let Some(location) = rules_file_location(&rule.rule) {
            notification["locations"] = json!([location]);
        }
        notification
    });
    not_checked.chain(unused).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_become_references() {
        let check = |path: &str, expect: Option<&str>| assert_eq!(uri(path).as_deref(), expect);
        check("captures/a.jsonl", Some("captures/a.jsonl"));
        check("a b#1?.jsonl", Some("a%20b%231%3F.jsonl"));
        check("/srv/ä.har", Some("file:///srv/%C3%A4.har"));
        check("c:d.jsonl", Some("c%3Ad.jsonl"));
        check("-", None);
    }
}
