//! A capture as its raw records, addressed the way reports address it: exchange number and pointer.

use serde_json::Value;

use super::record;

/// A `raw-exchange/1` capture that can be mutated. Cloned for every case.
#[derive(Clone)]
pub(crate) struct Trace {
    pub(crate) name: String,
    pub(crate) records: Vec<Value>,
    /// Requests in the order in which reports number them. Not kept up to date by mutations that move whole exchanges
    /// or events, which therefore do so last.
    pub(crate) units: Vec<Unit>,
}

/// One request with its response: an HTTP exchange, a WebSocket handshake, or one request sent over a WebSocket.
#[derive(Clone)]
pub(crate) struct Unit {
    pub(crate) record: usize,
    pub(crate) carrier: Carrier,
    /// Positions of its events among the record's `events` or `frames`.
    pub(crate) events: Vec<usize>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Carrier {
    Http,
    Handshake,
    /// Sent as this frame.
    Frame(usize),
}

/// A scalar somewhere in a unit. JSON that travels in a string is entered.
pub(crate) struct Leaf {
    pub(crate) pointer: String,
    pub(crate) value: Value,
}

impl Trace {
    pub(crate) fn new(name: String, records: Vec<Value>) -> Self {
        let units = records.iter().enumerate().flat_map(units_of).collect();
        Self {
            name,
            records,
            units,
        }
    }

    /// The capture file, with lengths that agree with the bodies.
    pub(crate) fn into_bytes(mut self) -> Vec<u8> {
        self.records.iter_mut().for_each(record::settle);
        record::to_bytes(&self.records)
    }

    pub(crate) fn body(&self, unit: usize) -> &Value {
        let unit = &self.units[unit];
        let record = &self.records[unit.record];
        match unit.carrier {
            Carrier::Frame(frame) => &record["response"]["frames"][frame]["data"],
            _ => &record["request"]["body"],
        }
    }

    pub(crate) fn body_mut(&mut self, unit: usize) -> &mut Value {
        let unit = &self.units[unit];
        let record = &mut self.records[unit.record];
        match unit.carrier {
            Carrier::Frame(frame) => &mut record["response"]["frames"][frame]["data"],
            _ => &mut record["request"]["body"],
        }
    }

    /// `[name, value]` of each header; none for a request sent over a WebSocket.
    pub(crate) fn headers(&self, unit: usize) -> &[Value] {
        let unit = &self.units[unit];
        match unit.carrier {
            Carrier::Frame(_) => &[],
            _ => elements(&self.records[unit.record]["request"]["headers"]),
        }
    }

    pub(crate) fn headers_mut(&mut self, unit: usize) -> Option<&mut Vec<Value>> {
        let unit = &self.units[unit];
        match unit.carrier {
            Carrier::Frame(_) => None,
            _ => self.records[unit.record]["request"]["headers"].as_array_mut(),
        }
    }

    /// The record's list that holds the unit's events: `events`, or `frames` of a WebSocket connection.
    pub(crate) fn stream_mut(&mut self, unit: usize) -> Option<&mut Vec<Value>> {
        let unit = &self.units[unit];
        let key = match unit.carrier {
            Carrier::Http => "events",
            _ => "frames",
        };
        self.records[unit.record]["response"]
            .get_mut(key)?
            .as_array_mut()
    }

    pub(crate) fn event(&self, unit: usize, event: usize) -> &Value {
        let unit = &self.units[unit];
        let response = &self.records[unit.record]["response"];
        match unit.carrier {
            Carrier::Http => &response["events"][unit.events[event]],
            _ => &response["frames"][unit.events[event]],
        }
    }

    /// The type of an event.
    pub(crate) fn event_type(&self, unit: usize, event: usize) -> &str {
        self.event(unit, event)["data"]["type"]
            .as_str()
            .unwrap_or_default()
    }

    /// Position of the frame that sent a unit; `None` for HTTP.
    pub(crate) fn frame_of(&self, unit: usize) -> Option<usize> {
        match self.units[unit].carrier {
            Carrier::Frame(frame) => Some(frame),
            _ => None,
        }
    }

    /// The id of a unit's response.
    pub(crate) fn response_id(&self, unit: usize) -> Option<&str> {
        let mut events = 0..self.units[unit].events.len();
        events.find_map(|event| self.event(unit, event)["data"]["response"]["id"].as_str())
    }

    /// Units that ask the model for something: those whose body has an `input` list.
    pub(crate) fn requests(&self) -> Vec<usize> {
        (0..self.units.len())
            .filter(|unit| self.body(*unit)["input"].is_array())
            .collect()
    }

    pub(crate) fn input(&self, unit: usize) -> &[Value] {
        elements(&self.body(unit)["input"])
    }

    pub(crate) fn input_mut(&mut self, unit: usize) -> Option<&mut Vec<Value>> {
        self.body_mut(unit)["input"].as_array_mut()
    }

    pub(crate) fn tools(&self, unit: usize) -> &[Value] {
        elements(&self.body(unit)["tools"])
    }

