//! One way to break each rule in a capture that keeps them all.
// Long because: each rule has a function that breaks it.

use serde_json::{Value, json};

use crate::mutations::Trace;

/// A way to break a rule.
pub(super) struct Kind {
    pub(super) rule: &'static str,
    /// Rules that are broken with it.
    pub(super) follows: &'static [&'static str],
    /// Breaks the rule in the pair of requests and all later ones; says where that shows.
    pub(super) apply: fn(&mut Trace, Pair) -> Option<Place>,
}

/// Two requests, of which the second continues the first.
#[derive(Clone, Copy)]
pub(super) struct Pair {
    before: usize,
    pub(super) unit: usize,
}

/// Where a violation has to point.
pub(super) struct Place {
    pub(super) unit: usize,
    pub(super) pointer: String,
}

pub(super) const KINDS: &[Kind] = &[
    Kind {
        rule: "call-without-output",
        follows: &[],
        apply: call_without_output,
    },
    Kind {
        rule: "output-without-call",
        follows: &["delivered-item-missing", "parallel-call-lost"],
        apply: output_without_call,
    },
    Kind {
        rule: "output-doubled",
        follows: &[],
        apply: output_doubled,
    },
    Kind {
        rule: "output-type-wrong",
        follows: &[],
        apply: output_type_wrong,
    },
    Kind {
        rule: "output-before-call",
        follows: &[],
        apply: output_before_call,
    },
    Kind {
        rule: "outputs-out-of-order",
        follows: &[],
        apply: outputs_out_of_order,
    },
    Kind {
        rule: "call-executed-twice",
        follows: &["outputs-out-of-order"],
        apply: call_executed_twice,
    },
    Kind {
        rule: "arguments-changed",
        follows: &[],
        apply: arguments_changed,
    },
    Kind {
        rule: "delivered-item-missing",
        follows: &[],
        apply: delivered_item_missing,
    },
    Kind {
        rule: "parallel-call-lost",
        follows: &[],
        apply: parallel_call_lost,
    },
    Kind {
        rule: "item-invented",
        follows: &["item-id-missing"],
        apply: item_invented,
    },
    Kind {
        rule: "item-altered",
        follows: &[],
        apply: item_altered,
    },
    Kind {
        rule: "output-altered",
        follows: &["prompt-cache-broken"],
        apply: output_altered,
    },
    Kind {
        rule: "history-rewritten",
        follows: &["prompt-cache-broken"],
        apply: user_message_lost,
    },
    Kind {
        rule: "history-rewritten",
        follows: &["prompt-cache-broken", "item-id-missing"],
        apply: context_inserted,
    },
    Kind {
        rule: "reasoning-dropped",
        follows: &["prompt-cache-broken", "item-id-missing"],
        apply: reasoning_dropped,
    },
    Kind {
        rule: "item-id-changed",
        follows: &["prompt-cache-broken"],
        apply: item_id_changed,
    },
    Kind {
        rule: "prompt-cache-broken",
        follows: &[],
        apply: prompt_cache_broken,
    },
    Kind {
        rule: "instructions-changed",
        follows: &[],
        apply: instructions_changed,
    },
    Kind {
        rule: "tools-changed",
        follows: &[],
        apply: tools_changed,
    },
];

/// The pairs of requests of one thread whose inputs extend each other, the first of them answered in full.
pub(super) fn pairs(trace: &Trace) -> Vec<Pair> {
    let requests = trace.requests();
    let pair = |two: &[usize]| Pair {
        before: two[0],
        unit: two[1],
    };
    let extends = |pair: &Pair| {
        let (before, now) = (trace.input(pair.before), trace.input(pair.unit));
        let cache_key = |unit| &trace.body(unit)["prompt_cache_key"];
        let events = trace.units[pair.before].events.len();
        let mut kinds = (0..events).map(|event| trace.event_type(pair.before, event));
        let mut later = requests.iter().filter(|unit| **unit > pair.unit);
        let is_kept = |unit: &usize| {
            cache_key(*unit) != cache_key(pair.unit) || trace.input(*unit).starts_with(now)
        };
        trace.body(pair.before)["generate"] != false
            && now.len() > before.len()
            && later.all(is_kept)
            && now.starts_with(before)
            && cache_key(pair.before) == cache_key(pair.unit)
            && kinds.any(|kind| kind == "response.completed")
    };
    requests.windows(2).map(pair).filter(extends).collect()
}

fn is_output(item: &Value) -> bool {
    let kind = item["type"].as_str().unwrap_or_default();
    kind.ends_with("_call_output")
}

fn is_call(item: &Value) -> bool {
    matches!(
        item["type"].as_str(),
        Some("function_call" | "custom_tool_call")
    )
}

fn is_answer(item: &Value) -> bool {
    item["type"] == "message" && item["role"] == "assistant"
}

/// Position in the second request, behind what it continues, of an item.
fn new_item(trace: &Trace, pair: Pair, is_it: fn(&Value) -> bool) -> Option<usize> {
    let from = trace.input(pair.before).len();
    let new = trace.input(pair.unit).iter().skip(from);
    Some(from + new.clone().position(is_it)?)
}

