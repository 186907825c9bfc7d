//! The examples of the guide: each is a script, fits the schema, and plays.

use std::sync::Arc;

use trace_diff::http::HeaderList;
use trace_diff::json::Value;
use trace_diff::script::{
    Kind, Player, PlayerOptions, RequestView, Script, Step, StepId, Subagent,
};

use crate::samples::package;
use crate::schema;

/// The TOML blocks of the guide.
fn examples() -> Vec<String> {
    let guide = std::fs::read_to_string(package().join("docs/script.md")).unwrap();
    let blocks = guide.split("```toml\n").skip(1);
    blocks
        .map(|block| block.split("```").next().unwrap().to_owned())
        .collect()
}

#[test]
fn the_examples_of_the_guide_fit_the_schema() {
    let schema = schema::load("script");
    let examples = examples();
    assert!(examples.len() > 5);
    for text in examples {
        let value: toml::Value = toml::from_str(&text).unwrap();
        let value = serde_json::to_value(value).unwrap();
        assert_eq!(
            schema::violations(&schema, &value),
            Vec::<String>::new(),
            "{text}"
        );
    }
}

/// A request that a step is for.
fn request(step: &Step) -> (String, HeaderList, String) {
    let when = &step.when;
    let mut items = Vec::new();
    let texts = when.text.contains.iter().chain(&when.last_text.contains);
    for text in texts {
        items.push(serde_json::json!({ "role": "user", "content": text }));
    }
    if let Some(call_id) = &when.output_of {
        let mut output = when.output.contains.join(" ");
        if !step.extract.is_empty() {
            output.push_str("Process running with session ID 4711");
        }
        items.push(serde_json::json!({
            "type": "function_call_output", "call_id": call_id, "output": output,
        }));
    }
    if let Some(members) = &step.expect.last_item {
        items.push(members.clone().into());
    }
    if when.kind == Some(Kind::Compaction) {
        items.push(serde_json::json!({ "type": "compaction_trigger" }));
    }
    let mut headers = HeaderList::new();
    if let Some(thread) = &when.thread {
        headers.push("thread-id", format!("id of {thread}"));
    }
    if let Some(Subagent::Named(name)) = &when.subagent {
        headers.push("x-openai-subagent", name);
    }
    let endpoint = when.endpoint.as_deref().unwrap_or("/responses");
    let body = serde_json::json!({ "model": "m", "stream": true, "input": items });
    (format!("/v1{endpoint}"), headers, body.to_string())
}

#[test]
fn the_examples_of_the_guide_are_played() {
    for text in examples() {
        let script = Script::parse("guide", &text).unwrap_or_else(|error| panic!("{error}"));
        let mut player = Player::new(Arc::new(script.clone()), PlayerOptions::default());
        let steps = script.steps.iter().enumerate();
        let wanted = steps.map(|(index, step)| (StepId::Step(index), step));
        let defaults = script.defaults.iter().enumerate();
        let wanted = wanted.chain(defaults.map(|(index, step)| (StepId::Default(index), step)));
        for (id, step) in wanted {
            let (target, headers, body) = request(step);
            let body = Value::parse(body).unwrap();
            let times = match step.repeat {
                trace_diff::script::Repeat::Times(times) => times,
                trace_diff::script::Repeat::Any => 1,
            };
            for _ in 0..times {
                let view = RequestView {
                    number: 0,
                    method: step.when.method.as_deref().unwrap_or("POST"),
                    target: &target,
                    headers: &headers,
                    body: Some(&body),
                    now: 0,
                };
                let decision = player.answer(&view);
                assert_eq!(decision.violation, None, "{text}");
                assert_eq!(decision.answer.step, id, "{text}");
            }
        }
        assert_eq!(player.finish(), [], "{text}");
    }
}

/// Words in the first column of the guide's tables.
fn documented() -> String {
    std::fs::read_to_string(package().join("docs/script.md")).unwrap()
}

/// The strings of the lists of keys in the sources that read scripts.
fn keys_in_sources() -> Vec<String> {
    let mut keys = Vec::new();
    for file in [
        "script", "steps", "matchers", "replies", "beats", "faults", "places",
    ] {
        let path = package().join(format!("src/script/parse/{file}.rs"));
        let text = std::fs::read_to_string(path).unwrap();
        for list in text.split("const ").skip(1) {
            let list = list.split("];").next().unwrap();
            if list.contains(": &[") {
                keys.extend(list.split('"').skip(1).step_by(2).map(str::to_owned));
            }
        }
    }
    keys
}

#[test]
fn every_key_of_a_script_is_in_the_guide_and_in_the_schema() {
    let guide = documented();
    let schema = schema::load("script").to_string();
    let keys = keys_in_sources();
    assert!(keys.len() > 90, "{keys:?}");
    for key in keys {
        assert!(
            schema.contains(&format!("\"{key}\"")),
            "the schema lacks {key}"
        );
        let is_in_guide = guide.contains(&format!("`{key}`"))
            || guide.contains(&format!("{key} ="))
            || guide.contains(&format!("{key},"))
            || guide.contains(&format!("\"{key}\""))
            || guide.contains(&format!("{key} }}"))
            || guide.contains(&format!("[[{key}]]"));
        assert!(is_in_guide, "docs/script.md lacks {key}");
    }
}
