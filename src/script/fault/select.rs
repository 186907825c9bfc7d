//! Which faults an answer has, the text style they ask for, and which of its events they hit.

use super::random::Random;
use super::{Count, Fault, FaultError, FaultKind, Place};
use crate::script::encode::TextStyle;

/// The faults of the `count`-th answer of a step, from 1.
pub(in crate::script) fn active<'f>(
    faults: &'f [Fault],
    count: u32,
    random: &mut Random,
) -> Vec<&'f FaultKind> {
    faults
        .iter()
        .filter(|fault| {
            // Drawn for every fault, so that one more counted fault does not change the others' luck.
            let is_hit = fault.chance.is_none_or(|chance| random.chance(chance));
            is_hit && fault.times.is_none_or(|times| count <= times)
        })
        .map(|fault| &fault.kind)
        .collect()
}

/// Whether a fault depends on the seed.
pub(in crate::script) fn is_random(fault: &Fault) -> bool {
    let is = |count: &Count| *count == Count::Random;
    let is_place = |at: &Place| match at {
        Place::BeforeHead | Place::AfterHead | Place::AtEnd => false,
        Place::AfterEvent(count)
        | Place::AfterBytes(count)
        | Place::InEvent(count, _)
        | Place::InChunk(count)
        | Place::InCharacter(count) => is(count),
    };
    let is_kind = match &fault.kind {
        FaultKind::Failed { after_event, .. }
        | FaultKind::Incomplete { after_event, .. }
        | FaultKind::ErrorEvent { after_event, .. }
        | FaultKind::CloseFrame { after_event, .. } => after_event.as_ref().is_some_and(is),
        FaultKind::Cut { at, .. } | FaultKind::Pause { at, .. } => is_place(at),
        FaultKind::Duplicate { event, .. } | FaultKind::Malformed { event, .. } => is(event),
        FaultKind::Drop(counts) => counts.iter().any(is),
        FaultKind::Swap(first, second) => is(first) || is(second),
        FaultKind::Shuffle => true,
        FaultKind::Unknown { after_event, .. }
        | FaultKind::BadChunk { after_event, .. }
        | FaultKind::Ping { after_event } => is(after_event),
        FaultKind::Chunks { sizes, .. } => sizes.is_empty(),
        _ => false,
    };
    is_kind
        || fault
            .chance
            .is_some_and(|chance| chance > 0.0 && chance < 1.0)
}

/// The style of the stream's text.
pub(in crate::script) fn text_style(faults: &[&FaultKind]) -> TextStyle {
    let mut style = TextStyle::default();
    for fault in faults {
        match fault {
            FaultKind::Comments(text) => style.comment = Some(text.clone()),
            FaultKind::LineEnds(end) => style.line_end = end,
            FaultKind::MultiLine => style.is_multi_line = true,
            FaultKind::Nameless => style.is_nameless = true,
            FaultKind::Done => style.has_done = true,
            _ => {}
        }
    }
    style
}

/// Positions of what is so.
pub(super) fn positions_where<T>(pieces: &[T], is_so: impl Fn(&T) -> bool) -> Vec<usize> {
    let positions = pieces.iter().enumerate();
    positions
        .filter(|(_, piece)| is_so(piece))
        .map(|(at, _)| at)
        .collect()
}

/// The position of the event of a number, from 1, out of the positions of all.
///
/// # Errors
///
/// When there are fewer events.
pub(super) fn nth_event(
    positions: &[usize],
    count: Count,
    fault: &'static str,
    random: &mut Random,
) -> Result<usize, FaultError> {
    let number = match count {
        Count::Exact(number) => number,
        Count::Random => random.between(1, positions.len() as u64),
    };
    let position = number
        .checked_sub(1)
        .and_then(|index| positions.get(index as usize));
    position
        .copied()
        .ok_or_else(|| FaultError::no_event(fault, number, positions.len()))
}