/// Changes the bodies of the second request and of all later ones of its thread.
fn change_bodies(trace: &mut Trace, pair: Pair, edit: impl Fn(&mut Value)) {
    let cache_key = trace.body(pair.unit)["prompt_cache_key"].clone();
    let later = trace
        .requests()
        .into_iter()
        .filter(|unit| *unit >= pair.unit);
    for unit in later.collect::<Vec<_>>() {
        if trace.body(unit)["prompt_cache_key"] == cache_key {
            edit(trace.body_mut(unit));
        }
    }
}

/// Changes the second request and each later one that still begins with it.
fn change(trace: &mut Trace, pair: Pair, edit: impl Fn(&mut Vec<Value>)) {
    let items = trace.input(pair.unit).to_vec();
    let later = trace
        .requests()
        .into_iter()
        .filter(|unit| *unit >= pair.unit);
    for unit in later.collect::<Vec<_>>() {
        if let Some(input) = trace
            .input_mut(unit)
            .filter(|input| input.starts_with(&items))
        {
            edit(input);
        }
    }
}

fn at(pair: Pair, index: usize, below: &str) -> Place {
    Place {
        unit: pair.unit,
        pointer: format!("/request/body/input/{index}{below}"),
    }
}

fn call_of(trace: &Trace, pair: Pair, output: usize) -> Option<usize> {
    let input = trace.input(pair.unit);
    let id = &input[output]["call_id"];
    input
        .iter()
        .position(|item| is_call(item) && item["call_id"] == *id)
}

fn call_without_output(trace: &mut Trace, pair: Pair) -> Option<Place> {
    let output = new_item(trace, pair, is_output)?;
    let call = call_of(trace, pair, output)?;
    change(trace, pair, |input| {
        input.remove(output);
    });
    Some(at(pair, call, ""))
}

fn output_without_call(trace: &mut Trace, pair: Pair) -> Option<Place> {
    let output = new_item(trace, pair, is_output)?;
    let call = call_of(trace, pair, output)?;
    if call < trace.input(pair.before).len() {
        return None;
    }
    change(trace, pair, |input| {
        input.remove(call);
    });
    Some(at(pair, output - 1, ""))
}

fn output_doubled(trace: &mut Trace, pair: Pair) -> Option<Place> {
    let output = new_item(trace, pair, is_output)?;
    change(trace, pair, |input| {
        input.insert(output + 1, input[output].clone());
    });
    Some(at(pair, output + 1, ""))
}

fn output_type_wrong(trace: &mut Trace, pair: Pair) -> Option<Place> {
    let output = new_item(trace, pair, is_output)?;
    change(trace, pair, |input| {
        let other = match input[output]["type"] == "function_call_output" {
            true => "custom_tool_call_output",
            false => "function_call_output",
        };
        input[output]["type"] = json!(other);
    });
    Some(at(pair, output, "/type"))
}

fn output_before_call(trace: &mut Trace, pair: Pair) -> Option<Place> {
    let output = new_item(trace, pair, is_output)?;
    let call = call_of(trace, pair, output)?;
    change(trace, pair, |input| {
        let item = input.remove(output);
        input.insert(call, item);
    });
    Some(at(pair, call, ""))
}

fn outputs_out_of_order(trace: &mut Trace, pair: Pair) -> Option<Place> {
    let first = new_item(trace, pair, is_output)?;
    let input = trace.input(pair.unit);
    if !input.get(first + 1).is_some_and(is_output) {
        return None;
    }
    change(trace, pair, |input| input.swap(first, first + 1));
    Some(at(pair, first, ""))
}

fn call_executed_twice(trace: &mut Trace, pair: Pair) -> Option<Place> {
    let output = new_item(trace, pair, is_output)?;
    let call = call_of(trace, pair, output)?;
    change(trace, pair, |input| {
        let again = [input[call].clone(), input[output].clone()];
        input.splice(output + 1..output + 1, again);
    });
    Some(at(pair, output + 1, ""))
}

fn arguments_changed(trace: &mut Trace, pair: Pair) -> Option<Place> {
    let call = new_item(trace, pair, is_call)?;
    let key = match trace.input(pair.unit)[call]["type"] == "function_call" {
        true => "arguments",
        false => "input",
    };
    change(trace, pair, |input| {
        let text = input[call][key].as_str().unwrap_or_default();
        input[call][key] = json!(format!("{text} "));
    });
    Some(at(pair, call, &format!("/{key}")))
}

fn delivered_item_missing(trace: &mut Trace, pair: Pair) -> Option<Place> {
    let answer = new_item(trace, pair, is_answer)?;
    change(trace, pair, |input| {
        input.remove(answer);
    });
    Some(Place {
        unit: pair.unit,
        pointer: "/request/body/input".to_owned(),
    })
}

fn parallel_call_lost(trace: &mut Trace, pair: Pair) -> Option<Place> {
    let call = new_item(trace, pair, is_call)?;
    let input = trace.input(pair.unit);
    if !input.get(call + 1).is_some_and(is_call) {
        return None;
    }
    let id = input[call + 1]["call_id"].clone();
    change(trace, pair, |input| {
        input.retain(|item| item["call_id"] != id);
    });
    Some(Place {
        unit: pair.unit,
        pointer: "/request/body/input".to_owned(),
    })
}

