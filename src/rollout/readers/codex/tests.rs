use super::*;

const META: &str = r#"{"timestamp":"t","ordinal":0,"type":"session_meta","payload":{"id":"01a1fbd9-5e66-7a92-9d96-2f6102d7e1ff","timestamp":"t","cwd":"/","originator":"o","cli_version":"v","history_mode":"paginated"}}"#;

fn event(ordinal: u64) -> String {
    format!(
        r#"{{"timestamp":"t","ordinal":{ordinal},"type":"event_msg","payload":{{"type":"x"}}}}"#
    )
}

fn view(bytes: &[u8]) -> CodexView {
    let source = RolloutSource::memory("m", bytes.to_vec());
    let index = RolloutIndex::read(&source).unwrap();
    CodexView::read(&source, &index).unwrap()
}

/// Expects the name of the refusal or an empty text, and the records passed over with the names of the reasons.
fn check(bytes: impl AsRef<[u8]>, refusal: &str, skipped: &[(usize, &str)]) {
    let view = view(bytes.as_ref());
    let found: Vec<_> = view
        .skipped
        .iter()
        .map(|skipped| (skipped.record, skipped.why.name()))
        .collect();
    let text = String::from_utf8_lossy(bytes.as_ref());
    let why = view.refusal.as_ref().map_or("", Refusal::name);
    assert_eq!((why, found.as_slice()), (refusal, skipped), "{text}");
}

#[test]
fn a_line_is_one_record() {
    let (a, b) = (event(1), event(2));
    check(format!("{META}\n{a}\r\n\n \t{b} \n"), "", &[]);
    check(
        format!("{META}\n{a}{b}"),
        "",
        &[(1, "shared-line"), (2, "shared-line")],
    );
    check(
        format!("{META}\n{a} {b}\n"),
        "",
        &[(1, "shared-line"), (2, "shared-line")],
    );
    check(format!("{META}\n{a}]\n{b}\n"), "", &[(1, "shared-line")]);
    check(format!("{META}\n{a}\0\0\n{b}\n"), "", &[(1, "shared-line")]);
    check(
        format!("{META}\n\u{feff}{a}\n{b}\n"),
        "",
        &[(1, "shared-line")],
    );
    check(
        format!("{META}\n{}{b}\n{b}", &a[..40]),
        "",
        &[(1, "shared-line")],
    );
    check(format!("{META}\n{}\n{b}\n", &a[..40]), "", &[]);
    check(format!("{META}\n{b}\n\0\0\0"), "", &[]);
    let pretty = a.replace(',', ",\n ");
    check(
        format!("{META}\n{pretty}\n{b}\n"),
        "",
        &[(1, "several-lines")],
    );
}

#[test]
fn a_file_begins_with_its_meta() {
    let a = event(1);
    check("", "empty", &[]);
    check(" \n", "empty", &[]);
    check("{\"timestamp\":", "empty", &[]);
    check(
        format!("{META}{a}"),
        "no-session-meta",
        &[(0, "shared-line"), (1, "shared-line")],
    );
    check(&a, "no-session-meta", &[]);
    check(format!("{a}\n{META}"), "no-session-meta", &[]);
    check(format!("oh no\n{META}"), "first-line", &[]);
    check(format!("[1]\n{META}"), "first-line", &[(0, "no-envelope")]);
    check(
        format!("\u{feff}{META}\n{a}"),
        "no-session-meta",
        &[(0, "shared-line")],
    );
    let check_meta = |from: &str, to: &str, refusal, skipped: &[(usize, &str)]| {
        check(format!("{}\n{a}", META.replace(from, to)), refusal, skipped);
    };
    check_meta("\"cwd\":\"/\",", "", "no-session-meta", &[(0, "field")]);
    check_meta("01a1fbd9", "x", "no-session-meta", &[(0, "field")]);
    check_meta("paginated", "quantum", "history-mode", &[]);
    check_meta("\"paginated\"", "null", "history-mode", &[]);
    check_meta("paginated", "legacy", "", &[]);
}

