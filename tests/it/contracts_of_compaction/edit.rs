//! Changes of recorded compactions.

use serde_json::{Value, json};

/// The records of a capture, one for each exchange.
#[derive(Clone)]
pub(super) struct Records(pub(super) Vec<Value>);

impl Records {
    pub(super) fn input(&mut self, exchange: usize) -> &mut Vec<Value> {
        self.body(exchange)["input"].as_array_mut().unwrap()
    }

    pub(super) fn body(&mut self, exchange: usize) -> &mut Value {
        &mut self.0[exchange]["request"]["body"]
    }

    /// Position of the item whose JSON contains this.
    pub(super) fn at(&mut self, exchange: usize, text: &str) -> usize {
        let mut items = self.input(exchange).iter();
        items
            .position(|item| item.to_string().contains(text))
            .unwrap_or_else(|| panic!("no item with {text} in #{exchange}"))
    }

    pub(super) fn take(&mut self, exchange: usize, text: &str) -> Value {
        let at = self.at(exchange, text);
        self.input(exchange).remove(at)
    }

    pub(super) fn copy(&mut self, exchange: usize, text: &str) -> Value {
        let at = self.at(exchange, text);
        self.input(exchange)[at].clone()
    }

    pub(super) fn put(&mut self, exchange: usize, before: &str, item: Value) {
        let at = self.at(exchange, before);
        self.input(exchange).insert(at, item);
    }

    /// Replaces a text wherever it stands in a request: headers, body, JSON in strings.
    pub(super) fn replace(&mut self, exchange: usize, from: &str, to: &str) {
        let text = self.0[exchange]["request"].to_string().replace(from, to);
        self.0[exchange]["request"] = serde_json::from_str(&text).unwrap();
    }

    /// Puts a request into another context window.
    pub(super) fn set_window(&mut self, exchange: usize, from: u32, to: u32) {
        self.replace(exchange, &format!(":{from}\""), &format!(":{to}\""));
        self.replace(exchange, &format!(":{from}\\\""), &format!(":{to}\\\""));
        let number = |number| format!("window_number\\\":{number},");
        self.replace(exchange, &number(from), &number(to));
    }

    /// A value of the turn metadata, as a text.
    pub(super) fn metadata(&mut self, exchange: usize, key: &str) -> String {
        let headers = self.0[exchange]["request"]["headers"].as_array().unwrap();
        let header = headers
            .iter()
            .find(|one| one[0] == "x-codex-turn-metadata")
            .unwrap();
        let metadata: Value = serde_json::from_str(header[1].as_str().unwrap()).unwrap();
        metadata[key].as_str().unwrap().to_owned()
    }

    /// Gives a request another turn id.
    pub(super) fn begin_turn(&mut self, exchange: usize) {
        let old = self.metadata(exchange, "turn_id");
        let new = format!("{}0000", &old[..old.len() - 4]);
        self.replace(exchange, &old, &new);
    }

    pub(super) fn events(&mut self, exchange: usize) -> &mut Vec<Value> {
        self.0[exchange]["response"]["events"]
            .as_array_mut()
            .unwrap()
    }

    /// Sets the tokens that a response reports.
    pub(super) fn report(&mut self, exchange: usize, tokens: u64) {
        let last = self.events(exchange).last_mut().unwrap();
        last["data"]["response"]["usage"]["total_tokens"] = json!(tokens);
    }

    /// Puts in an exchange like another one, with ids of its own.
    pub(super) fn insert_like(&mut self, at: usize, model: usize) {
        let mut record = self.0[model].clone();
        let response = record["response"].to_string();
        let response = response
            .replace("resp_", "resp_again_")
            .replace("msg_", "msg_again_");
        record["response"] = serde_json::from_str(&response).unwrap();
        record["started_ms"] = json!(null);
        self.0.insert(at, record);
        // Their order alone counts.
        for (number, record) in self.0.iter_mut().enumerate() {
            record["seq"] = json!(number + 1);
            record["started_ms"] = json!(100.0 * number as f64);
        }
    }

    /// Lets the user say a second thing before the compaction of the local fixture, and the compaction keep it.
    pub(super) fn say_more(&mut self) {
        for exchange in 0..3 {
            let end = self.input(exchange).len() - usize::from(exchange > 0);
            self.input(exchange).insert(end, said("And then?"));
        }
        let first = self.take(3, "Long job.");
        self.put(3, "skills_instructions", first);
        self.put(3, "Another language model", said("And then?"));
    }
}

/// A message of the user.
pub(super) fn said(text: &str) -> Value {
    json!({"type": "message", "id": format!("msg_{}", text.len()), "role": "user", "content": [{"type": "input_text", "text": text}]})
}
