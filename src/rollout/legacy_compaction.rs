//! Compactions that left only a summary, as Codex before about 0.6x wrote them.

use std::borrow::Cow;
use std::io;

use crate::json::Raw;

use super::history::{HistoryItem, Origin, payload_of, span_of};
use super::lineage::{Lineage, Place};
use super::load::{TextReader, quoted};
use super::truncate::{Budget, token_estimate, truncate_middle};
use super::user_message::ItemClass;

/// Tokens of user messages that are kept, by four bytes each (`COMPACT_USER_MESSAGE_MAX_TOKENS`, all versions).
const KEPT_USER_TOKENS: usize = 20_000;

/// How the user message begins that holds the summary of an earlier compaction.
const SUMMARY_BEGINNING: &str =
    "Another language model started to solve this problem and produced a summary";

/// What is left of a history: the newest messages of the user, within the budget, and the summary as a user message.
///
/// Codex 0.169 still reads such files so; context messages come again with the next turn.
pub(super) fn compact_by_summary(
    lineage: &Lineage,
    place: Place,
    items: Vec<HistoryItem>,
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
        let record;
        let item_text = match (&item.made, item.origin) {
            (Some(made), _) => Raw::new(made),
            (None, Origin::Record) => {
                record = reader.record(item.place)?;
                match payload_of(&record) {
                    Some(payload) => payload,
                    None => continue,
                }
            }
            (None, _) => {
                record = reader.span(item.place.file, item.span.clone())?;
                Raw::new(&record)
            }
        };
        let text = user_text(item_text);
        if text.starts_with(SUMMARY_BEGINNING) {
            continue;
        }
        let new = truncate_middle(&text, Budget::Tokens(left));
        let is_cut = matches!(new, Cow::Owned(_));
        let id = item_text.get_string("id");
        kept.push(HistoryItem {
            origin: Origin::KeptUserMessage { is_cut },
            made: Some(user_message(&new, id.as_deref())),
            ..item
        });
        left = left.saturating_sub(token_estimate(text.len()));
    }
    kept.reverse();
    let record = reader.record(place)?;
    let summary = payload_of(&record).and_then(|payload| payload.get_string("message"));
    let summary = summary.filter(|summary| !summary.is_empty());
    kept.push(HistoryItem {
        origin: Origin::Summary,
        place,
        span: span_of(lineage, place),
        class: ItemClass::UserTurn,
        made: Some(user_message(
            summary.as_deref().unwrap_or("(no summary available)"),
            None,
        )),
    });
    Ok(kept)
}

/// The texts of a user message in one, without the tags that Codex puts around pictures.
fn user_text(item: Raw<'_>) -> String {
    let parts: Vec<Raw<'_>> = item
        .get("content")
        .map_or(Vec::new(), |content| content.items().collect());
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

fn user_message(text: &str, id: Option<&str>) -> String {
    let id = id.map_or(String::new(), |id| format!(r#""id":{},"#, quoted(id)));
    let text = quoted(text);
    format!(
        r#"{{"type":"message",{id}"role":"user","content":[{{"type":"input_text","text":{text}}}]}}"#
    )
}
