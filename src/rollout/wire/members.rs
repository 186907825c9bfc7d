//! Which members of an item each version of Codex knows: it reads items into its own types and writes them anew.

use std::borrow::Cow;

use crate::json::{Kind, Raw};

use crate::rollout::history::quoted;
use crate::rollout::rules::{NEWEST, Rules, Version};

/// Something that versions from `since` on and before `until` know; minor numbers of 0.x.
struct Known<T> {
    what: T,
    since: u32,
    until: u32,
}

type Member = Known<&'static str>;

struct ItemType {
    name: &'static str,
    members: &'static [Member],
    /// Members that are written as `null` where they are absent.
    nullable: &'static [&'static str],
}

const fn always<T>(what: T) -> Known<T> {
    since(0, what)
}

const fn since<T>(since: u32, what: T) -> Known<T> {
    Known {
        what,
        since,
        until: u32::MAX,
    }
}

const fn until<T>(until: u32, what: T) -> Known<T> {
    Known {
        what,
        since: 0,
        until,
    }
}

const fn item(name: &'static str, members: &'static [Member]) -> Known<ItemType> {
    always(ItemType {
        name,
        members,
        nullable: &[],
    })
}

const fn item_since(since: u32, name: &'static str, members: &'static [Member]) -> Known<ItemType> {
    Known {
        since,
        ..item(name, members)
    }
}

/// Types of items with the members that are sent of them, beside `type`, `id` and the metadata passed through.
///
/// Each bound was seen in resumes of one file that holds all of them, by all versions from 0.115.0 to 0.169.0 that can be
/// had: the version that is named has changed, the one before it has not (128 follows 125; 0.119.0 does not start).
const ITEMS: &[Known<ItemType>] = &[
    item(
        "message",
        &[
            always("role"),
            always("content"),
            always("phase"),
            until(128, "end_turn"),
            since(163, "status"),
        ],
    ),
    always(ItemType {
        name: "reasoning",
        members: &[
            always("summary"),
            always("content"),
            always("encrypted_content"),
        ],
        nullable: &["content", "encrypted_content"],
    }),
    item(
        "function_call",
        &[
            always("name"),
            always("namespace"),
            always("arguments"),
            always("call_id"),
            since(147, ENCRYPTED_ARGUMENTS),
            since(163, "status"),
        ],
    ),
    item(
        "function_call_output",
        &[
            always("call_id"),
            always("output"),
            since(150, "name"),
            since(150, "namespace"),
        ],
    ),
    item(
        "custom_tool_call",
        &[
            always("status"),
            always("call_id"),
            always("name"),
            always("input"),
            since(143, "namespace"),
        ],
    ),
    item(
        "custom_tool_call_output",
        &[always("call_id"), always("output"), since(116, "name")],
    ),
    item(
        "local_shell_call",
        &[always("call_id"), always("status"), always("action")],
    ),
    item(
        "tool_search_call",
        &[
            always("call_id"),
            always("status"),
            always("execution"),
            always("arguments"),
        ],
    ),
    item(
        "tool_search_output",
        &[
            always("call_id"),
            always("status"),
            always("execution"),
            always("tools"),
        ],
    ),
    item("web_search_call", &[always("status"), always("action")]),
    item(
        "image_generation_call",
        &[
            always("status"),
            always("revised_prompt"),
            always("result"),
            // The only type whose id older versions send; 0.142.0 to 0.145.0 send none.
            until(142, "id"),
        ],
    ),
    item("compaction", &[always("encrypted_content")]),
    item_since(129, "context_compaction", &[always("encrypted_content")]),
    item_since(
        140,
        "agent_message",
        &[always("author"), always("recipient"), always("content")],
    ),
    item_since(143, "additional_tools", &[always("role"), always("tools")]),
    // An element of a replacement history whose type is not known.
    item("other", &[]),
];

/// Parts of contents, summaries and outputs with their members, beside `type`.
const PARTS: &[(&str, &[Member])] = &[
    ("input_text", &[always("text")]),
    (
        "output_text",
        &[
            always("text"),
            since(163, "annotations"),
            since(163, "logprobs"),
        ],
    ),
    ("input_image", &[always("image_url"), since(122, "detail")]),
    ("input_audio", &[always("audio_url")]),
    ("summary_text", &[always("text")]),
    ("reasoning_text", &[always("text")]),
    ("text", &[always("text")]),
    ("encrypted_content", &[always("encrypted_content")]),
];

/// What a `local_shell_call` runs; members that are absent are written as `null`.
const ACTION: &[&str] = &[
    "type",
    "command",
    "timeout_ms",
    "working_directory",
    "env",
    "user",
];

impl<T> Known<T> {
    fn is_known(&self, version: Version) -> bool {
        let Version(major, minor, _) = version;
        major > 0 || (self.since..self.until).contains(&minor)
    }
}

