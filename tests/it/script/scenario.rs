//! The tables `run` and `expect` of a script, and the scripts of the suite.

use std::fs;
use std::path::Path;
use std::time::Duration;

use trace_diff::script::Script;
use trace_diff::script::scenario::{Act, Meanwhile, Scenario};

use crate::schema;

fn scenario(text: &str) -> Scenario {
    let script = Script::parse("s.toml", text).unwrap_or_else(|error| panic!("{error}"));
    script.scenario.expect("it has `run`")
}

/// The first message and hint of a script.
fn says(text: &str, message: &str, hint: Option<&str>) {
    let text = format!("version = 1\n{text}");
    let error = Script::parse("s.toml", &text).expect_err(&text);
    let first = &error.problems[0];
    let found = (first.message.as_str(), first.hint.as_deref());
    assert_eq!(found, (message, hint), "{text}");
}

#[test]
fn a_scenario_says_what_a_user_does_and_what_comes_of_it() {
    let scenario = scenario(
        r#"
version = 1

[run]
processes = [["First.", "/compact"], [{ prompt = "/x", kill = true, images = ["a/b.png"] }], [{ review = "All." }]]
files = { "a/b.txt" = "text", "c.bin" = { base64 = "AAE=" } }
compact_at = 20000
idle_timeout = "700ms"

[[expect]]
agent = ["pycodex", "codex@..0.115"]
not_applicable = "too old"

[[expect]]
outcome = "failed"
requests = 2
pauses = [["900ms", "2s"], ["1s"]]
files = { "a/b.txt" = "text" }
"#,
    );
    let acts: Vec<usize> = scenario.processes.iter().map(Vec::len).collect();
    assert_eq!(acts, [2, 1, 1]);
    assert_eq!(scenario.processes[0][1], Act::Compact);
    assert!(matches!(&scenario.processes[1][0], Act::Prompt(prompt)
        if prompt.text == "/x" && prompt.meanwhile == Some(Meanwhile::Kill) && prompt.images == ["a/b.png"]));
    assert!(scenario.has_images());
    assert_eq!(scenario.files[1], ("c.bin".to_owned(), vec![0, 1]));
    assert_eq!(scenario.settings.compact_at, Some(20000));
    let of = |name, version| scenario.expectation(name, Some(version)).expect(name);
    assert_eq!(
        of("codex", "0.115.0").not_applicable.as_deref(),
        Some("too old")
    );
    let newest = of("codex", "0.169.0");
    assert!(newest.is_failure && newest.not_applicable.is_none());
    assert_eq!(
        newest.pauses,
        [
            (Duration::from_millis(900), Duration::from_secs(2)),
            (Duration::from_secs(1), Duration::MAX)
        ]
    );
}

#[test]
fn mistakes_are_told_in_place_with_what_to_write() {
    says(
        "[expect]\nanswer = \"OK\"",
        "`expect` without `run` says nothing: nobody runs an agent",
        Some("add a table `[run]` with a `prompt`, or put it below `[[step]]`"),
    );
    says(
        "[run]\nfiles = {}",
        "`run` has no `prompt`",
        Some("say what the agent is asked: `prompt = \"…\"`"),
    );
    says(
        "[run]\nprompt = \"a\"\nturns = []",
        "`run` has one of `prompt`, `turns` and `processes`",
        None,
    );
    says(
        "[run]\nturns = [\"/undo\"]",
        "`/undo` is nothing that a user does here",
        Some(
            "the words are `/compact`, `/fork` and `/rollback`; a prompt that begins so is written `{ prompt = \"/…\" }`",
        ),
    );
    says(
        "[run]\nprompt = \"a\"\nfiles = { \"../x\" = \"\" }",
        "a path leads out of the work directory",
        Some("write it as `directory/file`"),
    );
    says(
        "[run]\nprompt = { prompt = \"a\", images = [\"b.png\", \"/c.png\"] }",
        "a path leads out of the work directory",
        Some("write it as `directory/file`"),
    );
    says(
        "[run]\nprompt = { prompt = \"a\", kill = true, interrupt = true }",
        "a turn has one of `interrupt`, `steer` and `kill`",
        None,
    );
    says(
        "[run]\nprompt = \"a\"\n[expect]\npauses = [[\"1s\", \"2s\", \"3s\"]]",
        "a pause has a least, and may have a most",
        Some("write `pauses = [[\"900ms\"], [\"0s\", \"2s\"]]`"),
    );
    says(
        "[run]\nprompt = \"a\"\n[[expect]]\n[[expect]]\nagent = \"codex\"",
        "this is never reached",
        Some("put the one without `agent` last"),
    );
    says(
        "[run]\nprompt = \"a\"\n[expect]\nlast_user = \"a\"",
        "`expect` at the top has no key `last_user`",
        Some("what a request must hold stands in the `expect` of its `[[step]]`"),
    );
    says(
        "[run]\nprompt = \"a\"\n[expect]\nagent = \"codex@latest\"",
        "`codex@latest` names no agents",
        Some(
            "write `codex`, `pycodex` or `other`, with versions as in `codex@0.169` or `codex@0.125..0.153`",
        ),
    );
}

#[test]
fn each_script_of_the_suite_is_a_scenario_that_fits_the_schema() {
    let schema = schema::load("script");
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("suite");
    let mut count = 0;
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let text = fs::read_to_string(&path).unwrap();
        let name = path.display().to_string();
        let script = Script::parse(&name, &text).unwrap_or_else(|error| panic!("{error}"));
        let scenario = script
            .scenario
            .unwrap_or_else(|| panic!("{name} has no `run`"));
        assert!(
            script.name.is_some(),
            "{name} says nothing of what it is about"
        );
        for (agent, version) in [
            ("codex", "0.169.0"),
            ("codex", "0.115.0"),
            ("pycodex", "0.5.1"),
        ] {
            assert!(
                scenario.expectation(agent, Some(version)).is_some(),
                "{name} {agent}"
            );
        }
        let value: toml::Table = text.parse().unwrap();
        let value = serde_json::to_value(value).unwrap();
        assert_eq!(
            schema::violations(&schema, &value),
            Vec::<String>::new(),
            "{name}"
        );
        count += 1;
    }
    assert!(count >= 40, "{count}");
}
