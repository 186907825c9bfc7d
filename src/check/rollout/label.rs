//! Places in records for a person.

use crate::json::Pointer;

use super::replay::Origin;

/// Where an item stands in its record.
pub(super) fn pointer_in_record(origin: Origin) -> Pointer {
    let payload = Pointer::root().key("payload");
    match origin.element {
        Some(element) => payload.key("replacement_history").index(element),
        None => payload,
    }
}
