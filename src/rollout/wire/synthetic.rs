//! Outputs that Codex makes up for calls that have none.

use uuid::Uuid;

use crate::rollout::history::quoted;

/// The namespace of their ids (the same in all versions that send ids; recomputed for ids that 0.169.0 sent).
const NAMESPACE: Uuid = Uuid::from_u128(0x90d3_8d3e_6a5b_4d52_bfe2_2f1e_634b_fac4);

/// The type of the output that belongs to a call of this type; `None` for what is no call of a tool.
pub(super) fn output_type(call: &str) -> Option<&'static str> {
    match call {
        "function_call" | "local_shell_call" => Some("function_call_output"),
        "custom_tool_call" => Some("custom_tool_call_output"),
        "tool_search_call" => Some("tool_search_output"),
        _ => None,
    }
}

/// The output that is sent in place of one that is missing. Its id comes from the call's id: without one it has none.
pub(super) fn aborted_output(call: &str, output: &str, call_id: &str, id: Option<&str>) -> String {
    let id = id.filter(|id| !id.is_empty()).map_or(String::new(), |id| {
        format!(r#""id":{},"#, quoted(&synthetic_id(prefix(call), id)))
    });
    let call_id = quoted(call_id);
    let rest = match output {
        "tool_search_output" => r#""status":"completed","execution":"client","tools":[]"#,
        _ => r#""output":"aborted""#,
    };
    format!(r#"{{"type":"{output}",{id}"call_id":{call_id},{rest}}}"#)
}

fn prefix(call: &str) -> &'static str {
    match call {
        "custom_tool_call" => "ctco",
        "tool_search_call" => "tso",
        _ => "fco",
    }
}

fn synthetic_id(prefix: &str, source: &str) -> String {
    let name = format!("{prefix}:{source}");
    format!("{prefix}_{}", Uuid::new_v5(&NAMESPACE, name.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_those_of_the_agent() {
        assert_eq!(
            synthetic_id("fco", "lsh_1"),
            "fco_37093384-5cd0-5813-8a86-723bfcccbbb2"
        );
    }

    #[test]
    fn an_output_is_like_its_call() {
        let check = |call: &str, id, expect: &str| {
            let output = output_type(call).unwrap();
            assert_eq!(aborted_output(call, output, "c1", id), expect);
        };
        check(
            "function_call",
            None,
            r#"{"type":"function_call_output","call_id":"c1","output":"aborted"}"#,
        );
        check(
            "tool_search_call",
            Some(""),
            r#"{"type":"tool_search_output","call_id":"c1","status":"completed","execution":"client","tools":[]}"#,
        );
        assert_eq!(output_type("web_search_call"), None);
    }
}