#[test]
fn bytes_that_are_not_utf_8_close_the_file() {
    let settings = event(1).replace(
        "\"x\"",
        r#""thread_settings_applied","thread_settings":{"runtime_workspace_roots":[]}"#,
    );
    let at = (META.len() + settings.len()) as u64 + 2;
    for (rest, place) in [
        (&b"{\"timestamp\":\"\xff\"}\n"[..], at + 14),
        (b"garbage \xe2\x82", at + 8),
        (b"garbage \xe2\x82\n{}", at + 8),
    ] {
        let bytes = [META, "\n", &settings, "\n"].concat();
        let bytes = [bytes.as_bytes(), rest].concat();
        assert_eq!(
            view(&bytes).refusal,
            Some(Refusal::InvalidUtf8(place)),
            "{rest:?}"
        );
        let bytes = [META.as_bytes(), b"\n", rest].concat();
        assert_eq!(view(&bytes).refusal, None, "{rest:?}");
        let legacy = META.replace("paginated", "legacy");
        let bytes = [legacy.as_bytes(), b"\n", rest].concat();
        assert!(view(&bytes).refusal.is_some(), "{rest:?}");
    }
    check(format!("{META}\ngarbage \u{20ac}\n"), "", &[]);
}

#[test]
fn the_last_record_of_a_paginated_file_has_an_ordinal() {
    let bare = event(1).replace("\"ordinal\":1,", "");
    check(format!("{META}\n{bare}\n"), "no-last-ordinal", &[]);
    check(format!("{META}\n{bare}\n{}\n", event(2)), "", &[]);
    let broken = bare.replace("\"t\"", "7");
    check(
        format!("{META}\n{}\n{broken}\n", event(1)),
        "",
        &[(2, "field")],
    );
    let legacy = META.replace("paginated", "legacy");
    check(format!("{legacy}\n{bare}\n"), "", &[]);
}

#[test]
fn a_second_meta_ends_the_way_back() {
    let text = format!("{META}\n{}\n{META}\n{}\n", event(1), event(2));
    let paginated = view(text.as_bytes());
    assert_eq!(paginated.first, 2);
    assert!(!paginated.takes(1) && paginated.takes(3));
    let legacy = view(text.replace("paginated", "legacy").as_bytes());
    assert_eq!(legacy.first, 0);
    // One that does not count ends nothing.
    let at = META.len();
    let other = [&text[..at], &text[at..].replace("paginated", "quantum")].concat();
    let view = view(other.as_bytes());
    assert_eq!((view.first, view.refusal, view.skipped.len()), (0, None, 1));
}

#[test]
fn what_is_not_taken_means_nothing_in_the_index() {
    let item = r#"{"timestamp":"t","ordinal":1,"type":"response_item","payload":{"type":"message","role":"user","content":[]}}"#;
    let text = format!("{META}\n{item}\n{item}{item}\n");
    let source = RolloutSource::memory("m", text.into_bytes());
    let index = RolloutIndex::read(&source).unwrap();
    let seen = CodexView::read(&source, &index).unwrap().index(&index);
    let is_item = |at: usize| matches!(seen.entries[at].what, What::Item { .. });
    assert_eq!([is_item(1), is_item(2), is_item(3)], [true, false, false]);
    assert_eq!(seen.metas.len(), 1);
}

#[test]
fn names_say_what_files_are() {
    let bytes = META.as_bytes().to_vec();
    let refusal = |name: &str| {
        let source = RolloutSource::memory(name, bytes.clone());
        let index = RolloutIndex::read(&source).unwrap();
        let refusal = CodexView::read(&source, &index).unwrap().refusal;
        refusal.map_or("", |refusal| refusal.name())
    };
    assert_eq!(refusal("saved.jsonl"), "");
    assert_eq!(refusal("saved.jsonl.zst"), "compression");
    assert_eq!(
        refusal("rollout-2026-11-21T10-11-12.jsonl"),
        "no-id-in-name"
    );
}
