//! One way or more to break each rule.
// Long because: each case of the table takes ten lines.

use serde_json::{Value, json};

use super::edit::{Records, said};

/// What a mutation breaks.
pub(super) struct Case {
    pub(super) name: &'static str,
    pub(super) fixture: &'static str,
    /// Text of the profile; the one that the capture asks for where it is empty.
    pub(super) profile: &'static str,
    pub(super) change: fn(&mut Records),
    pub(super) rule: &'static str,
    /// Rules that are broken with it.
    pub(super) follows: &'static [&'static str],
    pub(super) exchange: usize,
    pub(super) pointer: &'static str,
}

/// A turn that was too long, a compaction that was too long, the compaction, the next turn.
const LOCAL: &str = "codex-0.169.0-29b-overflow-in-compaction";
/// A turn, a compaction by a trigger item, the next turn.
const REMOTE: &str = "codex-0.169.0-35-remote-compaction";
/// A turn, a compaction by its endpoint, the next turn.
const ENDPOINT: &str = "codex-0.115.0-35-remote-compaction";
/// A call, a compaction in the turn, the end of the turn.
const IN_TURN: &str = "codex-0.137.0-17b-autocompact-midturn";
/// A turn that was too long, a compaction that was too long, the compaction, the same turn, the next turn.
const PYCODEX: &str = "pycodex-0.5.1-29b-overflow-in-compaction";
/// A turn, a compaction, the next turn.
const PYCODEX_BEFORE_TURN: &str = "pycodex-0.5.1-17-autocompact-preturn";

const LIMIT_137: &str = "from = \"codex@0.137.0\"\n[compaction]\nlimit = 20000\n";
const LIMIT_169: &str = "from = \"codex@0.169.0\"\n[compaction]\nlimit = 20000\n";

const INPUT: &str = "/request/body/input";

/// Lets a turn go on without the compaction in between.
fn without_compaction(records: &mut Records) {
    let mut history = records.input(1).clone();
    history.pop();
    records.0.remove(1);
    *records.input(1) = history;
    records.set_window(1, 1, 0);
}

/// Puts a turn between the first one and its compaction.
fn turn_before_compaction(records: &mut Records) {
    records.insert_like(1, 0);
    records.begin_turn(1);
    let answer = records.copy(2, "First answer.");
    let mut again = answer.clone();
    again["id"] = json!("msg_again_0001");
    let between = said("Between.");
    let mut history = records.input(0).clone();
    history.extend([answer, between.clone()]);
    *records.input(1) = history;
    records.put(2, "compaction_trigger", between.clone());
    records.put(2, "compaction_trigger", again);
    let kept = records.at(3, "skills_instructions");
    let first = records.take(3, "First thing.");
    records.input(3).insert(kept, first);
    records.put(3, "gAAAAA", between);
}

fn move_before(records: &mut Records, exchange: usize, text: &str, before: &str) {
    let item = records.take(exchange, text);
    records.put(exchange, before, item);
}

