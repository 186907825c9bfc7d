//! All rules of this contract.

use crate::check::attempts::View;
use crate::check::profiles::Profile;
use crate::check::sink::Sink;

use super::agree;
use super::headers;
use super::item_ids;
use super::memory;
use super::metadata;
use super::rules;
use super::sent::sent;
use super::stable::{Known, check_agent, check_cache_keys, check_installations};
use super::subagent;
use super::turns::{check_compactions, check_inference_ids, check_starts, check_turns};

/// Checks who the requests of a capture say they are.
///
/// No rule needs an exchange that may be missing: what stays the same does so over gaps.
pub(in crate::check) fn check(view: &View<'_>, profile: &Profile, sink: &mut Sink) {
    let all = sent(view);
    let whose = agree::check(&all, profile, sink);
    metadata::check(&all, profile, sink);
    headers::check(&all, profile, sink);
    subagent::check(view, &all, profile, sink);
    memory::check(&all, profile, sink);
    let known = Known::new(&all, &whose);
    for thread in &view.threads {
        check_cache_keys(thread, &known, profile, sink);
        check_agent(thread, &known, sink);
        check_starts(thread, &known, sink);
        check_compactions(thread, &known, profile, sink);
        item_ids::check(thread, profile, sink);
    }
    check_installations(&known, sink);
    check_turns(&view.threads, &known, sink);
    check_inference_ids(&all, sink);
    let has_none = all.iter().all(|one| one.headers.is_none());
    if has_none && !all.is_empty() {
        let reason = "the capture does not hold the headers of requests".to_owned();
        sink.not_checked(rules::HEADERS, None, reason);
    }
}
