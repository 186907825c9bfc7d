//! The kinds of mutations, by name.

mod body;
mod controls;
mod exchanges;
mod headers;
mod ids;
mod items;
mod responses;
mod tools;

use super::rng::Rng;
use super::trace::Trace;
use super::verdict::{Class, Expectation};

/// Mutates a trace; `None` when the trace has nothing of the kind.
pub(crate) type Apply = fn(&mut Trace, &mut Rng) -> Option<Expectation>;

pub(crate) struct Kind {
    pub(crate) name: &'static str,
    pub(crate) class: Class,
    pub(crate) apply: Apply,
}

const fn divergence(name: &'static str, apply: Apply) -> Kind {
    kind(name, Class::Divergence, apply)
}

const fn form(name: &'static str, apply: Apply) -> Kind {
    kind(name, Class::Form, apply)
}

const fn note(name: &'static str, apply: Apply) -> Kind {
    kind(name, Class::Note, apply)
}

const fn quiet(name: &'static str, apply: Apply) -> Kind {
    kind(name, Class::Quiet, apply)
}

const fn kind(name: &'static str, class: Class, apply: Apply) -> Kind {
    Kind { name, class, apply }
}

pub(crate) const KINDS: &[Kind] = &[
    divergence("header dropped", headers::dropped),
    divergence("header renamed", headers::renamed),
    divergence("header value changed", headers::value_changed),
    divergence("header added", headers::added),
    form("header duplicated", headers::duplicated),
    divergence("turn metadata field changed", headers::metadata_changed),
    divergence("turn metadata kind changed", headers::metadata_kind_changed),
    divergence("id fresh in one header", ids::fresh_in_header),
    divergence("id fresh in one body field", ids::fresh_in_body),
    divergence("id fresh in turn metadata", ids::fresh_in_metadata),
    divergence("id fresh in one item", ids::fresh_in_item),
    divergence("call_id changed on the call", ids::call_id_on_call),
    divergence("call_id changed on the output", ids::call_id_on_output),
    divergence("two ids merged", ids::merged),
    divergence("item dropped", items::dropped),
    divergence("item doubled", items::doubled),
    divergence("item added", items::added),
    divergence("item moved", items::moved),
    divergence("items swapped", items::swapped),
    divergence("item role changed", items::role_changed),
    divergence("item type changed", items::type_changed),
    divergence("item member added", items::member_added),
    divergence("content part dropped", items::part_dropped),
    divergence("arguments value changed", items::arguments_changed),
    divergence("letter of instructions", items::instructions_changed),
    divergence("letter of a message", items::text_changed),
    divergence("letter of a tool output", items::output_changed),
    divergence("letter deep in a tool", tools::schema_letter_changed),
    divergence("type deep in a tool", tools::schema_type_changed),
    divergence("tool description changed", tools::description_changed),
    divergence("tool required dropped", tools::required_dropped),
    divergence("tool dropped", tools::dropped),
    divergence("tool added", tools::added),
    divergence("tool renamed", tools::renamed),
    divergence("scalar changed", body::scalar_changed),
    divergence("scalar retyped", body::scalar_retyped),
    divergence("scalar set to null", body::scalar_nulled),
    divergence("scalar removed", body::scalar_removed),
    divergence("key added", body::key_added),
    divergence("nested key added", body::nested_key_added),
    divergence("include element removed", body::include_removed),
    divergence("client_metadata key dropped", body::client_metadata_dropped),
    divergence("event dropped", responses::event_dropped),
    divergence("event doubled", responses::event_doubled),
    divergence("events swapped", responses::events_swapped),
    divergence("event field changed", responses::event_field_changed),
    divergence("event key dropped", responses::event_key_dropped),
    divergence("terminal event changed", responses::terminal_changed),
    divergence("stream end changed", responses::end_changed),
    divergence("status changed", responses::status_changed),
    form(
        "response header changed",
        responses::response_header_changed,
    ),
    divergence("exchange dropped", exchanges::dropped),
    divergence("exchange added", exchanges::added),
    divergence("exchange doubled", exchanges::doubled),
    divergence("method changed", exchanges::method_changed),
    divergence("path changed", exchanges::path_changed),
    divergence("websocket item dropped", exchanges::frame_item_dropped),
    divergence(
        "websocket previous id changed",
        exchanges::previous_response_changed,
    ),
    divergence(
        "websocket previous id dropped",
        exchanges::previous_response_dropped,
    ),
    divergence("websocket event dropped", responses::frame_dropped),
    note("header order swapped", headers::order_swapped),
    note("arguments white space", items::arguments_spaced),
    note("number form", body::number_form),
    note("tools reordered", tools::reordered),
    quiet("header case changed", headers::case_changed),
    quiet("body key order", body::key_order),
    quiet("body written otherwise", controls::body_form_changed),
    quiet("written again", controls::untouched),
    quiet("all ids renamed", ids::all_renamed),
    quiet("times shifted", controls::times_shifted),
    quiet("chunks renewed", controls::chunks_renewed),
    quiet("port changed", controls::port_changed),
    quiet("directory changed", controls::directory_changed),
];