pub(super) const CASES: &[Case] = &[
    Case {
        name: "the turn goes on above the limit",
        fixture: IN_TURN,
        profile: LIMIT_137,
        change: without_compaction,
        rule: "compaction-missing",
        follows: &[],
        exchange: 1,
        pointer: INPUT,
    },
    Case {
        name: "the next turn sends what was too long",
        fixture: LOCAL,
        profile: "",
        change: |records| {
            let mut history = records.input(0).clone();
            history.push(said("Go on."));
            *records.input(3) = history;
            records.set_window(3, 1, 0);
            records.0.drain(1..3);
        },
        rule: "compaction-missing",
        follows: &[],
        exchange: 1,
        pointer: INPUT,
    },
    Case {
        name: "a turn more before the compaction",
        fixture: REMOTE,
        profile: LIMIT_169,
        change: turn_before_compaction,
        rule: "compaction-late",
        follows: &[],
        exchange: 1,
        pointer: INPUT,
    },
    Case {
        name: "a turn more, with more tokens than at the compaction",
        fixture: REMOTE,
        profile: "",
        change: |records| {
            turn_before_compaction(records);
            records.report(0, 90_000);
        },
        rule: "compaction-late",
        follows: &[],
        exchange: 1,
        pointer: INPUT,
    },
    Case {
        name: "the limit is higher",
        fixture: REMOTE,
        profile: "from = \"codex@0.169.0\"\n[compaction]\nlimit = 60000\n",
        change: |_| {},
        rule: "compaction-early",
        follows: &[],
        exchange: 1,
        pointer: "",
    },
    Case {
        name: "compacted in the turn that was too long",
        fixture: PYCODEX,
        profile: "from = \"pycodex@0.5.1\"\n[compaction]\non_overflow = \"fail\"\n",
        change: |_| {},
        rule: "compaction-early",
        follows: &[],
        exchange: 1,
        pointer: "",
    },
    Case {
        name: "compacted twice",
        fixture: REMOTE,
        profile: "",
        change: |records| {
            records.insert_like(2, 1);
            let trigger = records.copy(1, "compaction_trigger");
            let mut history = records.input(3).clone();
            history.pop();
            history.push(trigger);
            *records.input(2) = history;
            let old = records.metadata(2, "context_window_id");
            let new = records.metadata(3, "context_window_id");
            records.replace(2, &old, &new);
            records.replace(3, &new, &old.replace(&old[..4], "ffff"));
            records.set_window(2, 0, 1);
            records.set_window(3, 1, 2);
        },
        rule: "compaction-doubled",
        follows: &[],
        exchange: 2,
        pointer: "",
    },
    Case {
        name: "a form that the agent does not have",
        fixture: REMOTE,
        profile: "from = \"codex@0.169.0\"\n[compaction]\nremote = \"none\"\n",
        change: |_| {},
        rule: "compaction-form",
        follows: &[],
        exchange: 1,
        pointer: "",
    },
    Case {
        name: "another form than the metadata says",
        fixture: REMOTE,
        profile: "",
        change: |records| records.replace(1, "responses_compaction_v2", "responses"),
        rule: "compaction-form",
        follows: &[],
        exchange: 1,
        pointer: "/request/body/client_metadata/x-codex-turn-metadata/compaction/implementation",
    },
    Case {
        name: "the trigger before the last item",
        fixture: REMOTE,
        profile: "",
        change: |records| move_before(records, 1, "compaction_trigger", "First answer."),
        rule: "compaction-prompt",
        follows: &[],
        exchange: 1,
        pointer: "/request/body/input/4",
    },
    Case {
        name: "no trigger",
        fixture: REMOTE,
        profile: "",
        change: |records| {
            records.take(1, "compaction_trigger");
        },
        rule: "compaction-prompt",
        follows: &[],
        exchange: 1,
        pointer: "/request/body/input/4",
    },
    Case {
        name: "a prompt with an id",
        fixture: LOCAL,
        profile: "",
        change: |records| {
            for exchange in [1, 2] {
                records.input(exchange).last_mut().unwrap()["id"] = json!("msg_prompt");
            }
        },
        rule: "compaction-prompt",
        follows: &[],
        exchange: 1,
        pointer: "/request/body/input/8",
    },
    Case {
        name: "tools for a summary",
        fixture: LOCAL,
        profile: "",
        change: |records| {
            let tools = records.body(0)["tools"].clone();
            records.body(1)["tools"] = tools.clone();
            records.body(2)["tools"] = tools;
        },
        rule: "compaction-tools",
        follows: &[],
        exchange: 1,
        pointer: "/request/body/tools",
    },
    Case {
        name: "no tools for a remote compaction",
        fixture: REMOTE,
        profile: "",
        change: |records| records.body(1)["tools"] = json!([]),
        rule: "compaction-tools",
        follows: &[],
        exchange: 1,
        pointer: "/request/body/tools",
    },
    Case {
        name: "other tools for the endpoint",
        fixture: ENDPOINT,
        profile: "",
        change: |records| {
            records.body(1)["tools"].as_array_mut().unwrap().pop();
        },
        rule: "compaction-tools",
        follows: &[],
        exchange: 1,
        pointer: "/request/body/tools",
    },
    Case {
        name: "parallel calls for a summary",
        fixture: IN_TURN,
        profile: "",
        change: |records| records.body(1)["parallel_tool_calls"] = json!(true),
        rule: "compaction-parallel-calls",
        follows: &[],
        exchange: 1,
        pointer: "/request/body/parallel_tool_calls",
    },
    Case {
        name: "a third model",
        fixture: REMOTE,
        profile: "",
        change: |records| records.body(1)["model"] = json!("gpt-other"),
        rule: "compaction-model",
        follows: &[],
        exchange: 1,
        pointer: "/request/body/model",
    },
    Case {
        name: "the new model compacts what the old one said",
        fixture: REMOTE,
        profile: "",
        change: |records| {
            records.replace(1, "context_limit", "comp_hash_changed");
            records.body(1)["model"] = json!("gpt-other");
            records.body(2)["model"] = json!("gpt-other");
        },
        rule: "compaction-model",
        follows: &[],
        exchange: 1,
        pointer: "/request/body/model",
    },
    Case {
        name: "the first attempt lacks an item",
        fixture: LOCAL,
        profile: "",
        change: |records| {
            records.take(1, "environment_context");
            records.take(2, "environment_context");
        },
        rule: "compaction-history-cut",
        follows: &[],
        exchange: 1,
        pointer: INPUT,
    },
    Case {
        name: "the history of before is sent",
        fixture: LOCAL,
        profile: "",
        change: |records| {
            let new = records.copy(3, "Go on.");
            let mut history = records.input(0).clone();
            history.push(new);
            *records.input(3) = history;
        },
        rule: "compaction-not-applied",
        follows: &[],
        exchange: 3,
        pointer: "/request/body/input/4",
    },
    Case {
        name: "no summary",
        fixture: LOCAL,
        profile: "",
        change: |records| {
            records.take(3, "SUMMARY: pruned.");
        },
        rule: "compaction-summary-missing",
        follows: &[],
        exchange: 3,
        pointer: INPUT,
    },
    Case {
        name: "no compaction item",
        fixture: ENDPOINT,
        profile: "",
        change: |records| {
            records.take(2, "gAAAAA");
        },
        rule: "compaction-summary-missing",
        follows: &[],
        exchange: 2,
        pointer: INPUT,
    },
    Case {
        name: "no compaction item, for any client",
        fixture: REMOTE,
        profile: "from = \"generic\"\n",
        change: |records| {
            records.take(2, "gAAAAA");
        },
        rule: "compaction-summary-missing",
        follows: &[],
        exchange: 2,
        pointer: INPUT,
    },
    Case {
        name: "another summary",
        fixture: LOCAL,
        profile: "",
        change: |records| {
            let at = records.at(3, "SUMMARY: pruned.");
            let text = records.input(3)[at]
                .to_string()
                .replace("SUMMARY: pruned.", "Nothing.");
            records.input(3)[at] = serde_json::from_str(&text).unwrap();
        },
        rule: "compaction-summary-altered",
        follows: &[],
        exchange: 3,
        pointer: "/request/body/input/4",
    },
    Case {
        name: "text behind the summary",
        fixture: LOCAL,
        profile: "",
        change: |records| {
            let at = records.at(3, "SUMMARY: pruned.");
            let text = records.input(3)[at].to_string();
            let text = text.replace("SUMMARY: pruned.", "SUMMARY: pruned.\\n\\nMore.");
            records.input(3)[at] = serde_json::from_str(&text).unwrap();
        },
        rule: "compaction-summary-altered",
        follows: &[],
        exchange: 3,
        pointer: "/request/body/input/4",
    },
    Case {
        name: "another compaction item",
        fixture: REMOTE,
        profile: "",
        change: |records| {
            let at = records.at(2, "gAAAAA");
            records.input(2)[at]["encrypted_content"] = json!("gAAAAAother");
        },
        rule: "compaction-summary-altered",
        follows: &[],
        exchange: 2,
        pointer: "/request/body/input/4",
    },
    Case {
        name: "the summary before what it sums up",
        fixture: LOCAL,
        profile: "",
        change: |records| move_before(records, 3, "SUMMARY: pruned.", "Long job."),
        rule: "compaction-summary-misplaced",
        follows: &[],
        exchange: 3,
        pointer: "/request/body/input/3",
    },
    Case {
        name: "a user message is gone",
        fixture: LOCAL,
        profile: "",
        change: |records| {
            records.take(3, "Long job.");
        },
        rule: "compaction-user-message-lost",
        follows: &[],
        exchange: 3,
        pointer: INPUT,
    },
    Case {
        name: "a user message is gone beside a compaction item",
        fixture: REMOTE,
        profile: "",
        change: |records| {
            records.take(2, "First thing.");
        },
        rule: "compaction-user-message-lost",
        follows: &[],
        exchange: 2,
        pointer: INPUT,
    },
    Case {
        name: "a user message has other words",
        fixture: LOCAL,
        profile: "",
        change: |records| {
            let at = records.at(3, "Long job.");
            records.input(3)[at]["content"][0]["text"] = json!("Short job.");
        },
        rule: "compaction-user-message-altered",
        follows: &[],
        exchange: 3,
        pointer: "/request/body/input/3",
    },
    Case {
        name: "user messages in another order",
        fixture: LOCAL,
        profile: "",
        change: |records| {
            records.say_more();
            let (one, two) = (records.at(3, "Long job."), records.at(3, "And then?"));
            records.input(3).swap(one, two);
        },
        rule: "compaction-user-message-moved",
        follows: &[],
        exchange: 3,
        pointer: "/request/body/input/1",
    },
    Case {
        name: "no room for an old user message",
        fixture: LOCAL,
        profile: "from = \"codex@0.169.0\"\n[compaction]\nuser_message_tokens = 2\n",
        change: Records::say_more,
        rule: "compaction-budget-exceeded",
        follows: &[],
        exchange: 3,
        pointer: "/request/body/input/1",
    },
    Case {
        name: "calls and outputs are still there",
        fixture: LOCAL,
        profile: "",
        change: |records| {
            let old: Vec<Value> = records.input(0)[4..6].to_vec();
            for item in old {
                records.put(3, "SUMMARY: pruned.", item);
            }
        },
        rule: "compaction-item-survived",
        follows: &[],
        exchange: 3,
        pointer: "/request/body/input/4",
    },
    Case {
        name: "an answer is still there",
        fixture: REMOTE,
        profile: "",
        change: |records| {
            let answer = records.copy(1, "First answer.");
            records.put(2, "gAAAAA", answer);
        },
        rule: "compaction-item-survived",
        follows: &[],
        exchange: 2,
        pointer: "/request/body/input/4",
    },
    Case {
        name: "the prompt is still there",
        fixture: LOCAL,
        profile: "",
        change: |records| {
            let prompt = records.input(2).last().unwrap().clone();
            records.put(3, "Go on.", prompt);
        },
        rule: "compaction-item-survived",
        follows: &[],
        exchange: 3,
        pointer: "/request/body/input/5",
    },
    Case {
        name: "a user message is still there",
        fixture: PYCODEX_BEFORE_TURN,
        profile: "",
        change: |records| {
            let old = records.copy(0, "First thing.");
            records.put(2, "SUMMARY", old);
        },
        rule: "compaction-item-survived",
        follows: &[],
        exchange: 2,
        pointer: "/request/body/input/2",
    },
    Case {
        name: "no environment context",
        fixture: LOCAL,
        profile: "",
        change: |records| {
            records.take(3, "environment_context");
        },
        rule: "compaction-context-missing",
        follows: &[],
        exchange: 3,
        pointer: INPUT,
    },
    Case {
        name: "context behind the summary",
        fixture: LOCAL,
        profile: "",
        change: |records| {
            move_before(records, 3, "skills_instructions", "Go on.");
            move_before(records, 3, "environment_context", "Go on.");
        },
        rule: "compaction-context-misplaced",
        follows: &[],
        exchange: 3,
        pointer: "/request/body/input/3",
    },
    Case {
        name: "context before the summary",
        fixture: ENDPOINT,
        profile: "",
        change: |records| {
            move_before(records, 2, "permissions instructions", "First thing.");
            move_before(records, 2, "environment_context", "First thing.");
        },
        rule: "compaction-context-misplaced",
        follows: &[],
        exchange: 2,
        pointer: "/request/body/input/0",
    },
    Case {
        name: "context behind the summary in a turn",
        fixture: IN_TURN,
        profile: "",
        change: |records| {
            let context: Vec<Value> = records.input(2).drain(..2).collect();
            records.input(2).extend(context);
        },
        rule: "compaction-context-misplaced",
        follows: &[],
        exchange: 2,
        pointer: "/request/body/input/2",
    },
    Case {
        name: "the old window",
        fixture: LOCAL,
        profile: "",
        change: |records| records.set_window(3, 1, 0),
        rule: "compaction-window",
        follows: &[],
        exchange: 3,
        pointer: "/request/headers/x-codex-window-id",
    },
    Case {
        name: "a window is left out",
        fixture: IN_TURN,
        profile: "",
        change: |records| records.set_window(2, 1, 2),
        rule: "compaction-window",
        follows: &[],
        exchange: 2,
        pointer: "/request/headers/x-codex-window-id",
    },
    Case {
        name: "the id of the old window",
        fixture: REMOTE,
        profile: "",
        change: |records| {
            let (old, new) = (
                records.metadata(1, "context_window_id"),
                records.metadata(2, "context_window_id"),
            );
            records.replace(2, &new, &old);
        },
        rule: "compaction-window",
        follows: &[],
        exchange: 2,
        pointer: "/request/body/client_metadata/x-codex-turn-metadata/context_window_id",
    },
    Case {
        name: "the compaction is in the new window",
        fixture: REMOTE,
        profile: "",
        change: |records| {
            records.set_window(1, 0, 1);
            records.set_window(2, 1, 2);
        },
        rule: "compaction-window",
        follows: &[],
        exchange: 1,
        pointer: "/request/headers/x-codex-window-id",
    },
    Case {
        name: "what was too long is sent again",
        fixture: LOCAL,
        profile: "",
        change: |records| {
            let long = records.input(1).clone();
            *records.input(2) = long;
        },
        rule: "compaction-overflow-retry",
        follows: &[],
        exchange: 2,
        pointer: "/request/body/input/1",
    },
    Case {
        name: "the first item is left out, and not the oldest output",
        fixture: PYCODEX,
        profile: "",
        change: |records| {
            let mut long = records.input(1).clone();
            long.remove(0);
            *records.input(2) = long;
        },
        rule: "compaction-overflow-retry",
        follows: &[],
        exchange: 2,
        pointer: "/request/body/input/0",
    },
    Case {
        name: "what was too long is given up",
        fixture: LOCAL,
        profile: "",
        change: |records| {
            let new = records.copy(3, "Go on.");
            let mut history = records.input(0).clone();
            history.push(new);
            *records.input(3) = history;
            records.begin_turn(3);
            records.set_window(3, 1, 0);
            records.0.remove(2);
        },
        rule: "compaction-overflow-given-up",
        follows: &[],
        exchange: 1,
        pointer: "",
    },
    Case {
        name: "the turn goes on with one of two compaction items",
        fixture: REMOTE,
        profile: "",
        change: |records| {
            let events = records.events(1);
            let done = events
                .iter()
                .position(|one| one["event"] == "response.output_item.done");
            let mut second = events[done.unwrap()].clone();
            second["data"]["output_index"] = json!(1);
            second["data"]["item"]["id"] = json!("cmp_second");
            events.insert(done.unwrap() + 1, second);
        },
        rule: "compaction-failure-ignored",
        follows: &[
            "compaction-window",
            "stream-output-differs",
            "stream-index",
            "stream-item-unfinished",
            "stream-event-order",
        ],
        exchange: 2,
        pointer: "",
    },
    Case {
        name: "the turn goes on though the compaction was refused",
        fixture: REMOTE,
        profile: "",
        change: |records| {
            let error = json!({"error": {"message": "No.", "type": "invalid_request_error", "code": "bad_request"}});
            let response = &mut records.0[1]["response"];
            response["status"] = json!(400);
            response["body"] = error;
            response.as_object_mut().unwrap().remove("events");
            records.input(2).retain(|item| item["type"] != "compaction");
        },
        rule: "compaction-failure-ignored",
        follows: &[
            "compaction-window",
            "delivered-item-missing",
            "item-id-changed",
            "prompt-cache-broken",
        ],
        exchange: 2,
        pointer: "",
    },
];
