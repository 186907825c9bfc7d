//! Events of responses, broken one by one.

use serde_json::json;

use super::cases::{Case, SHELL, events, position};

pub(super) const CASES: &[Case] = &[
    Case {
        name: "response.created behind the first item",
        fixture: SHELL,
        change: |records| {
            let created = events(&mut records[0]).remove(0);
            events(&mut records[0]).insert(1, created);
        },
        rules: &["stream-event-order"],
        exchange: 0,
        pointer: "/response/events/1/data",
    },
    Case {
        name: "the terminal event is left out",
        fixture: SHELL,
        change: |records| {
            events(&mut records[1]).pop();
        },
        rules: &["stream-end-missing", "retry-missing"],
        exchange: 1,
        pointer: "/response/events",
    },
    Case {
        name: "the terminal event is sent twice",
        fixture: SHELL,
        change: |records| {
            let last = events(&mut records[1]).last().unwrap().clone();
            events(&mut records[1]).push(last);
        },
        rules: &["stream-end-doubled"],
        exchange: 1,
        pointer: "/response/events/",
    },
    Case {
        name: "an item behind the end",
        fixture: SHELL,
        change: |records| {
            let at = position(&mut records[1], "response.output_item.done");
            let item = events(&mut records[1])[at].clone();
            events(&mut records[1]).push(item);
        },
        rules: &["stream-event-after-end"],
        exchange: 1,
        pointer: "/response/events/",
    },
    Case {
        name: "another id at the end",
        fixture: SHELL,
        change: |records| {
            let last = events(&mut records[1]).last_mut().unwrap();
            last["data"]["response"]["id"] = json!("resp_other");
        },
        rules: &["stream-id-changed"],
        exchange: 1,
        pointer: "/response/events/",
    },
    Case {
        name: "output_item.done is left out",
        fixture: SHELL,
        change: |records| {
            let at = position(&mut records[1], "response.output_item.done");
            events(&mut records[1]).remove(at);
        },
        rules: &["stream-item-unfinished", "stream-output-differs"],
        exchange: 1,
        pointer: "/response/events/",
    },
    Case {
        name: "an item is done twice",
        fixture: SHELL,
        change: |records| {
            let at = position(&mut records[1], "response.output_item.done");
            let mut item = events(&mut records[1])[at].clone();
            item["data"]
                .as_object_mut()
                .unwrap()
                .remove("sequence_number");
            events(&mut records[1]).insert(at, item);
        },
        rules: &["stream-item-doubled"],
        exchange: 1,
        pointer: "/response/events/",
    },
    Case {
        name: "an item has another output_index",
        fixture: SHELL,
        change: |records| {
            let at = position(&mut records[1], "response.output_item.done");
            events(&mut records[1])[at]["data"]["output_index"] = json!(4);
        },
        rules: &["stream-index", "stream-item-unfinished"],
        exchange: 1,
        pointer: "/response/events/",
    },
    Case {
        name: "a delta is left out",
        fixture: SHELL,
        change: |records| {
            let at = position(&mut records[1], "response.output_text.delta");
            events(&mut records[1]).remove(at);
        },
        rules: &["stream-delta-sum"],
        exchange: 1,
        pointer: "/response/events/",
    },
    Case {
        name: "the end lists another item",
        fixture: SHELL,
        change: |records| {
            let last = events(&mut records[1]).last_mut().unwrap();
            last["data"]["response"]["output"] = json!([{"type": "message", "id": "msg_other"}]);
        },
        rules: &["stream-output-differs"],
        exchange: 1,
        pointer: "/response/events/",
    },
    Case {
        name: "usage is left out",
        fixture: SHELL,
        change: |records| {
            let last = events(&mut records[1]).last_mut().unwrap();
            last["data"]["response"]
                .as_object_mut()
                .unwrap()
                .remove("usage");
        },
        rules: &["stream-usage-missing"],
        exchange: 1,
        pointer: "/response/events/",
    },
];
