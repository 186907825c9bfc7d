use super::*;

const META: &str = r#"{"timestamp":"t","type":"session_meta","payload":{"id":"01a1fbd9-5e66-7a92-9d96-2f6102d7e1ff"}}"#;

fn event(text: &str) -> String {
    format!(
        r#"{{"timestamp":"t","type":"event_msg","payload":{{"type":"user_message","message":"{text}"}}}}"#
    )
}

fn item(payload: &str) -> String {
    format!(r#"{{"timestamp":"t","type":"response_item","payload":{payload}}}"#)
}

fn assistant(text: &str) -> String {
    item(&format!(
        r#"{{"type":"message","role":"assistant","content":[{{"type":"output_text","text":"{text}"}}]}}"#
    ))
}

fn compacted(history: &str) -> String {
    format!(r#"{{"timestamp":"t","type":"compacted","payload":{{"message":"s"{history}}}}}"#)
}

const NAME: &str = "rollout-2026-11-21T02-04-49-01a1fbd9-5e66-7a92-9d96-2f6102d7e1ff.jsonl";

fn view_of(text: &[u8], reader: PycodexReader) -> PycodexView {
    let source = RolloutSource::memory(NAME, text.to_vec());
    let index = RolloutIndex::read(&source).unwrap();
    PycodexView::read(&source, &index, reader, None).unwrap()
}

/// Items in few words: the text of a message, else what pairs a call with its output.
fn words(items: &[PycodexItem]) -> Vec<String> {
    let word = |item: &PycodexItem| {
        let raw = Raw::new(&item.text);
        let part = raw
            .get("content")
            .and_then(|content| content.items().next());
        let text = part.and_then(|part| part.get_string("text"));
        let kind = raw.get_string("type").unwrap();
        match (text, raw.get_string("call_id")) {
            (Some(text), _) => text.into_owned(),
            (None, Some(id)) => format!("{kind} {id}"),
            _ => kind.into_owned(),
        }
    };
    items.iter().map(word).collect()
}

fn check_by(reader: PycodexReader, text: &[u8], expect: &[&str]) {
    let view = view_of(text, reader);
    assert_eq!(view.refusal, None);
    assert_eq!(
        words(&view.items),
        expect,
        "{}",
        String::from_utf8_lossy(text)
    );
}

fn check(lines: &[String], expect: &[&str]) {
    check_by(PycodexReader::V0_3, lines.join("\n").as_bytes(), expect);
}

fn check_refusal(text: &[u8], expect: &str) {
    let refusal = view_of(text, PycodexReader::V0_3).refusal;
    assert_eq!(
        refusal
            .map(|refusal| refusal.to_string())
            .unwrap_or_default(),
        expect
    );
}

#[test]
fn the_user_speaks_in_events() {
    let user = r#"{"type":"message","role":"user","content":[{"type":"input_text","text":"a"}]}"#;
    check(
        &[
            META.to_owned(),
            assistant("before"),
            item(user),
            event("a"),
            assistant("b"),
            event("c"),
        ],
        &["a", "b", "c"],
    );
    let other = r#"{"type":"web_search_call","id":"w"}"#;
    check(
        &[
            event("a"),
            item(other),
            item(r#"{"type":"reasoning","summary":[]}"#),
        ],
        &["a", "reasoning"],
    );
}

#[test]
fn calls_need_outputs_and_outputs_no_calls() {
    let call = |id: &str, arguments: &str| {
        item(&format!(
            r#"{{"type":"function_call","name":"f","arguments":{arguments},"call_id":"{id}"}}"#
        ))
    };
    let output = |id: &str| {
        item(&format!(
            r#"{{"type":"function_call_output","call_id":"{id}","output":"x"}}"#
        ))
    };
    let lines = [
        event("a"),
        call("c1", "\"{}\""),
        call("c2", "\"{}\""),
        output("c2"),
        output("c3"),
    ];
    check(
        &lines,
        &[
            "a",
            "function_call c2",
            "function_call_output c2",
            "function_call_output c3",
        ],
    );
    let text = lines.join("\n");
    check_by(
        PycodexReader::V0_1,
        text.as_bytes(),
        &[
            "a",
            "function_call c1",
            "function_call c2",
            "function_call_output c2",
            "function_call_output c3",
        ],
    );
    let view = view_of(text.as_bytes(), PycodexReader::V0_3);
    assert_eq!(words(&view.dropped_calls), ["function_call c1"]);
    // Arguments that are no object take the call away.
    check(
        &[
            event("a"),
            call("c1", "\"[1]\""),
            call("c2", "{\"a\": 1}"),
            output("c1"),
            output("c2"),
        ],
        &[
            "a",
            "function_call c2",
            "function_call_output c1",
            "function_call_output c2",
        ],
    );
}

#[test]
fn values_may_stand_anywhere_and_damage_ends_them() {
    let text = format!(
        "{META}{}\u{a0}{}\n\u{c}{}",
        event("a"),
        assistant("b"),
        assistant("c")
    );
    check_by(PycodexReader::V0_3, text.as_bytes(), &["a", "b", "c"]);
    let text = [&event("a"), "\nwhat?\n", &assistant("b")].concat();
    check_by(PycodexReader::V0_3, text.as_bytes(), &["a"]);
    let stopped_at = view_of(text.as_bytes(), PycodexReader::V0_3).stopped_at;
    assert_eq!(stopped_at, Some(event("a").len() as u64 + 1));
    let bytes = [event("a").as_bytes(), b"\n", assistant("b~").as_bytes()].concat();
    let bytes: Vec<u8> = bytes
        .iter()
        .map(|&byte| if byte == b'~' { 0xff } else { byte })
        .collect();
    check_by(PycodexReader::V0_3, &bytes, &["a", "b\u{fffd}"]);
}

#[test]
fn a_compaction_replaces_and_is_the_beginning() {
    let kept = r#","replacement_history":[{"type":"message","role":"user","content":[{"type":"input_text","text":"k"}]}]"#;
    let lines = [
        META.to_owned(),
        event("a"),
        assistant("b"),
        compacted(kept),
        assistant("c"),
    ];
    check(&lines, &["k", "c"]);
    assert_eq!(
        view_of(lines.join("\n").as_bytes(), PycodexReader::V0_3).first,
        3
    );
    // Without a history it changes nothing for 0.1.13, and hides what stands before it from 0.3.3 on.
    let lines = [
        META.to_owned(),
        event("a"),
        compacted(""),
        event("d"),
        assistant("c"),
    ];
    check(&lines, &["d", "c"]);
    check_by(
        PycodexReader::V0_1,
        lines.join("\n").as_bytes(),
        &["a", "d", "c"],
    );
    // Damage before it does not matter when a record stands between.
    let text = [
        META,
        "\n??\n",
        &event("a"),
        "\n",
        &compacted(kept),
        "\n",
        &assistant("c"),
    ]
    .concat();
    check_by(PycodexReader::V0_3, text.as_bytes(), &["k", "c"]);
    check_refusal(
        [META, "\n", &event("a"), "\n", &compacted(kept)[..70]]
            .concat()
            .as_bytes(),
        "it begins to read at byte 181, and nothing there is JSON",
    );
}

#[test]
fn what_is_not_resumed() {
    check_refusal(b"", "there is no record in the file");
    check_refusal(b"[1]\n2", "there is no record in the file");
    check_refusal(
        format!("\u{feff}{META}").as_bytes(),
        "it begins to read at byte 0, and nothing there is JSON",
    );
    check_refusal(
        META.as_bytes(),
        "it finds no history: no user_message event, and no compaction with a replacement_history",
    );
    let source = RolloutSource::memory("a.jsonl", event("a").into_bytes());
    let index = RolloutIndex::read(&source).unwrap();
    let view = PycodexView::read(&source, &index, PycodexReader::V0_3, None).unwrap();
    assert_eq!(view.refusal, Some(PycodexRefusal::NoSessionId));
    let deep = format!(
        "{META}\n{}\n{}{}",
        event("a"),
        "[".repeat(1000),
        "]".repeat(1000)
    );
    check_refusal(
        deep.as_bytes(),
        "what begins at byte 181 is nested deeper than Python reads",
    );
}

#[test]
fn the_last_meta_names_the_session() {
    let other = META.replace("01a1fbd9", "01a1fbd8");
    let text = [META.to_owned(), event("a"), other].join("\n");
    let view = view_of(text.as_bytes(), PycodexReader::V0_3);
    assert_eq!(view.session_id, "01a1fbd8-5e66-7a92-9d96-2f6102d7e1ff");
    let source = RolloutSource::memory(NAME, event("a").into_bytes());
    let index = RolloutIndex::read(&source).unwrap();
    let view = PycodexView::read(&source, &index, PycodexReader::V0_3, None).unwrap();
    assert_eq!(view.session_id, "01a1fbd9-5e66-7a92-9d96-2f6102d7e1ff");
}

#[test]
fn counts_the_first_records_only() {
    let text = [META.to_owned(), event("a"), assistant("b"), assistant("c")].join("\n");
    let source = RolloutSource::memory("a.jsonl", text.into_bytes());
    let index = RolloutIndex::read(&source).unwrap();
    let view = PycodexView::read(&source, &index, PycodexReader::V0_3, Some(3)).unwrap();
    assert_eq!(words(&view.items), ["a", "b"]);
    let spans: Vec<_> = view
        .items
        .iter()
        .map(|item| item.item.span.clone())
        .collect();
    assert_eq!(
        spans,
        [index.entries[1].span.clone(), index.entries[2].span.clone()]
    );
}
