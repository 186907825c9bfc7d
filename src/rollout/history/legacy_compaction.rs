//! Compactions that left only a summary, as Codex before about 0.6x wrote them.

use std::borrow::Cow;
use std::io;

use crate::json::Raw;

use super::lineage::{Lineage, Place};
use super::load::{TextReader, quoted};
use super::plan::{Content, HistoryItem, Origin, span_of};
use super::truncate::{Budget, cut_middle, token_estimate};
use crate::rollout::rules::Rules;
use crate::rollout::user_message::{ItemClass, classify};

/// Tokens of user messages that are kept, by four bytes each (`COMPACT_USER_MESSAGE_MAX_TOKENS`, all versions).
const KEPT_USER_TOKENS: usize = 20_000;

/// What is left of a history: the newest messages of the user, within the budget, and the summary as a user message.
///
/// Codex 0.115.0–0.169.0 read such files so; context messages come again with the next turn.
pub(super) fn compact_by_summary(
    lineage: &Lineage,
    place: Place,
    items: Vec<HistoryItem>,
    rules: &Rules,
) -> io::Result<Vec<HistoryItem>> {
    let reader = TextReader::new(lineage);
    let mut left = KEPT_USER_TOKENS;
    let mut kept = Vec::new();
    for item in items.into_iter().rev() {
        if left == 0 {
            break;
        }
        if item.class != ItemClass::UserTurn {
            continue;
        }
        let text = reader.item(&item)?;
        let message = Raw::new(&text);
        let parts = user_texts(message);
        let length: usize = parts.iter().map(|part| part.len()).sum();
        let (parts, is_cut) = within(parts, left, rules);
        let id = message.get_string("id").filter(|_| rules.keeps_message_ids);
        let made = user_message(&parts, id.as_deref());
        kept.push(HistoryItem {
            origin: Origin::KeptUserMessage { is_cut },
            made: Some(made),
            ..item
        });
        left = left.saturating_sub(token_estimate(length));
    }
    kept.reverse();
    let record = reader.record(place)?;
    let summary = Content::of(&record).payload.get_string("message");
    let summary = summary.filter(|summary| !summary.is_empty());
    let summary = summary.unwrap_or(Cow::Borrowed("(no summary available)"));
    let made = user_message(&[summary], None);
    kept.push(HistoryItem {
        origin: Origin::Summary,
        place,
        span: span_of(lineage, place),
        class: classify(Raw::new(&made)),
        made: Some(made),
    });
    Ok(kept)
}

/// What a budget of tokens allows of a message, as the parts of its new one, and whether it was cut.
fn within<'a>(parts: Vec<Cow<'a, str>>, tokens: usize, rules: &Rules) -> (Vec<Cow<'a, str>>, bool) {
    let whole = parts.concat();
    let Some((start, gone, end)) = cut_middle(&whole, Budget::Tokens(tokens)) else {
        let parts = match rules.keeps_message_parts {
            true => parts,
            false => vec![Cow::Owned(whole)],
        };
        return (parts, false);
    };
    let new = [start, gone.as_str(), end];
    let new = match rules.keeps_cut_parts {
        true => new.map(|part| Cow::Owned(part.to_owned())).to_vec(),
        false => vec![Cow::Owned(new.concat())],
    };
    (new, true)
}

/// The texts of a user message, without the tags that Codex puts around pictures.
fn user_texts(item: Raw<'_>) -> Vec<Cow<'_, str>> {
    let Some(content) = item.get("content") else {
        return Vec::new();
    };
    let parts: Vec<Raw<'_>> = content.items().collect();
    let is_picture = |at: Option<usize>| {
        at.and_then(|at| parts.get(at)?.get_string("type"))
            .is_some_and(|kind| kind == "input_image")
    };
    let texts = parts.iter().enumerate().filter_map(|(at, part)| {
        let text = part.get_string("text")?;
        let opens = text.starts_with("<image") && text.ends_with('>') && is_picture(Some(at + 1));
        let closes = text == "</image>" && is_picture(at.checked_sub(1));
        (!opens && !closes).then_some(text)
    });
    texts.collect()
}

fn user_message(texts: &[Cow<'_, str>], id: Option<&str>) -> String {
    let id = id.map_or(String::new(), |id| format!(r#""id":{},"#, quoted(id)));
    let parts = texts
        .iter()
        .map(|text| format!(r#"{{"type":"input_text","text":{}}}"#, quoted(text)));
    let parts = parts.collect::<Vec<_>>().join(",");
    format!(r#"{{"type":"message",{id}"role":"user","content":[{parts}]}}"#)
}
