//! What the real API refuses.

use std::collections::{HashMap, HashSet};

use crate::json::{Kind, Node};
use crate::responses;

/// A request that the API does not accept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refusal {
    /// `message` of the error.
    pub(super) message: String,
    /// `code` of the error.
    pub(super) code: Option<&'static str>,
    /// `param` of the error.
    pub(super) param: Option<String>,
}

/// Types of items that the API takes as input (codex-facts, section 2: codex 0.169.0; older names among them).
const ITEM_TYPES: &[&str] = &[
    "message",
    "reasoning",
    "function_call",
    "function_call_output",
    "custom_tool_call",
    "custom_tool_call_output",
    "local_shell_call",
    "local_shell_call_output",
    "shell_call",
    "shell_call_output",
    "apply_patch_call",
    "apply_patch_call_output",
    "web_search_call",
    "file_search_call",
    "computer_call",
    "computer_call_output",
    "image_generation_call",
    "code_interpreter_call",
    "tool_search_call",
    "tool_search_output",
    "mcp_list_tools",
    "mcp_call",
    "mcp_approval_request",
    "mcp_approval_response",
    "compaction",
    "compaction_summary",
    "compaction_trigger",
    "context_compaction",
    "configuration_update",
    "agent_message",
    "additional_tools",
    "item_reference",
];

/// Members that an item must have.
const REQUIRED: &[(&str, &[&str])] = &[
    ("message", &["role", "content"]),
    ("reasoning", &["summary"]),
    ("function_call", &["call_id", "name", "arguments"]),
    ("function_call_output", &["call_id", "output"]),
    ("custom_tool_call", &["call_id", "name", "input"]),
    ("custom_tool_call_output", &["call_id", "output"]),
    ("compaction", &["encrypted_content"]),
];

/// Calls whose outputs the API wants, with what it calls the two.
const PAIRS: &[(&str, &str, &str)] = &[
    ("function_call", "function_call_output", "function call"),
    (
        "custom_tool_call",
        "custom_tool_call_output",
        "custom tool call",
    ),
    ("tool_search_call", "tool_search_output", "tool search call"),
];

/// Bytes that one token takes on average, as Codex estimates it (codex-facts, section 14.3).
const BYTES_PER_TOKEN: u64 = 4;

/// What the API says to a body that is no JSON object.
pub(super) fn unreadable() -> Refusal {
    let message = "We could not parse the JSON body of your request.";
    invalid(message, None, None)
}

/// Says why the API would refuse a request to the model, if it would.
///
/// `budget` is the number of tokens that the model takes; tokens are estimated by the length of input, instructions and
/// tools.
pub(super) fn refusal(body: Node<'_>, budget: Option<u64>) -> Option<Refusal> {
    if body.kind() != Kind::Object {
        return Some(unreadable());
    }
    if body
        .get("model")
        .is_none_or(|model| model.kind() != Kind::String)
    {
        return Some(missing("model"));
    }
    let Some(input) = body.get("input") else {
        return Some(missing("input"));
    };
    match input.kind() {
        Kind::String => {}
        Kind::Array => {
            if let Some(found) = bad_item(input).or_else(|| unpaired(input)) {
                return Some(found);
            }
        }
        other => {
            let message = format!(
                "Invalid type for 'input': expected one of an array of objects or string, but got {} instead.",
                other.name()
            );
            return Some(invalid(&message, Some("invalid_type"), Some("input")));
        }
    }
    over_budget(body, budget?)
}

fn invalid(message: &str, code: Option<&'static str>, param: Option<&str>) -> Refusal {
    Refusal {
        message: message.to_owned(),
        code,
        param: param.map(str::to_owned),
    }
}

fn missing(param: &str) -> Refusal {
    let message = format!("Missing required parameter: '{param}'.");
    invalid(&message, Some("missing_required_parameter"), Some(param))
}

fn bad_item(input: Node<'_>) -> Option<Refusal> {
    for (index, item) in input.items().enumerate() {
        let place = format!("input[{index}]");
        if item.kind() != Kind::Object {
            let message = format!(
                "Invalid type for '{place}': expected an object, but got {} instead.",
                item.kind().name()
            );
            return Some(invalid(&message, Some("invalid_type"), Some(&place)));
        }
        let kind = responses::item_type(item);
        if kind.is_empty() {
            return Some(missing(&format!("{place}.type")));
        }
        if !ITEM_TYPES.contains(&kind.as_ref()) {
            let supported = ITEM_TYPES.join("', '");
            let message = format!("Invalid value: '{kind}'. Supported values are: '{supported}'.");
            return Some(invalid(&message, Some("invalid_value"), Some(&place)));
        }
        let required = REQUIRED.iter().find(|(name, _)| *name == kind);
        let lacking = required.and_then(|(_, keys)| {
            keys.iter()
                .find(|key| item.get(key).is_none_or(Node::is_null))
        });
        if let Some(key) = lacking {
            return Some(missing(&format!("{place}.{key}")));
        }
    }
    None
}

