//! Scripts of the servers that recorded `raw-exchange/1` captures: a JSON object with `steps`.

use serde_json::{Map, Value, json};
use thiserror::Error;

use super::shared::{event, script_text};
use crate::script::{Script, ScriptError};

/// A raw-exchange script that can't be converted.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ConvertError {
    /// The text is no JSON.
    #[error("the script is no JSON")]
    Json(#[from] serde_json::Error),
    /// It has another shape.
    #[error("step {step}: {what}")]
    Step {
        /// The step, counted from 1; 0 for the script itself.
        step: usize,
        /// What is not as it should be.
        what: String,
    },
    /// What came out is no script.
    #[error("the converted script is not valid")]
    Script(#[from] ScriptError),
}

/// Converts a raw-exchange script into the text of a script, in its JSON form.
///
/// Playing it gives what that server gave: steps in order, steps with conditions only for requests that meet them, a plain
/// "OK" when nothing is left, 404 for other paths, and without `websocket` a refused upgrade.
///
/// # Errors
///
/// Text that is no JSON, members of another type, unknown members of a step.
pub fn convert_raw_exchange_script(text: &str) -> Result<String, ConvertError> {
    let source: Value = serde_json::from_str(text)?;
    let list = source.get("steps").and_then(Value::as_array);
    let list = list.ok_or_else(|| ConvertError::Step {
        step: 0,
        what: "the script has no `steps`".to_owned(),
    })?;
    let mut steps = Vec::new();
    let mut names: Vec<String> = Vec::new();
    for (index, step) in list.iter().enumerate() {
        let convert = Conversion { step: index + 1 };
        let members = step
            .as_object()
            .ok_or_else(|| convert.error("is no object"))?;
        let extracted = members.get("extract").and_then(Value::as_object);
        names.extend(
            extracted
                .into_iter()
                .flat_map(|names| names.keys().cloned()),
        );
        let uses_names = names
            .iter()
            .any(|name| step.to_string().contains(&format!("{{{{{name}}}}}")));
        steps.push(convert.step(members, uses_names)?);
        // A step that is used again and again and has no condition lets no request through to later ones.
        if members.get("sticky") == Some(&Value::Bool(true)) && !members.contains_key("when") {
            break;
        }
    }
    let mut top = Map::new();
    top.insert("flush".to_owned(), true.into());
    if source.get("websocket") != Some(&Value::Bool(true)) {
        top.insert("websocket".to_owned(), false.into());
    }
    let text = script_text(top, steps, defaults());
    Script::parse("", &text)?;
    Ok(text)
}

/// What that server does without a step.
fn defaults() -> Vec<Value> {
    let usage = |input: u64, output: u64| {
        json!({
            "input_tokens": input,
            "input_tokens_details": null,
            "output_tokens": output,
            "output_tokens_details": null,
            "total_tokens": input + output,
        })
    };
    let warm_up = "resp_warmup_{{step.count}}";
    let ok = "resp_default_00{{step.count}}";
    vec![
        json!({
            "when": { "kind": "prewarm" },
            "events": [
                { "type": "response.created", "response": { "id": warm_up } },
                { "type": "response.completed", "response": { "id": warm_up, "usage": usage(0, 0) } },
            ],
        }),
        json!({
            "when": { "endpoint": "/responses" },
            "events": [
                { "type": "response.created", "response": { "id": ok } },
                { "type": "response.output_item.done", "item": {
                    "type": "message",
                    "role": "assistant",
                    "id": "msg_default_00{{step.count}}",
                    "content": [{ "type": "output_text", "text": "OK" }],
                } },
                { "type": "response.completed", "response": { "id": ok, "usage": usage(100, 5) } },
            ],
        }),
        json!({
            "when": { "endpoint": "/models" },
            "status": 404,
            "body": { "error": {
                "message": "Not found",
                "type": "invalid_request_error",
                "param": null,
                "code": null,
            } },
        }),
    ]
}

/// One step being converted; its number is for messages.
struct Conversion {
    step: usize,
}

impl Conversion {
    fn error(&self, what: impl Into<String>) -> ConvertError {
        ConvertError::Step {
            step: self.step,
            what: what.into(),
        }
    }

    fn step(&self, source: &Map<String, Value>, uses_names: bool) -> Result<Value, ConvertError> {
        const KNOWN: &[&str] = &[
            "when",
            "extract",
            "events",
            "end",
            "stall_max_s",
            "chunking",
            "raw",
            "status",
            "body",
            "headers",
            "connection",
            "sticky",
            "name",
            "comment",
        ];
        if let Some(key) = source.keys().find(|key| !KNOWN.contains(&key.as_str())) {
            return Err(self.error(format!("unknown member `{key}`")));
        }
        let mut step = Map::new();
        // Steps that no request met are no mistake there.
        step.insert("optional".to_owned(), true.into());
        if let Some(when) = source.get("when") {
            step.insert("when".to_owned(), self.when(when)?);
        }
        if let Some(extract) = source.get("extract") {
            step.insert("extract".to_owned(), extract.clone());
        }
        step.insert("templates".to_owned(), uses_names.into());
        if source.get("sticky") == Some(&Value::Bool(true)) {
            step.insert("repeat".to_owned(), "any".into());
        }
        let mut faults = Vec::new();
        if source.contains_key("status") {
            self.plain_answer(source, &mut step);
        } else if let Some(raw) = source.get("raw") {
            step.insert("raw".to_owned(), raw.clone());
        } else {
            let events = self.events(source.get("events"))?;
            step.insert("events".to_owned(), events.into());
        }
        if let Some(headers) = source
            .get("headers")
            .filter(|_| !source.contains_key("status"))
        {
            step.insert("headers".to_owned(), headers.clone());
        }
        self.faults(source, &mut faults)?;
        if !faults.is_empty() {
            step.insert("fault".to_owned(), faults.into());
        }
        Ok(Value::Object(step))
    }

    fn when(&self, source: &Value) -> Result<Value, ConvertError> {
        let conditions = source
            .as_object()
            .ok_or_else(|| self.error("`when` is no object"))?;
        let mut when = Map::new();
        let mut body = Map::new();
        for (key, value) in conditions {
            match key.as_str() {
                "body_contains" => drop(body.insert("contains".to_owned(), value.clone())),
                "body_lacks" => drop(body.insert("lacks".to_owned(), value.clone())),
                "path_suffix" => drop(when.insert("endpoint".to_owned(), value.clone())),
                "last_user_contains" => {
                    when.insert("last_user".to_owned(), value.clone());
                }
                "last_item_contains" => {
                    let last = json!({ "/input/-1": { "contains": value } });
                    when.insert("pointer".to_owned(), last);
                }
                "header" => drop(when.insert("header".to_owned(), self.header(value)?)),
                other => return Err(self.error(format!("unknown condition `{other}`"))),
            }
        }
        if !body.is_empty() {
            when.insert("body".to_owned(), body.into());
        }
        Ok(Value::Object(when))
    }

    /// A header that must be there, or contain a text: a name, a pair, or an object of such.
    fn header(&self, source: &Value) -> Result<Value, ConvertError> {
        let contains = |value: &Value| match value {
            Value::String(text) => json!({ "contains": text }),
            _ => Value::Bool(true),
        };
        let mut headers = Map::new();
        match source {
            Value::String(name) => {
                headers.insert(name.clone(), true.into());
            }
            Value::Array(pair) => match &pair[..] {
                [Value::String(name), value] => {
                    headers.insert(name.clone(), contains(value));
                }
                _ => return Err(self.error("`header` is no pair of name and value")),
            },
            Value::Object(members) => {
                headers.extend(
                    members
                        .iter()
                        .map(|(name, value)| (name.clone(), contains(value))),
                );
            }
            _ => return Err(self.error("`header` is no name")),
        }
        Ok(Value::Object(headers))
    }

    fn plain_answer(&self, source: &Map<String, Value>, step: &mut Map<String, Value>) {
        for key in ["status", "body"] {
            if let Some(value) = source.get(key) {
                step.insert(key.to_owned(), value.clone());
            }
        }
        let mut headers = source
            .get("headers")
            .and_then(Value::as_array)
            .cloned()
            .unwrap_or_default();
        // That server calls all text plain that is no JSON.
        let is_json = |text: &String| serde_json::from_str::<Value>(text).is_ok();
        if let Some(Value::String(text)) = source.get("body")
            && !is_json(text)
        {
            headers.push(json!(["content-type", "text/plain; charset=utf-8"]));
        }
        if !headers.is_empty() {
            step.insert("headers".to_owned(), headers.into());
        }
    }

    fn events(&self, source: Option<&Value>) -> Result<Vec<Value>, ConvertError> {
        let Some(source) = source else {
            return Ok(Vec::new());
        };
        let list = source
            .as_array()
            .ok_or_else(|| self.error("`events` is no list"))?;
        list.iter().map(|entry| self.event(entry)).collect()
    }

    fn event(&self, entry: &Value) -> Result<Value, ConvertError> {
        if let Some(kind) = entry.get("type").and_then(Value::as_str) {
            return Ok(event(Some(kind), &entry.to_string()));
        }
        if let Some(pause) = entry.get("sleep_ms").and_then(Value::as_f64) {
            return Ok(json!({ "wait": format!("{pause}ms") }));
        }
        if let Some(partial) = entry.get("partial") {
            return Ok(json!({ "raw": partial }));
        }
        match (entry.get("event"), entry.get("data")) {
            (name, Some(data)) => {
                let name = name.and_then(Value::as_str).filter(|name| !name.is_empty());
                let data = match data {
                    Value::String(text) => text.clone(),
                    other => other.to_string(),
                };
                Ok(event(name, &data))
            }
            _ => Err(self.error(format!("unknown entry of `events`: {entry}"))),
        }
    }

    fn faults(
        &self,
        source: &Map<String, Value>,
        faults: &mut Vec<Value>,
    ) -> Result<(), ConvertError> {
        match source.get("connection").and_then(Value::as_str) {
            Some("close_before_headers") => faults.push(json!({ "cut": "before_head" })),
            Some("reset_before_headers") => faults.push(json!({ "reset": "before_head" })),
            Some(other) => return Err(self.error(format!("unknown `connection`: {other}"))),
            None => {}
        }
        match source.get("end").and_then(Value::as_str) {
            Some("complete") | None => {}
            Some("close") => faults.push(json!({ "cut": "end" })),
            Some("reset") => faults.push(json!({ "reset": "end" })),
            Some("stall") => {
                let mut stall = json!({ "at": "end" });
                if let Some(seconds) = source.get("stall_max_s").and_then(Value::as_f64) {
                    stall["for"] = format!("{seconds}s").into();
                }
                faults.push(json!({ "stall": stall }));
            }
            Some(other) => return Err(self.error(format!("unknown `end`: {other}"))),
        }
        if let Some(chunking) = source.get("chunking") {
            let mut chunks = json!({ "sizes": chunking.get("sizes") });
            if let Some(gap) = chunking.get("gap_ms").and_then(Value::as_f64) {
                chunks["every"] = format!("{gap}ms").into();
            }
            faults.push(json!({ "chunks": chunks }));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_of_step_has_its_counterpart() {
        let source = r#"{"steps":[
            {"when":{"body_contains":"A","body_lacks":"B","last_item_contains":"trigger"},
             "extract":{"sid":"ID (\\d+)"},
             "events":[{"type":"a","x":1.50},{"sleep_ms":20},{"event":"k","data":{"type":"j"}},{"partial":"data: {"}],
             "end":"stall","stall_max_s":20},
            {"events":[{"type":"b","y":"{{sid}}"}],"end":"close","chunking":{"sizes":[1,2],"gap_ms":0}},
            {"raw":[": c\n\n"]},
            {"connection":"reset_before_headers"},
            {"status":503,"headers":[["retry-after","2"]],"body":"<html>","sticky":true}
        ]}"#;
        let text = convert_raw_exchange_script(source).unwrap();
        let script: Value = serde_json::from_str(&text).unwrap();
        let steps = &script["step"];
        assert_eq!(
            steps[0]["when"],
            json!({"pointer":{"/input/-1":{"contains":"trigger"}},"body":{"contains":"A","lacks":"B"}})
        );
        assert_eq!(
            steps[0]["events"],
            json!([{"type":"a","x":1.5},{"wait":"20ms"},{"event":"k","data":{"type":"j"}},{"raw":"data: {"}])
        );
        assert_eq!(
            steps[0]["fault"],
            json!([{"stall":{"at":"end","for":"20s"}}])
        );
        assert_eq!(steps[1]["templates"], json!(true));
        assert_eq!(
            steps[1]["fault"],
            json!([{"cut":"end"},{"chunks":{"sizes":[1,2],"every":"0ms"}}])
        );
        assert_eq!(steps[3]["fault"], json!([{"reset":"before_head"}]));
        assert_eq!(steps[4]["repeat"], "any");
        assert_eq!(
            steps[4]["headers"],
            json!([
                ["retry-after", "2"],
                ["content-type", "text/plain; charset=utf-8"]
            ])
        );
        assert_eq!(script["websocket"], false);
    }

    #[test]
    fn what_is_not_known_is_named() {
        let check = |source: &str, expect: &str| {
            assert_eq!(
                convert_raw_exchange_script(source).unwrap_err().to_string(),
                expect
            );
        };
        check("{}", "step 0: the script has no `steps`");
        check(
            r#"{"steps":[{"dance":1}]}"#,
            "step 1: unknown member `dance`",
        );
        check(
            r#"{"steps":[{},{"end":"odd"}]}"#,
            "step 2: unknown `end`: odd",
        );
    }
}