/// The item as the version writes it; `None` when it does not know the type.
///
/// Values that nothing changes keep their text.
pub(super) fn as_sent(item: Raw<'_>, kind: &str, rules: &Rules) -> Option<String> {
    let kind = match kind {
        "compaction_summary" => "compaction",
        kind => kind,
    };
    let of = ITEMS.iter().find(|of| of.what.name == kind)?;
    if !of.is_known(rules.version) {
        return None;
    }
    let is_member = |key: &str| {
        let known = |member: &Member| member.what == key && member.is_known(rules.version);
        match key {
            "type" => true,
            "id" => rules.sends_ids || of.what.members.iter().any(known),
            PASSTHROUGH => rules.sends_passthrough,
            ENCRYPTED_ARGUMENTS => rules.sends_passthrough && of.what.members.iter().any(known),
            _ => of.what.members.iter().any(known),
        }
    };
    let mut members = Vec::new();
    let is_sent = |key: &str, value: Raw<'_>| match key {
        "content" if kind == "reasoning" => is_raw_reasoning(value),
        "call_id" => true,
        "id" => value.string().is_some_and(|id| !id.is_empty()),
        _ => !value.is_null() || of.what.nullable.contains(&key),
    };
    for (key, value) in item.members() {
        if !is_member(&key) || !is_sent(&key, value) {
            continue;
        }
        let text = match key.as_ref() {
            "type" => Cow::Owned(quoted(kind)),
            PASSTHROUGH => passthrough(value, rules.version),
            "output" => parts(value, NEWEST),
            "content" | "summary" => parts(value, rules.version),
            "action" if kind == "local_shell_call" => Cow::Owned(action(value)),
            _ => Cow::Borrowed(value.text()),
        };
        members.push(format!("{}:{text}", quoted(&key)));
    }
    let is_absent = |key: &&&str| item.get(key).is_none();
    for key in of.what.nullable.iter().filter(is_absent) {
        members.push(format!(r#""{key}":null"#));
    }
    if item.get("type").is_none() {
        members.insert(0, format!(r#""type":"{kind}""#));
    }
    Some(format!("{{{}}}", members.join(",")))
}

/// Whether a `content` of a reasoning item is sent: `null`, or texts of which one is raw reasoning.
fn is_raw_reasoning(content: Raw<'_>) -> bool {
    let mut kinds = content.items().filter_map(|part| part.get_string("type"));
    content.is_null() || kinds.any(|kind| kind == "reasoning_text")
}

/// What agents since 0.142 note of an item for a provider named `OpenAI`.
const PASSTHROUGH: &str = "internal_chat_message_metadata_passthrough";

/// Its members; any other stays on disk.
const PASSED: &[Member] = &[
    since(142, "turn_id"),
    since(148, "create_time"),
    since(151, "content_item_kinds"),
];

/// The names of arguments that are encrypted, as a list; for a provider named `OpenAI`.
const ENCRYPTED_ARGUMENTS: &str = "encrypted_function_args";

fn passthrough(value: Raw<'_>, version: Version) -> Cow<'_, str> {
    let is_passed = |key: &str| {
        let mut passed = PASSED.iter();
        passed.any(|member| member.what == key && member.is_known(version))
    };
    Cow::Owned(kept(value, is_passed))
}

/// The parts of an array with the members that the version knows; anything but an array as it is.
fn parts(value: Raw<'_>, version: Version) -> Cow<'_, str> {
    if value.kind() != Kind::Array {
        return Cow::Borrowed(value.text());
    }
    let parts = value.items().map(|part| {
        let kind = part.get_string("type").unwrap_or_default();
        let Some((_, known)) = PARTS.iter().find(|(name, _)| *name == kind) else {
            return part.text().to_owned();
        };
        let is_member = |key: &str| {
            let mut known = known.iter();
            key == "type" || known.any(|member| member.what == key && member.is_known(version))
        };
        kept(part, is_member)
    });
    Cow::Owned(format!("[{}]", parts.collect::<Vec<_>>().join(",")))
}

fn action(value: Raw<'_>) -> String {
    let member = |key: &&str| {
        let text = value.get(key).map_or("null", Raw::text);
        format!(r#""{key}":{text}"#)
    };
    let members: Vec<String> = ACTION.iter().map(member).collect();
    format!("{{{}}}", members.join(","))
}

fn kept(object: Raw<'_>, is_member: impl Fn(&str) -> bool) -> String {
    if object.kind() != Kind::Object || object.members().all(|(key, _)| is_member(&key)) {
        return object.text().to_owned();
    }
    let members = object
        .members()
        .filter(|(key, _)| is_member(key))
        .map(|(key, value)| format!("{}:{}", quoted(&key), value.text()));
    format!("{{{}}}", members.collect::<Vec<_>>().join(","))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(item: &str, version: Version, expect: Option<&str>) {
        let raw = Raw::new(item);
        let kind = raw.get_string("type").unwrap_or("message".into());
        let sent = as_sent(raw, &kind, &Rules::of(version));
        assert_eq!(sent.as_deref(), expect, "{item}");
    }

    #[test]
    fn older_versions_send_less() {
        let message = r#"{"type":"message","status":"completed","id":"m","role":"assistant","content":[{"type":"output_text","text":"a\u0041","annotations":[]}]}"#;
        check(message, NEWEST, Some(message));
        check(
            message,
            Version(0, 153, 4),
            Some(
                r#"{"type":"message","id":"m","role":"assistant","content":[{"type":"output_text","text":"a\u0041"}]}"#,
            ),
        );
        check(
            message,
            Version(0, 137, 0),
            Some(
                r#"{"type":"message","role":"assistant","content":[{"type":"output_text","text":"a\u0041"}]}"#,
            ),
        );
    }

    #[test]
    fn types_come_with_versions() {
        let item = r#"{"type":"agent_message","author":"a","recipient":"b","content":[]}"#;
        check(item, NEWEST, Some(item));
        check(item, Version(0, 137, 0), None);
        check(r#"{"type":"brand_new"}"#, NEWEST, None);
    }

    #[test]
    fn the_id_of_a_picture_is_missing_in_between() {
        let item =
            r#"{"type":"image_generation_call","id":"ig_1","status":"completed","result":"AAAA"}"#;
        let without = r#"{"type":"image_generation_call","status":"completed","result":"AAAA"}"#;
        check(item, Version(0, 141, 0), Some(item));
        check(item, Version(0, 142, 0), Some(without));
        check(item, Version(0, 145, 0), Some(without));
        check(item, Version(0, 146, 0), Some(item));
    }

    #[test]
    fn outputs_keep_what_messages_lack() {
        let picture = r#"[{"type":"input_image","image_url":"x","detail":"high"}]"#;
        let output =
            format!(r#"{{"type":"function_call_output","call_id":"c","output":{picture}}}"#);
        check(&output, Version(0, 121, 0), Some(&output));
        let message = format!(r#"{{"type":"message","role":"user","content":{picture}}}"#);
        check(&message, Version(0, 122, 0), Some(&message));
        let older = r#"{"type":"message","role":"user","content":[{"type":"input_image","image_url":"x"}]}"#;
        check(&message, Version(0, 121, 0), Some(older));
    }

    #[test]
    fn reasoning_and_actions_are_written_whole() {
        check(
            r#"{"type":"reasoning","summary":[],"status":"completed"}"#,
            NEWEST,
            Some(r#"{"type":"reasoning","summary":[],"content":null,"encrypted_content":null}"#),
        );
        check(
            r#"{"type":"local_shell_call","call_id":"c","action":{"type":"exec","command":[]}}"#,
            NEWEST,
            Some(
                r#"{"type":"local_shell_call","call_id":"c","action":{"type":"exec","command":[],"timeout_ms":null,"working_directory":null,"env":null,"user":null}}"#,
            ),
        );
        check(
            r#"{"type":"compaction_summary","encrypted_content":"x","extra":1}"#,
            NEWEST,
            Some(r#"{"type":"compaction","encrypted_content":"x"}"#),
        );
    }

    #[test]
    fn what_is_null_or_empty_is_left_out() {
        check(
            r#"{"type":"message","id":"","role":"assistant","content":[],"status":null,"phase":null}"#,
            NEWEST,
            Some(r#"{"type":"message","role":"assistant","content":[]}"#),
        );
        check(
            r#"{"type":"reasoning","summary":[],"content":[],"encrypted_content":"x"}"#,
            NEWEST,
            Some(r#"{"type":"reasoning","summary":[],"encrypted_content":"x"}"#),
        );
    }

    #[test]
    fn metadata_goes_to_one_provider_only() {
        let item = r#"{"type":"compaction","encrypted_content":"x","internal_chat_message_metadata_passthrough":{"turn_id":"t","content_item_metadata":[]}}"#;
        check(
            item,
            NEWEST,
            Some(r#"{"type":"compaction","encrypted_content":"x"}"#),
        );
        let call = r#"{"type":"function_call","name":"f","arguments":"{}","call_id":"c","encrypted_function_args":["a"]}"#;
        let plain = r#"{"type":"function_call","name":"f","arguments":"{}","call_id":"c"}"#;
        check(call, NEWEST, Some(plain));
        for (version, expect) in [(146, plain), (147, call)] {
            let rules = Rules::of(Version(0, version, 0)).for_openai();
            let sent = as_sent(Raw::new(call), "function_call", &rules);
            assert_eq!(sent.as_deref(), Some(expect));
        }
        let sent = as_sent(
            Raw::new(item),
            "compaction",
            &Rules::of(NEWEST).for_openai(),
        );
        assert_eq!(
            sent.as_deref(),
            Some(
                r#"{"type":"compaction","encrypted_content":"x","internal_chat_message_metadata_passthrough":{"turn_id":"t"}}"#
            )
        );
    }
}
