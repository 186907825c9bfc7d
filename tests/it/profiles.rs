//! Profiles: the built-in ones, those of users, and which one a capture asks for.

use std::fmt::Write;

use serde_json::Value;
use trace_diff::check::{PartialItems, Profile, Retry};

use crate::samples;
use crate::{mutations, schema};

const NAMES: &[&str] = &["codex", "pycodex", "generic"];

fn source(name: &str) -> Value {
    let path = samples::package().join(format!("src/check/profiles/{name}.toml"));
    let text = std::fs::read_to_string(path).unwrap();
    toml::from_str(&text).unwrap()
}

fn layers(file: &Value) -> Vec<(&str, &Value)> {
    let ranges = file["range"].as_array().into_iter().flatten();
    std::iter::once(("", file))
        .chain(ranges.map(|range| (range["since"].as_str().unwrap(), range)))
        .collect()
}

/// The values of one layer: section, key, value.
fn values(layer: &Value) -> Vec<(String, String)> {
    let sections = [
        "limits",
        "backoff",
        "stream",
        "websocket",
        "items",
        "compaction",
        "headers",
        "ids",
    ];
    let mut found = Vec::new();
    for section in sections {
        for (key, value) in layer[section].as_object().into_iter().flatten() {
            found.push((format!("{section}.{key}"), value.to_string()));
        }
    }
    found
}

#[test]
fn every_value_says_where_it_was_observed() {
    for name in NAMES {
        let file = source(name);
        for (since, layer) in layers(&file) {
            let values = values(layer);
            let observed = layer["observed"].as_object();
            for (path, _) in &values {
                assert!(
                    observed.is_some_and(|map| map.contains_key(path)),
                    "{name} {since}: {path}"
                );
            }
            assert_eq!(
                observed.map_or(0, |map| map.len()),
                values.len(),
                "{name} {since}"
            );
            for row in layer["failure"].as_array().into_iter().flatten() {
                assert!(row["observed"].is_string(), "{name} {since}: {row}");
            }
        }
    }
}

#[test]
fn built_in_profiles_keep_the_schema() {
    let schema = schema::load("profile");
    for name in NAMES {
        assert_eq!(
            schema::violations(&schema, &source(name)),
            [""; 0],
            "{name}"
        );
    }
}

#[test]
fn a_version_has_the_values_of_its_range() {
    let partial = |name: &str| Profile::named(name).unwrap().partial_items;
    assert_eq!(partial("codex@0.115.0"), Some(PartialItems::Dropped));
    assert_eq!(partial("codex@0.120.9"), Some(PartialItems::Dropped));
    assert_eq!(partial("codex@0.121.0"), Some(PartialItems::Kept));
    assert_eq!(partial("codex"), Some(PartialItems::Kept));
    let retries = |name: &str| {
        let limit = Profile::named(name).unwrap().limits.stream_retries.unwrap();
        assert!(!limit.is_certain);
        limit.retries
    };
    assert_eq!(retries("pycodex@0.1.2"), 0);
    assert_eq!(retries("pycodex@0.3.3"), 5);
    assert_eq!(
        Profile::named("codex").unwrap().limits.most_requests(),
        Some(30)
    );
}

#[test]
fn a_file_changes_what_it_names() {
    let text = "version = 1\nfrom = \"codex@0.137.0\"\nname = \"ours\"\n[limits]\nstream_retries = 2\n\
                [[failure]]\non = \"status\"\nstatus = [\"400-499\"]\nthen = \"stream\"\n";
    let profile = Profile::parse("ours.toml", text).unwrap();
    assert_eq!(profile.label(), "ours 0.137.0");
    let limit = profile.limits.stream_retries.unwrap();
    assert!(limit.is_certain && limit.retries == 2);
    assert_eq!(profile.limits.request_retries.unwrap().retries, 4);
    assert_eq!(profile.failures[0].then, Retry::Stream);
    assert_eq!(profile.partial_items, Some(PartialItems::Kept));
}

#[test]
fn what_is_wrong_in_a_file_is_shown_in_its_line() {
    let check = |text: &str, expect: &[&str]| {
        let shown = Profile::parse("p.toml", text).unwrap_err().to_string();
        for part in expect {
            assert!(shown.contains(part), "{text}: {shown}");
        }
    };
    check(
        "version = 1\n[limits]\nstream_retrys = 2\n",
        &[
            "p.toml:3:1: unknown field `stream_retrys`",
            "hint: did you mean `stream_retries`?",
        ],
    );
    check(
        "version = 2\n",
        &["p.toml:1:11: this format has version 2", "is 1"],
    );
    check("name = \"x\"\n", &["missing field `version`"]);
    check(
        "version = 1\nfrom = \"codx\"\n",
        &[
            "p.toml:2:8: unknown profile `codx`",
            "hint: the profiles are `codex`",
        ],
    );
    check(
        "version = 1\n[[failure]]\non = \"status\"\nstatus = [\"5xx\"]\nthen = \"stream\"\n",
        &["p.toml:4:", "500-599"],
    );
    check(
        "version = 1\n[[failure]]\non = \"status\"\nthen = \"again\"\n",
        &["p.toml:4:8: unknown variant `again`"],
    );
    check(
        "version = 1\n[[range]]\nsince = \"0.1.0\"\n",
        &["p.toml:3:9", "codex@0.137.0"],
    );
    check("version = \n", &["p.toml:1:"]);
    for name in ["codx", "codex@x", ""] {
        assert!(Profile::named(name).is_err(), "{name}");
    }
}

