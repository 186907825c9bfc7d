//! What codex 0.169.0 sends, in the form of raw-exchange/1 and with texts of our own.

use std::fmt::Write;

/// A thread of an agent, as its requests name it.
pub(crate) struct Thread {
    number: usize,
    /// Number of its context window.
    pub(crate) window: usize,
}

/// An identifier in the form of a UUID.
fn uuid(kind: usize, number: usize) -> String {
    format!("01a1fba1-{kind:04x}-7000-8000-{number:012x}")
}

/// A text as a JSON string.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// A message of the user or of the developer with an id.
pub(crate) fn message(role: &str, number: usize, text: &str) -> String {
    format!(
        r#"{{"type":"message","id":"msg_{}","role":"{role}","content":[{{"type":"input_text","text":{}}}]}}"#,
        uuid(1, number),
        quoted(text)
    )
}

/// A call as a response delivers it.
pub(crate) fn call(number: usize) -> String {
    format!(
        r#"{{"type":"function_call","id":"fc_{number}","name":"exec_command","call_id":"call_{number}","arguments":"{{\"cmd\":\"head -n {number} notes.txt\",\"yield_time_ms\":1000}}"}}"#
    )
}

/// The output of a call, with so many lines.
pub(crate) fn output(number: usize, lines: usize) -> String {
    format!(
        r#"{{"type":"function_call_output","id":"fco_{}","call_id":"call_{number}","output":"Chunk ID: {number:06x}\nWall time: 0.{number} seconds\n{}"}}"#,
        uuid(2, number),
        "- a line of output, as commands print them\\n".repeat(lines)
    )
}

impl Thread {
    pub(crate) fn new(number: usize) -> Self {
        Self { number, window: 0 }
    }

    fn id(&self) -> String {
        uuid(0, self.number)
    }

    /// The turn metadata of a request: JSON, quoted once.
    fn metadata(&self, kind: &str) -> String {
        let (id, window) = (self.id(), self.window);
        let turn = if kind == "prewarm" {
            String::new()
        } else {
            uuid(3, self.number)
        };
        let compaction = match kind {
            "compaction" => {
                r#","compaction":{"trigger":"auto","reason":"context_limit","implementation":"responses","phase":"mid_turn","strategy":"memento"}"#
            }
            _ => "",
        };
        let text = format!(
            r#"{{"installation_id":"{}","session_id":"{id}","thread_id":"{id}","agent_name":"/root","turn_id":"{turn}","window_id":"{id}:{window}","window_number":{window},"context_window_id":"{}","request_kind":"{kind}","history_initialization":"new","root_turn_id":"{turn}","thread_source":"user","turn_trigger":"exec","sandbox":"none","sandbox_mode":"danger-full-access","turn_started_at_unix_ms":1795226637782,"analytics_enabled":true,"model":"gpt-5.5","reasoning_effort":"medium"{compaction}}}"#,
            uuid(4, 0),
            uuid(5, self.number * 1000 + window),
        );
        quoted(&text)
    }

    /// The headers of a request, or of a handshake.
    fn headers(&self, kind: &str) -> String {
        let (id, window) = (self.id(), self.window);
        format!(
            r#"[["x-codex-beta-features","remote_compaction_v2"],["x-codex-window-id","{id}:{window}"],["x-codex-turn-metadata",{}],["x-client-request-id","{id}"],["session-id","{id}"],["thread-id","{id}"],["accept","text/event-stream"],["content-type","application/json"],["authorization","Bearer sk-fake-0000000000000000"],["originator","codex_exec"],["user-agent","codex_exec/0.169.0 (Debian 12.0.0; x86_64) xterm-256color (codex_exec; 0.169.0)"],["host","127.0.0.1:9001"]]"#,
            self.metadata(kind)
        )
    }

