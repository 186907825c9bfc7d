//! Rollbacks, compactions and forks.

use serde_json::{Value, json};
use trace_diff::rollout::{
    ForkCut, Origin, RolloutIndex, RolloutSource, Rules, fork_before_user_message,
};

use super::writer::{ALL, NEW, OLD, Writer, call, labels, message, output};

#[test]
fn a_rollback_takes_back_turns_with_their_context() {
    let mut file = Writer::new();
    file.start()
        .context()
        .say("user", "one")
        .say("assistant", "to one")
        .end();
    file.start();
    file.say("developer", "<model_switch>\nx\n</model_switch>")
        .context();
    file.say("user", "two")
        .say("assistant", "to two")
        .end()
        .roll_back(1);
    let kept = [
        "developer: <permissions instruc",
        "user: <environment_context",
        "user: one",
        "assistant: to one",
    ];
    file.check(&ALL, &kept);
    file.roll_back(5);
    file.check(&ALL, &kept[..2]);
    file.roll_back(0);
    file.check(&ALL, &kept[..2]);
}

#[test]
fn a_rollback_over_a_compaction() {
    let mut file = Writer::new();
    file.turn("one", &[])
        .turn("two", &[])
        .compact(&["one", "two", "S"]);
    file.turn("three", &[]).roll_back(2);
    file.check(&OLD, &[]);
    file.check(&NEW, &["user: one", "assistant: to one"]);
}

#[test]
fn a_rollback_in_a_turn_that_compacted() {
    let mut file = Writer::new();
    file.turn("one", &[]);
    let kept = json!({"message": "S", "replacement_history": [message("user", "R1")]});
    file.start()
        .say("user", "two")
        .add("compacted", kept)
        .say("assistant", "after")
        .end();
    file.turn("three", &[]).roll_back(2);
    file.check(&NEW, &["user: one", "assistant: to one"]);
    file.check(&OLD, &["assistant: after"]);
}

#[test]
fn the_newest_compaction_that_was_not_taken_back_counts() {
    let mut file = Writer::new();
    file.turn("one", &[]).compact(&["R1"]).turn("two", &[]);
    file.check(&ALL, &["user: R1", "user: two", "assistant: to two"]);
    file.compact(&["R1", "R2"]).turn("three", &[]);
    file.check(
        &ALL,
        &["user: R1", "user: R2", "user: three", "assistant: to three"],
    );
    file.roll_back(2);
    file.check(&ALL, &["user: R1"]);
}

#[test]
fn turns_without_a_beginning_are_one() {
    let mut file = Writer::new();
    file.say("user", "one").say("assistant", "to one");
    let kept = json!({"message": "S", "replacement_history": [message("user", "kept"), message("user", "S")]});
    file.add("compacted", kept);
    for text in ["three", "four"] {
        file.say("user", text)
            .say("assistant", &format!("to {text}"));
    }
    file.roll_back(1);
    file.check(
        &NEW,
        &[
            "user: one",
            "assistant: to one",
            "user: three",
            "assistant: to three",
        ],
    );
    file.check(&OLD, &["user: three", "assistant: to three"]);
}

#[test]
fn a_summary_alone_keeps_the_users_messages() {
    let mut file = Writer::new();
    file.turn(
        &format!("one {}", "p".repeat(30_000)),
        &[call("a"), output("a", "x")],
    );
    file.turn(&format!("two {}", "q".repeat(60_000)), &[])
        .context();
    file.start()
        .add("compacted", json!({"message": "The summary."}))
        .end();
    file.turn("three", &[]);
    for version in ALL {
        let prediction = file.predict(version);
        let texts: Vec<Value> = prediction
            .items
            .iter()
            .map(|item| serde_json::from_str::<Value>(&item.text).unwrap()["content"].clone())
            .collect();
        let joined = |at: usize| -> String {
            let parts = texts[at].as_array().unwrap();
            parts
                .iter()
                .map(|part| part["text"].as_str().unwrap())
                .collect()
        };
        assert_eq!(
            labels(&prediction)[2..],
            ["user: The summary.", "user: three", "assistant: to three"]
        );
        assert_eq!(joined(1).len(), 60_004);
        // 20,000 tokens of four bytes for all of them.
        assert!(joined(0).contains("…2502 tokens truncated…"), "{version}");
        assert_eq!(
            texts[0].as_array().unwrap().len(),
            if version == "0.169.0" { 3 } else { 1 }
        );
        let origin = prediction.history.items[0].origin;
        assert_eq!(origin, Origin::KeptUserMessage { is_cut: true });
    }
}