fn item_invented(trace: &mut Trace, pair: Pair) -> Option<Place> {
    let from = new_item(trace, pair, |item| is_call(item) || is_answer(item))?;
    let content = json!([{"type": "output_text", "text": "Words that no model said."}]);
    let item = json!({"type": "message", "role": "assistant", "content": content});
    change(trace, pair, |input| input.insert(from, item.clone()));
    Some(at(pair, from, ""))
}

fn item_altered(trace: &mut Trace, pair: Pair) -> Option<Place> {
    let answer = new_item(trace, pair, is_answer)?;
    change(trace, pair, |input| {
        input[answer]["content"][0]["text"] = json!("Other words.");
    });
    Some(at(pair, answer, "/content/0/text"))
}

/// Changes an output in a request that had it before, and in all later ones.
fn output_altered(trace: &mut Trace, pair: Pair) -> Option<Place> {
    let output = trace.input(pair.before).iter().position(is_output)?;
    trace.input(pair.before)[output]["output"].as_str()?;
    change(trace, pair, |input| {
        input[output]["output"] = json!("Another result.");
    });
    Some(at(pair, output, "/output"))
}

/// Position of the last message of a user in the first request.
fn user_message(trace: &Trace, pair: Pair) -> Option<usize> {
    let is_of_user = |item: &Value| item["type"] == "message" && item["role"] == "user";
    trace.input(pair.before).iter().rposition(is_of_user)
}

/// Takes away a message of the user, of which the answer is still there.
fn user_message_lost(trace: &mut Trace, pair: Pair) -> Option<Place> {
    let message = user_message(trace, pair)?;
    change(trace, pair, |input| {
        input.remove(message);
    });
    Some(Place {
        unit: pair.unit,
        pointer: "/request/body/input".to_owned(),
    })
}

fn context_inserted(trace: &mut Trace, pair: Pair) -> Option<Place> {
    let before = user_message(trace, pair)?;
    let content = json!([{"type": "input_text", "text": "<note>It was Tuesday all along.</note>"}]);
    let mut item = json!({"type": "message", "role": "developer", "content": content});
    if trace.input(pair.unit)[before]["id"].is_string() {
        item["id"] = json!("msg_inserted");
    }
    change(trace, pair, |input| input.insert(before, item.clone()));
    Some(at(pair, before, ""))
}

/// Takes away a reasoning item that was sent before.
fn reasoning_dropped(trace: &mut Trace, pair: Pair) -> Option<Place> {
    let mut before = trace.input(pair.before).iter();
    let Some(reasoning) = before.position(|item| item["type"] == "reasoning") else {
        return reasoning_of_the_first_request(trace, pair);
    };
    change(trace, pair, |input| {
        input.remove(reasoning);
    });
    Some(Place {
        unit: pair.unit,
        pointer: "/request/body/input".to_owned(),
    })
}

/// Gives the first request of a capture a reasoning item, which the next one does not send.
fn reasoning_of_the_first_request(trace: &mut Trace, pair: Pair) -> Option<Place> {
    if trace.requests().first() != Some(&pair.before) {
        return None;
    }
    let item = json!({"type": "reasoning", "summary": [], "encrypted_content": "gAAA"});
    trace.input_mut(pair.before)?.push(item);
    Some(Place {
        unit: pair.unit,
        pointer: "/request/body/input".to_owned(),
    })
}

fn item_id_changed(trace: &mut Trace, pair: Pair) -> Option<Place> {
    let mut before = trace.input(pair.before).iter();
    let named = before.position(|item| item["id"].is_string())?;
    change(trace, pair, |input| input[named]["id"] = json!("msg_other"));
    Some(at(pair, named, "/id"))
}

/// Writes an item that was sent before with its members in another order: the same to the model, other bytes.
fn prompt_cache_broken(trace: &mut Trace, pair: Pair) -> Option<Place> {
    let message = user_message(trace, pair)?;
    change(trace, pair, |input| {
        let members = input[message].as_object().cloned().unwrap_or_default();
        input[message] = members
            .into_iter()
            .rev()
            .collect::<serde_json::Map<_, _>>()
            .into();
    });
    Some(at(pair, message, ""))
}

fn instructions_changed(trace: &mut Trace, pair: Pair) -> Option<Place> {
    trace.body(pair.before)["instructions"].as_str()?;
    change_bodies(trace, pair, |body| {
        body["instructions"] = json!("Do as you like.")
    });
    Some(Place {
        unit: pair.unit,
        pointer: "/request/body/instructions".to_owned(),
    })
}

fn tools_changed(trace: &mut Trace, pair: Pair) -> Option<Place> {
    trace.body(pair.before)["tools"].as_array()?.first()?;
    change_bodies(trace, pair, |body| {
        if let Some(tools) = body["tools"].as_array_mut() {
            tools.pop();
        }
    });
    Some(Place {
        unit: pair.unit,
        pointer: "/request/body/tools".to_owned(),
    })
}