    /// The members of a request beside its input; `tools` is how many.
    fn members(&self, kind: &str, tools: usize) -> String {
        let (id, window) = (self.id(), self.window);
        let turn = uuid(3, self.number);
        let tool = |number: usize| {
            format!(
                r#"{{"type":"function","name":"tool_{number}","description":"{}","strict":false,"parameters":{{"type":"object","properties":{{"cmd":{{"type":"string","description":"Shell command to execute."}}}}}}}}"#,
                "Does something to the garden. ".repeat(8)
            )
        };
        let listed: Vec<String> = (0..tools).map(tool).collect();
        let listed = match (kind, tools) {
            ("compaction", _) => r#""tools":[],"#.to_owned(),
            (_, 0) => String::new(),
            _ => format!(r#""tools":[{}],"#, listed.join(",")),
        };
        let metadata = self.metadata(kind);
        format!(
            r#""model":"gpt-5.5","stream":true,{listed}"tool_choice":"auto","parallel_tool_calls":{},"reasoning":{{"effort":"medium"}},"store":false,"include":["reasoning.encrypted_content"],"prompt_cache_key":"{id}","client_metadata":{{"x-codex-window-id":"{id}:{window}","turn_id":"{turn}","root_turn_id":"{turn}","x-codex-turn-metadata":{metadata},"x-codex-installation-id":"{}","session_id":"{id}","thread_id":"{id}"}}"#,
            kind != "compaction",
            uuid(4, 0),
        )
    }

    /// A record of one HTTP exchange.
    pub(crate) fn http(&self, seq: usize, kind: &str, input: &str, response: &str) -> String {
        format!(
            r#"{{"format":"raw-exchange/1","seq":{seq},"conn":{seq},"transport":"http","method":"POST","path":"/v1/responses","request":{{"headers":{},"body_kind":"json-compact","body":{{{},"input":[{input}]}}}},"response":{response}}}"#,
            self.headers(kind),
            self.members(kind, 20)
        )
    }

    /// A message over a WebSocket; it repeats the tools, as codex does, if there are any.
    pub(crate) fn frame(
        &self,
        at_ms: usize,
        previous: Option<usize>,
        tools: usize,
        input: &str,
    ) -> String {
        let previous = previous.map_or(String::new(), |number| {
            format!(r#""previous_response_id":"resp_{number}","#)
        });
        let members = self.members("turn", tools);
        frame(
            "c2s",
            at_ms,
            &format!(r#"{{"type":"response.create",{previous}{members},"input":[{input}]}}"#),
        )
    }

    /// A record of one WebSocket connection.
    pub(crate) fn websocket(&self, seq: usize, frames: &[String]) -> String {
        let headers = self.headers("prewarm");
        let headers = headers.replacen('[', r#"[["Upgrade","websocket"],"#, 1);
        format!(
            r#"{{"format":"raw-exchange/1","seq":{seq},"conn":{seq},"transport":"ws","method":"GET","path":"/v1/responses","request":{{"headers":{headers},"body_kind":"empty"}},"response":{{"status":101,"headers":[],"frames":[{}],"ended":"complete"}}}}"#,
            frames.join(",")
        )
    }
}

/// A message on a WebSocket.
pub(crate) fn frame(direction: &str, at_ms: usize, data: &str) -> String {
    format!(
        r#"{{"dir":"{direction}","at_ms":{at_ms},"opcode":"text","data_kind":"json-compact","data":{data}}}"#
    )
}

/// A response of HTTP with these events.
pub(crate) fn stream(events: &[String]) -> String {
    let mut text =
        r#"{"status":200,"headers":[["content-type","text/event-stream"]],"events":["#.to_owned();
    for (number, data) in events.iter().enumerate() {
        let comma = if number > 0 { "," } else { "" };
        let _ = write!(text, r#"{comma}{{"event":"message","data":{data}}}"#);
    }
    text + r#"],"ended":"complete"}"#
}

/// The events of a response that delivers these items, after so many pieces of thought.
pub(crate) fn events(
    number: usize,
    items: &[String],
    thoughts: usize,
    tokens: usize,
) -> Vec<String> {
    let mut events = vec![format!(
        r#"{{"type":"response.created","response":{{"id":"resp_{number}"}}}}"#
    )];
    events.extend((0..thoughts).map(|part| {
        format!(r#"{{"type":"response.reasoning_text.delta","item_id":"rs_{number}","output_index":1,"content_index":0,"delta":"part {part}"}}"#)
    }));
    events.extend(items.iter().enumerate().map(|(index, item)| {
        format!(r#"{{"type":"response.output_item.done","output_index":{index},"item":{item}}}"#)
    }));
    events.push(format!(
        r#"{{"type":"response.completed","response":{{"id":"resp_{number}","usage":{{"input_tokens":{tokens},"output_tokens":0,"total_tokens":{tokens}}}}}}}"#
    ));
    events
}