/// `codex-0.137.0-02-shell-roundtrip` or `codex-0.137.0/02-shell-roundtrip` names the agent it is a run of.
fn expected(name: &str) -> String {
    let mut parts = name.split(['/', '-']);
    let agent = parts.next().unwrap();
    let version = parts.next().unwrap();
    // Versions of pycodex from 0.3 on can't be told apart.
    let is_unnamed = agent == "pycodex" && !version.starts_with("0.1.");
    format!("{agent} {}", if is_unnamed { "0.3.0" } else { version })
}

#[test]
fn a_capture_names_its_profile() {
    for sample in samples::fixtures().into_iter().chain(samples::corpus()) {
        let capture = mutations::read(&sample.name, sample.bytes);
        let label = Profile::of(&capture).label();
        assert_eq!(label, expected(&sample.name), "{}", sample.name);
    }
}

const HEAD: &str = "\
# Profiles

A profile says what an agent is expected to do when something fails, when it compacts, and in what form it asks. `trace-diff CAPTURE`
chooses one by what the capture says of the agent: `user-agent` names Codex and its version; pycodex is known by `accept-encoding:
identity`. Where nothing or more than one agent is named, `generic` holds: what any client of the Responses API must do.

`--profile codex`, `--profile codex@0.137.0` or `--profile FILE` overrides the choice, as does `profile` in `trace-diff.toml`.

## A profile of one's own

A TOML file. It starts from a built-in profile, or from `generic`, and changes values; its `[[failure]]` rows stand before the others, and
the first row that matches a failure holds. `trace-diff schema profile` prints the JSON Schema.

```toml
version = 1
from = \"codex@0.169.0\"
name = \"our fork\"

[limits]
stream_retries = 2          # what is configured: fewer retries are a violation, too

[[failure]]
on = \"status\"
status = [429]
then = \"stream\"
delay = [\"retry-after\"]
```

`limits` in a built-in profile are defaults. An agent that gives up earlier may have been told to, so that is a violation only where the
capture itself shows a higher limit, or a file says which one holds.

`then` is what the agent does: `request` sends the same bytes again, `limits.request_retries` times, and then goes on as `stream`; `request-only`
gives up after that; `stream` makes the request anew, `limits.stream_retries` times; `refresh` sends it again at once, then with a new access token,
and then goes on as `stream`; `fail` gives up at once; `compact` compacts and asks anew; of `unspecified` nothing is checked, nor of a failure
that no row matches.

`websocket.on_refused` says what follows on HTTP 426 for a handshake, `websocket.on_exhausted` on the last failure over a WebSocket. How long a
stream is silent (`limits.idle_ms`) is only checked where a file says it.

`items.sent_back` lists the types of items of a completed response that the next request sends back; nothing is asked of others. `ids.items` says
what becomes of their ids: `dropped`, `kept` (those of the model), `made` (the agent's own items get some, too), `made-but-tools` (all but `additional_tools`).

## The built-in profiles

What follows is written by a test from `src/check/profiles/*.toml` when `UPDATE=1` is set, and else compared. Versions between two that were
observed have the values of the older one.
";

fn rendered() -> String {
    let mut text = HEAD.to_owned();
    for name in NAMES {
        let file = source(name);
        for (since, layer) in layers(&file) {
            match since {
                "" => writeln!(text, "\n### {name}").unwrap(),
                since => writeln!(text, "\n### {name} from {since}").unwrap(),
            }
            let values = values(layer);
            if !values.is_empty() {
                text.push_str("\n| value | is | observed |\n| --- | --- | --- |\n");
            }
            for (path, value) in values {
                let observed = layer["observed"][&path].as_str().unwrap();
                writeln!(text, "| `{path}` | `{value}` | {observed} |").unwrap();
            }
            let rows: Vec<&Value> = layer["failure"].as_array().into_iter().flatten().collect();
            if !rows.is_empty() {
                text.push_str("\n| failure | then | observed |\n| --- | --- | --- |\n");
            }
            for row in rows {
                writeln!(text, "{}", failure_row(row)).unwrap();
            }
        }
    }
    text
}

fn failure_row(row: &Value) -> String {
    let mut what = row["on"].as_str().unwrap().to_owned();
    for key in [
        "status",
        "code",
        "type",
        "phrases",
        "retry_after",
        "account",
        "local_compaction",
    ] {
        if !row[key].is_null() {
            let list = row[key]
                .to_string()
                .replace(['[', ']', '"'], "")
                .replace(',', ", ");
            write!(what, ", {key} {list}").unwrap();
        }
    }
    let then = row["then"].as_str().unwrap();
    let delay = match &row["delay"] {
        Value::Null => String::new(),
        list => format!(
            ", waits for {}",
            list.to_string()
                .replace(['[', ']', '"'], "")
                .replace(',', ", else ")
        ),
    };
    format!(
        "| {what} | {then}{delay} | {} |",
        row["observed"].as_str().unwrap()
    )
}

#[test]
fn the_documents_list_the_built_in_profiles() {
    let path = samples::package().join("docs/profiles.md");
    let expected = rendered();
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&path, &expected).unwrap();
    }
    let found = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        found == expected,
        "docs/profiles.md is old: UPDATE=1 cargo test --test it profiles"
    );
}
