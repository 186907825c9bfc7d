//! One way to break each rule in a capture that keeps them all.

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
        follows: &[],
        apply: item_invented,
    },
    Kind {
        rule: "item-altered",
        follows: &[],
        apply: item_altered,
    },
    Kind {
        rule: "output-altered",
        follows: &[],
        apply: output_altered,
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
        now.len() > before.len()
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
