//! What an agent would send if it resumed a thread now.

use std::io;

use super::item::{WireItem, wire_items};
use crate::rollout::history::History;
use crate::rollout::history::ItemText;
use crate::rollout::history::Lineage;
use crate::rollout::rules::Rules;

/// The beginning of the first request after a resume or a fork.
///
/// Behind these items come, at that moment, messages that say what changed in the surroundings, and the prompt.
#[derive(Debug, Clone)]
pub struct Prediction {
    /// The items that come from disk, as they would be sent.
    pub items: Vec<WireItem>,
    /// The items that the wire items come from.
    pub history: History,
    /// Their texts.
    pub texts: Vec<ItemText>,
    /// Base instructions that would stand before the items as a developer message which is not on disk, `None` where
    /// they are a field of the request or stand among the items. Codex 0.169 leaves out lines about tools that it does
    /// not offer.
    pub instructions: Option<String>,
}

/// Predicts what would be sent of the records before `until` (`None` for all), by the rules of the agent that resumes.
///
/// # Errors
///
/// When a file can't be read any more.
pub fn predict_resume(
    lineage: &Lineage,
    until: Option<usize>,
    rules: &Rules,
) -> io::Result<Prediction> {
    let history = History::plan(lineage, until, rules)?;
    let texts = history.load(lineage)?;
    let items = wire_items(&texts, rules);
    let has_tools = texts
        .iter()
        .any(|item| item.text.starts_with(r#"{"type":"additional_tools""#));
    let meta = lineage.own().index.meta();
    let instructions = meta
        .and_then(|meta| meta.base_instructions.clone())
        .filter(|_| rules.sends_instructions_as_item && !has_tools);
    Ok(Prediction {
        items,
        history,
        texts,
        instructions,
    })
}