#[test]
fn a_later_summary_replaces_an_earlier_one() {
    let mut file = Writer::new();
    let prefix =
        "Another language model started to solve this problem and produced a summary of it";
    file.turn("one", &[]);
    file.start().add("compacted", json!({"message": ""})).end();
    file.start()
        .add("compacted", json!({"message": format!("{prefix}: A")}))
        .end();
    file.turn("two", &[]);
    file.start()
        .add("compacted", json!({"message": format!("{prefix}: B")}))
        .end();
    file.check(
        &ALL,
        &[
            "user: one",
            "user: (no summary availabl",
            "user: two",
            "user: Another language mod",
        ]
        .map(|label| &label[..label.len().min(26)]),
    );
}

#[test]
fn messages_between_agents_are_turns_where_they_are_known() {
    let said = |text: &str| json!({"author": "parent", "recipient": "child", "other_recipients": [], "content": text, "trigger_turn": true});
    let mut file = Writer::new();
    file.turn("one", &[])
        .add("inter_agent_communication", said("go"));
    file.say("assistant", "done");
    file.check(&OLD, &["user: one", "assistant: to one", "assistant: done"]);
    file.check(
        &NEW,
        &[
            "user: one",
            "assistant: to one",
            "agent_message",
            "assistant: done",
        ],
    );
    file.roll_back(1);
    file.check(&NEW, &["user: one", "assistant: to one"]);
    let mut encrypted = said("");
    encrypted["encrypted_content"] = json!("gAAAAA");
    let mut file = Writer::new();
    file.add("inter_agent_communication", encrypted);
    for (version, parts) in [
        ("0.139.0", 0),
        ("0.140.0", 1),
        ("0.141.0", 1),
        ("0.142.0", 2),
    ] {
        let items = file.predict(version).items;
        let count = items.first().map_or(0, |item| {
            let item: Value = serde_json::from_str(&item.text).unwrap();
            item["content"].as_array().unwrap().len()
        });
        assert_eq!(count, parts, "{version}");
    }
}

#[test]
fn of_a_file_with_ordinals_the_last_meta_begins() {
    let mut file = Writer::new();
    file.turn("one", &[]).compact(&["R"]).turn("two", &[]);
    file.add("session_meta", json!({"id": "other"}))
        .turn("three", &[]);
    file.check(
        &["0.169.0"],
        &[
            "user: R",
            "user: two",
            "assistant: to two",
            "user: three",
            "assistant: to three",
        ],
    );
    file.lines[0]["payload"]["history_mode"] = json!("paginated");
    file.check(&NEW, &["user: three", "assistant: to three"]);
}

#[test]
fn a_fork_cuts_before_a_message() {
    let mut file = Writer::new();
    file.turn("one", &[])
        .turn("two", &[])
        .roll_back(1)
        .turn("three", &[]);
    let text = file.text();
    let source = RolloutSource::memory("rollout.jsonl", text.into_bytes());
    let index = RolloutIndex::read(&source).unwrap();
    let check = |n: usize, version: &str, expect: ForkCut| {
        let rules = Rules::named(Some(version));
        assert_eq!(fork_before_user_message(&index, n, &rules), expect, "{n}");
    };
    check(0, "0.169.0", ForkCut::Before(2));
    check(1, "0.169.0", ForkCut::Before(11));
    check(2, "0.169.0", ForkCut::Everything);
    check(2, "0.115.0", ForkCut::Nothing);
    file.start().say("user", "four");
    let source = RolloutSource::memory("rollout.jsonl", file.text().into_bytes());
    let index = RolloutIndex::read(&source).unwrap();
    let rules = Rules::named(Some("0.169.0"));
    assert_eq!(
        fork_before_user_message(&index, 9, &rules),
        ForkCut::Before(14)
    );
}