/// Calls without output, outputs without call, call ids used twice.
fn unpaired(input: Node<'_>) -> Option<Refusal> {
    for (call, output, words) in PAIRS {
        let mut calls: HashMap<String, usize> = HashMap::new();
        let mut outputs: HashSet<String> = HashSet::new();
        for (index, item) in input.items().enumerate() {
            let kind = responses::item_type(item);
            let Some(id) = responses::call_id(item) else {
                continue;
            };
            let place = format!("input[{index}].call_id");
            if kind == *call {
                if calls.insert(id.clone().into_owned(), index).is_some() {
                    let message = format!("Duplicate call_id '{id}' found for {words} in input.");
                    return Some(invalid(&message, Some("invalid_value"), Some(&place)));
                }
            } else if kind == *output
                || (*call == "function_call" && kind == "local_shell_call_output")
            {
                let is_shell = || {
                    input.items().any(|item| {
                        responses::item_type(item) == "local_shell_call"
                            && responses::call_id(item).is_some_and(|other| other == id)
                    })
                };
                let is_called =
                    calls.contains_key(id.as_ref()) || (*call == "function_call" && is_shell());
                if !is_called {
                    let message =
                        format!("No tool call found for {words} output with call_id {id}.");
                    return Some(invalid(&message, None, Some("input")));
                }
                if !outputs.insert(id.clone().into_owned()) {
                    let message = format!("Duplicate {words} output found for call_id '{id}'.");
                    return Some(invalid(&message, Some("invalid_value"), Some(&place)));
                }
            }
        }
        let orphan = calls
            .iter()
            .filter(|(id, _)| !outputs.contains(*id))
            .min_by_key(|(_, index)| **index);
        if let Some((id, _)) = orphan {
            let message = format!("No tool output found for {words} {id}.");
            return Some(invalid(&message, None, Some("input")));
        }
    }
    None
}

fn over_budget(body: Node<'_>, budget: u64) -> Option<Refusal> {
    let length = |key: &str| body.get(key).map_or(0, |part| part.text().len() as u64);
    let bytes = length("input") + length("instructions") + length("tools");
    (bytes.div_ceil(BYTES_PER_TOKEN) > budget).then(|| {
        let message = "Your input exceeds the context window of this model. Please adjust your input and try again.";
        invalid(message, Some("context_length_exceeded"), Some("input"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::Value;

    fn check(input: &str, expect: Option<&str>) {
        let body = Value::parse(format!(r#"{{"model":"m","input":{input}}}"#)).unwrap();
        let found = refusal(body.node(), Some(1000)).map(|refusal| refusal.message);
        assert_eq!(found.as_deref(), expect, "{input}");
    }

    #[test]
    fn pairs_of_calls_and_outputs_are_checked_as_the_api_does() {
        let call = r#"{"type":"function_call","call_id":"c","name":"f","arguments":"{}"}"#;
        let output = r#"{"type":"function_call_output","call_id":"c","output":"x"}"#;
        check("\"hi\"", None);
        check(r#"[{"role":"user","content":"hi"}]"#, None);
        check(&format!("[{call},{output}]"), None);
        check(
            &format!("[{call}]"),
            Some("No tool output found for function call c."),
        );
        check(
            &format!("[{output}]"),
            Some("No tool call found for function call output with call_id c."),
        );
        check(
            &format!("[{output},{call}]"),
            Some("No tool call found for function call output with call_id c."),
        );
        check(
            &format!("[{call},{call},{output}]"),
            Some("Duplicate call_id 'c' found for function call in input."),
        );
        check(
            &format!("[{call},{output},{output}]"),
            Some("Duplicate function call output found for call_id 'c'."),
        );
        let shell = r#"{"type":"local_shell_call","call_id":"c","action":{},"status":"completed"}"#;
        check(&format!("[{shell},{output}]"), None);
        let custom = r#"{"type":"custom_tool_call","call_id":"c","name":"f","input":""}"#;
        check(
            &format!("[{custom},{output}]"),
            Some("No tool call found for function call output with call_id c."),
        );
    }

    #[test]
    fn items_must_be_known_and_whole() {
        check(
            r#"[{"type":"function_call_output","output":"x"}]"#,
            Some("Missing required parameter: 'input[0].call_id'."),
        );
        check("[{}]", Some("Missing required parameter: 'input[0].type'."));
        check(
            "[1]",
            Some("Invalid type for 'input[0]': expected an object, but got number instead."),
        );
        check(
            "{}",
            Some(
                "Invalid type for 'input': expected one of an array of objects or string, but got object instead.",
            ),
        );
        let body = Value::parse(r#"{"model":"m","input":[{"type":"hologram"}]}"#).unwrap();
        let found = refusal(body.node(), None).unwrap();
        assert!(found.message.starts_with("Invalid value: 'hologram'."));
        assert_eq!(found.param.as_deref(), Some("input[0]"));
        let body = Value::parse(r#"{"input":[]}"#).unwrap();
        assert_eq!(
            refusal(body.node(), None).unwrap().param.as_deref(),
            Some("model")
        );
    }

    #[test]
    fn the_budget_counts_four_bytes_a_token() {
        check(&format!("\"{}\"", "a".repeat(3998)), None);
        check(
            &format!("\"{}\"", "a".repeat(3999)),
            Some(
                "Your input exceeds the context window of this model. Please adjust your input and try again.",
            ),
        );
    }
}
