//! Lists in `docs/` that say what the code says.

use std::fmt::Write;

use trace_diff::report::rules;

const HEAD: &str = "# Rules

Every kind of finding, as `trace-diff explain` describes it. Names are what `rule` says in the JSON report and in the rules file
(`rules-file.md`); levels are those of findings about requests to the model. A test writes this file when `UPDATE=1` is set, and else
compares: `UPDATE=1 cargo test --test it documents`.
";

/// Rules in the order of the catalogue, with a heading where the part of the program changes that reports them.
fn rendered() -> String {
    let mut text = HEAD.to_owned();
    let mut part = "";
    let table = "\n| rule | level | means | matters | where the expectation comes from |\n| --- | --- | --- | --- | --- |\n";
    text.push_str("\n## Differences between two captures\n");
    text.push_str(table);
    for rule in rules() {
        let parts = [
            ("reader-", "What could not be read"),
            // The rules of identity begin with many words.
            ("session-id-mismatch", "Who requests say they are"),
            ("rollout-", "Wire against disk"),
            ("session-ordinal-gap", "Rollouts by themselves"),
            ("retry-", "Retries"),
            // Other rules begin with `stream-`, too.
            ("stream-event-order", "Events of a response"),
            (
                "call-without-output",
                "Calls, outputs and what responses delivered",
            ),
        ];
        let new = parts
            .iter()
            .find(|(prefix, _)| rule.name.starts_with(prefix));
        if let Some((prefix, title)) = new
            && part != *prefix
        {
            part = prefix;
            write!(text, "\n## {title}\n{table}").unwrap();
        }
        writeln!(
            text,
            "| `{}` | {} | {} | {} | {} |",
            rule.name,
            rule.level.name(),
            rule.means,
            rule.matters,
            rule.expectation
        )
        .unwrap();
    }
    text
}

#[test]
fn the_list_in_the_documents_is_the_catalogue() {
    let path = format!("{}/docs/rules.md", env!("CARGO_MANIFEST_DIR"));
    let expected = rendered();
    assert!(
        !expected
            .lines()
            .any(|line| line.starts_with('|') && line.matches('|').count() != 6),
        "a bar in a text breaks the table"
    );
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&path, &expected).unwrap();
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        committed == expected,
        "docs/rules.md is not the catalogue: UPDATE=1 cargo test --test it documents writes it"
    );
}

/// The string literals of a source file before its tests, comments left out.
fn literals(path: &str) -> Vec<String> {
    let text = std::fs::read_to_string(crate::samples::package().join(path)).unwrap();
    let code = text.split("#[cfg(test)]").next().unwrap_or_default();
    code.lines()
        .filter(|line| !line.trim_start().starts_with("//"))
        .flat_map(|line| line.split('"').skip(1).step_by(2))
        .filter(|literal| !literal.is_empty())
        .map(str::to_owned)
        .collect()
}

#[test]
fn what_is_dynamic_by_place_is_documented() {
    let path = crate::samples::package().join("docs/comparison.md");
    let document = std::fs::read_to_string(path).unwrap();
    let mut found = literals("src/normalize/place.rs");
    let secrets = literals("src/capture/secrets.rs");
    let is_in_list = |literal: &&String| *literal != "[REDACTED]";
    found.extend(
        secrets
            .iter()
            .take_while(|literal| *literal != "<secret")
            .filter(is_in_list)
            .cloned(),
    );
    assert!(found.len() > 80, "{found:?}");
    let missing: Vec<_> = found
        .iter()
        .filter(|literal| !document.contains(&format!("`{literal}`")))
        .collect();
    assert!(
        missing.is_empty(),
        "docs/comparison.md lacks {missing:?} of src/normalize/place.rs and src/capture/secrets.rs"
    );
}

#[test]
fn prefixes_of_identifiers_are_documented() {
    let path = crate::samples::package().join("docs/comparison.md");
    let document = std::fs::read_to_string(path).unwrap();
    let source =
        std::fs::read_to_string(crate::samples::package().join("src/normalize/shapes.rs")).unwrap();
    let list = source
        .split_once("const ID_PREFIXES")
        .and_then(|(_, rest)| rest.split_once("];"))
        .map(|(list, _)| list)
        .expect("the list of prefixes has this name");
    let prefixes: Vec<_> = list.split('"').skip(1).step_by(2).collect();
    assert!(prefixes.len() > 20, "{prefixes:?}");
    for prefix in prefixes {
        assert!(document.contains(&format!("`{prefix}`")), "{prefix}");
    }
}
