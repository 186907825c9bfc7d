//! The rules by their names.

use super::super::sink::RuleName;

pub(super) const CALL_WITHOUT_OUTPUT: RuleName = RuleName::error("call-without-output");
pub(super) const OUTPUT_WITHOUT_CALL: RuleName = RuleName::error("output-without-call");
pub(super) const OUTPUT_DOUBLED: RuleName = RuleName::error("output-doubled");
pub(super) const OUTPUT_TYPE_WRONG: RuleName = RuleName::error("output-type-wrong");
pub(super) const OUTPUT_BEFORE_CALL: RuleName = RuleName::error("output-before-call");
pub(super) const OUTPUTS_OUT_OF_ORDER: RuleName = RuleName::warning("outputs-out-of-order");
pub(super) const CALL_UNANSWERED: RuleName = RuleName::error("call-unanswered");
pub(super) const CALL_EXECUTED_TWICE: RuleName = RuleName::error("call-executed-twice");
pub(super) const ARGUMENTS_CHANGED: RuleName = RuleName::error("arguments-changed");
pub(super) const DELIVERED_ITEM_MISSING: RuleName = RuleName::error("delivered-item-missing");
pub(super) const PARALLEL_CALL_LOST: RuleName = RuleName::error("parallel-call-lost");
pub(super) const ITEM_INVENTED: RuleName = RuleName::error("item-invented");
pub(super) const ITEM_ALTERED: RuleName = RuleName::error("item-altered");
pub(super) const OUTPUT_ALTERED: RuleName = RuleName::error("output-altered");

/// The rules that need the requests before one.
pub(in super::super) const ACROSS_REQUESTS: &[&str] = &[
    CALL_UNANSWERED.name,
    CALL_EXECUTED_TWICE.name,
    ARGUMENTS_CHANGED.name,
    DELIVERED_ITEM_MISSING.name,
    PARALLEL_CALL_LOST.name,
    ITEM_INVENTED.name,
    ITEM_ALTERED.name,
    OUTPUT_ALTERED.name,
];

/// The rules that need the whole input of a request.
pub(super) const WHOLE_INPUT: &[&str] = &[
    OUTPUT_WITHOUT_CALL.name,
    OUTPUT_BEFORE_CALL.name,
    ITEM_INVENTED.name,
];
