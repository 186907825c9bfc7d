//! What the model called in a recorded response.

use serde_json::Value;

/// How deep JSON may stand in the texts of a script: events in a raw stream, items in a body.
const NESTED: usize = 2;

/// A call of the model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Call {
    pub(super) id: String,
    /// `exec_command`, `apply_patch`, …
    pub(super) name: String,
    /// Its arguments as they were sent, JSON for a function.
    pub(super) arguments: String,
}

/// What a call asks a shell for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Asks {
    /// To run this.
    Command(String),
    /// To type something into a command that runs, or to look what it has printed.
    Typed { session: String, bytes: usize },
    /// For nothing that a shell would do.
    Nothing,
}

impl Call {
    /// What it asks for, by the tools of codex 0.115.0–0.169.0 and pycodex 0.1.13–0.5.1.
    pub(super) fn asks(&self, arguments: &str) -> Asks {
        let parsed: Value = serde_json::from_str(arguments).unwrap_or_default();
        let text = |key: &str| parsed.get(key).and_then(Value::as_str).map(str::to_owned);
        let command = match self.name.as_str() {
            "exec_command" => text("cmd"),
            "shell_command" => text("command"),
            "shell" | "container.exec" => parsed.get("command").and_then(of_shell),
            "write_stdin" => {
                let session = parsed.get("session_id").map(|id| match id {
                    Value::String(id) => id.clone(),
                    other => other.to_string(),
                });
                let bytes = text("chars").map_or(0, |chars| chars.len());
                return session.map_or(Asks::Nothing, |session| Asks::Typed { session, bytes });
            }
            _ => None,
        };
        command.map_or(Asks::Nothing, Asks::Command)
    }
}

/// What a shell is given in a list of words: `["bash", "-lc", "ls"]`.
pub(super) fn of_shell(words: &Value) -> Option<String> {
    let words = words.as_array()?;
    let [shell, option, command] = words.as_slice() else {
        return None;
    };
    let shell = shell.as_str()?.rsplit('/').next()?;
    let is_shell = matches!(shell, "bash" | "zsh" | "sh");
    let takes_command = matches!(option.as_str()?, "-lc" | "-c");
    (is_shell && takes_command).then(|| command.as_str().map(str::to_owned))?
}

/// The calls in a step of a script, in order.
pub(super) fn calls_of(step: &Value) -> Vec<Call> {
    let mut found = Vec::new();
    find(step, 0, &mut found);
    found
}

fn find(value: &Value, nested: usize, found: &mut Vec<Call>) {
    match value {
        Value::Object(members) => {
            match Call::read(value) {
                Some(call) => keep(call, found),
                None => members
                    .values()
                    .for_each(|value| find(value, nested, found)),
            };
        }
        Value::Array(items) => items.iter().for_each(|item| find(item, nested, found)),
        Value::String(text) if nested < NESTED && text.contains("_call\"") => {
            for line in text.lines() {
                let line = line.strip_prefix("data:").unwrap_or(line);
                if let Ok(value) = serde_json::from_str(line) {
                    find(&value, nested + 1, found);
                }
            }
        }
        _ => {}
    }
}

/// A call is told several times: when it begins, still without its arguments, when it is complete, when the response is.
fn keep(call: Call, found: &mut Vec<Call>) {
    let known = found.iter_mut().find(|known| known.id == call.id);
    match known {
        Some(known) if call.arguments.is_empty() => known.name = call.name,
        Some(known) => *known = call,
        None => found.push(call),
    }
}

impl Call {
    fn read(item: &Value) -> Option<Self> {
        let text = |key: &str| item.get(key).and_then(Value::as_str);
        let kind = text("type")?;
        if !matches!(kind, "function_call" | "custom_tool_call") {
            return None;
        }
        let arguments = text("arguments").or_else(|| text("input"));
        Some(Self {
            id: text("call_id")?.to_owned(),
            name: text("name")?.to_owned(),
            arguments: arguments.unwrap_or_default().to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn call(name: &str, arguments: &str) -> Call {
        Call {
            id: "call_1".to_owned(),
            name: name.to_owned(),
            arguments: arguments.to_owned(),
        }
    }

    #[test]
    fn a_call_is_found_once_however_it_travelled() {
        let item = json!({ "type": "function_call", "call_id": "call_1", "name": "exec_command", "arguments": "{\"cmd\":\"ls\"}" });
        let mut begun = item.clone();
        begun["arguments"] = "".into();
        let event = json!({ "type": "response.output_item.done", "item": item });
        for step in [
            json!({ "events": [{ "type": "response.output_item.added", "item": begun }, event] }),
            json!({ "events": [{ "event": false, "data": event.to_string() }, { "type": "response.completed", "response": { "output": [item] } }] }),
            json!({ "events": [{ "raw": format!("event: x\ndata: {event}\n\n") }] }),
            json!({ "body": json!({ "output": [item] }).to_string() }),
            json!({ "reply": [{ "item": item }] }),
        ] {
            assert_eq!(
                calls_of(&step),
                [call("exec_command", "{\"cmd\":\"ls\"}")],
                "{step}"
            );
        }
    }

    #[test]
    fn commands_are_known_by_their_tools() {
        let check = |name: &str, arguments: &str, expect: Asks| {
            assert_eq!(
                call(name, arguments).asks(arguments),
                expect,
                "{name} {arguments}"
            );
        };
        let ls = || Asks::Command("ls".to_owned());
        check("exec_command", r#"{"cmd":"ls","tty":true}"#, ls());
        check("shell_command", r#"{"command":"ls"}"#, ls());
        check("shell", r#"{"command":["/bin/bash","-lc","ls"]}"#, ls());
        check("shell", r#"{"command":["ls"]}"#, Asks::Nothing);
        check("exec_command", r#"{"cmd": not json"#, Asks::Nothing);
        let typed = Asks::Typed {
            session: "7".to_owned(),
            bytes: 4,
        };
        check("write_stdin", r#"{"session_id":7,"chars":"abc\n"}"#, typed);
        check("apply_patch", "*** Begin Patch", Asks::Nothing);
    }
}