    /// Every scalar of a unit that reports compare: request headers, body, and the data of response events.
    pub(crate) fn leaves(&self, unit: usize) -> Vec<Leaf> {
        let mut leaves = Vec::new();
        for header in self.headers(unit) {
            let name = header[0].as_str().unwrap_or_default().to_lowercase();
            collect(
                &header[1],
                format!("/request/headers/{}", escape(&name)),
                &mut leaves,
            );
        }
        collect(self.body(unit), "/request/body".to_owned(), &mut leaves);
        for event in 0..self.units[unit].events.len() {
            let pointer = format!("/response/events/{event}/data");
            collect(&self.event(unit, event)["data"], pointer, &mut leaves);
        }
        leaves
    }

    /// Changes the value at a pointer, entering JSON in strings. `None` when there is nothing there, or when a string of
    /// JSON would not keep its text form.
    pub(crate) fn edit(
        &mut self,
        unit: usize,
        pointer: &str,
        change: impl FnOnce(&mut Value),
    ) -> Option<()> {
        let tokens: Vec<String> = pointer.split('/').skip(1).map(unescape).collect();
        let tokens: Vec<&str> = tokens.iter().map(String::as_str).collect();
        match tokens.as_slice() {
            ["request", "headers", name, rest @ ..] => {
                let header = self.headers_mut(unit)?.iter_mut().find(|header| {
                    header[0]
                        .as_str()
                        .is_some_and(|n| n.eq_ignore_ascii_case(name))
                })?;
                edit_value(&mut header[1], rest, change)
            }
            ["request", "body", rest @ ..] => edit_value(self.body_mut(unit), rest, change),
            ["response", "events", event, "data", rest @ ..] => {
                let position = *self.units[unit].events.get(event.parse::<usize>().ok()?)?;
                let data = &mut self.stream_mut(unit)?[position]["data"];
                edit_value(data, rest, change)
            }
            _ => None,
        }
    }
}

pub(crate) fn elements(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn units_of((index, record): (usize, &Value)) -> Vec<Unit> {
    let unit = |carrier, events| Unit {
        record: index,
        carrier,
        events,
    };
    let Some(frames) = record["response"].get("frames") else {
        let events = elements(&record["response"]["events"]).len();
        return vec![unit(Carrier::Http, (0..events).collect())];
    };
    let mut units = vec![unit(Carrier::Handshake, Vec::new())];
    for (position, frame) in elements(frames).iter().enumerate() {
        let is_data = frame["opcode"] == "text" || frame["opcode"] == "binary";
        if frame["dir"] == "c2s" && frame["data"]["type"] == "response.create" {
            units.push(unit(Carrier::Frame(position), Vec::new()));
        } else if frame["dir"] == "s2c" && is_data && units.len() > 1 {
            let current = units.last_mut().expect("there is a handshake");
            current.events.push(position);
        }
    }
    units
}

/// One token of a JSON pointer.
pub(crate) fn escape(token: &str) -> String {
    token.replace('~', "~0").replace('/', "~1")
}

fn unescape(token: &str) -> String {
    token.replace("~1", "/").replace("~0", "~")
}

/// JSON inside a string, if it is an object or list and writing it again gives the same text.
pub(crate) fn inner_json(text: &str) -> Option<Value> {
    if !text.starts_with(['{', '[']) {
        return None;
    }
    let value: Value = serde_json::from_str(text).ok()?;
    let written = value.to_string();
    (written == text).then_some(value)
}

fn collect(value: &Value, pointer: String, leaves: &mut Vec<Leaf>) {
    match value {
        Value::Object(members) => {
            for (key, member) in members {
                collect(member, format!("{pointer}/{}", escape(key)), leaves);
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                collect(item, format!("{pointer}/{index}"), leaves);
            }
        }
        Value::String(text) => match inner_json(text) {
            Some(inner) => collect(&inner, pointer, leaves),
            None => leaves.push(Leaf {
                pointer,
                value: value.clone(),
            }),
        },
        scalar => leaves.push(Leaf {
            pointer,
            value: scalar.clone(),
        }),
    }
}

fn edit_value(value: &mut Value, tokens: &[&str], change: impl FnOnce(&mut Value)) -> Option<()> {
    let Some((first, rest)) = tokens.split_first() else {
        change(value);
        return Some(());
    };
    match value {
        Value::Object(members) => edit_value(members.get_mut(*first)?, rest, change),
        Value::Array(items) => {
            edit_value(items.get_mut(first.parse::<usize>().ok()?)?, rest, change)
        }
        Value::String(text) => {
            let mut inner = inner_json(text)?;
            edit_value(&mut inner, tokens, change)?;
            *text = inner.to_string();
            Some(())
        }
        _ => None,
    }
}

#[test]
fn strings_of_json_are_entered_and_keep_their_form() {
    let record = serde_json::json!({
        "request": {"headers": [["X-Meta", r#"{"a":[1,"b"]}"#]], "body": {"input": [{"arguments": r#"{"k":1}"#}]}},
        "response": {"events": []},
    });
    let mut trace = Trace::new("t".to_owned(), vec![record]);
    let pointers: Vec<String> = trace
        .leaves(0)
        .into_iter()
        .map(|leaf| leaf.pointer)
        .collect();
    assert_eq!(
        pointers,
        [
            "/request/headers/x-meta/a/0",
            "/request/headers/x-meta/a/1",
            "/request/body/input/0/arguments/k"
        ]
    );
    trace
        .edit(0, &pointers[1], |value| *value = "c".into())
        .unwrap();
    assert_eq!(trace.headers(0)[0][1], r#"{"a":[1,"c"]}"#);
}
