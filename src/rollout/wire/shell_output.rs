//! Outputs of shell tools that Codex up to 0.131 keeps as JSON and sends as text.

use std::collections::HashSet;

use crate::json::{Kind, Raw};

use super::item::{WireItem, kind_of};
use crate::rollout::history::quoted;

/// Tools whose outputs are meant (0.115.0–0.131.0; `container.exec` not of 0.131.0).
const SHELL_TOOLS: &[&str] = &["shell", "container.exec", "apply_patch"];

/// Rewrites outputs of shell tools and of `apply_patch` that are `{output, metadata: {exit_code, duration_seconds}}`.
///
/// Codex does so where it offers the free-form `apply_patch` tool, which is not on disk; a history without a call of it
/// is taken to be without it.
pub(super) fn shell_outputs_as_text(items: &mut [WireItem]) {
    let has_free_form = items.iter().any(|item| {
        let item = Raw::new(&item.text);
        kind_of(item) == "custom_tool_call" && name_of(item) == "apply_patch"
    });
    if !has_free_form {
        return;
    }
    let mut calls = HashSet::new();
    for item in items {
        let raw = Raw::new(&item.text);
        match kind_of(raw).as_str() {
            "local_shell_call" => calls.extend(raw.get_string("call_id").map(String::from)),
            "custom_tool_call" if name_of(raw) == "apply_patch" => {
                calls.extend(raw.get_string("call_id").map(String::from));
            }
            "function_call" if SHELL_TOOLS.contains(&name_of(raw).as_str()) => {
                calls.extend(raw.get_string("call_id").map(String::from));
            }
            "function_call_output" | "custom_tool_call_output" => {
                let call_id = raw.get_string("call_id").unwrap_or_default();
                if calls.remove(call_id.as_ref())
                    && let Some(text) = rewritten(raw)
                {
                    item.text = text;
                }
            }
            _ => {}
        }
    }
}

fn name_of(call: Raw<'_>) -> String {
    call.get_string("name").unwrap_or_default().into_owned()
}

fn rewritten(item: Raw<'_>) -> Option<String> {
    let output = item
        .get("output")
        .filter(|output| output.kind() == Kind::String)?;
    let text = as_text(&output.string()?)?;
    Some(item.text_with(output, &quoted(&text)))
}

fn as_text(json: &str) -> Option<String> {
    let json: serde_json::Value = serde_json::from_str(json).ok()?;
    let metadata = json.get("metadata")?;
    let code = metadata.get("exit_code")?.as_i64()?;
    // Codex holds the duration as a 32-bit float, whose shortest text it prints.
    let seconds = metadata.get("duration_seconds")?.as_f64()? as f32;
    let output = json.get("output")?.as_str()?;
    let header = output
        .strip_prefix("Total output lines: ")
        .and_then(|rest| rest.split_once('\n'))
        .and_then(|(lines, rest)| Some((lines.parse::<u32>().ok()?, rest)));
    let (lines, output) = match header {
        Some((lines, rest)) => (
            format!("Total output lines: {lines}\n"),
            rest.strip_prefix('\n').unwrap_or(rest),
        ),
        None => (String::new(), output),
    };
    Some(format!(
        "Exit code: {code}\nWall time: {seconds} seconds\n{lines}Output:\n{output}"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_becomes_lines() {
        let check = |json: &str, expect: Option<&str>| {
            assert_eq!(as_text(json).as_deref(), expect, "{json}");
        };
        check(
            r#"{"output":"a\n","metadata":{"exit_code":0,"duration_seconds":0.0}}"#,
            Some("Exit code: 0\nWall time: 0 seconds\nOutput:\na\n"),
        );
        check(
            r#"{"output":"Total output lines: 3\n\na","metadata":{"exit_code":1,"duration_seconds":0.1}}"#,
            Some("Exit code: 1\nWall time: 0.1 seconds\nTotal output lines: 3\nOutput:\na"),
        );
        check(r#"{"output":"a"}"#, None);
        check("plain", None);
    }
}
