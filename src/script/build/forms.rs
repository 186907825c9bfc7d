//! Values of the language in their JSON form.

use std::time::Duration;

use serde_json::{Value, json};

use crate::script::fault::Count;
use crate::script::model::{Deltas, Usage};

pub(super) fn duration(time: Duration) -> Value {
    // The shortest text of a number, and seconds up to 100 days keep every nanosecond in it.
    format!("{}s", time.as_secs_f64()).into()
}

pub(super) fn deltas(deltas: Deltas) -> Value {
    match deltas {
        Deltas::Characters(count) => count.into(),
        Deltas::Words => "words".into(),
        Deltas::Whole => "whole".into(),
        Deltas::None => "none".into(),
    }
}

pub(super) fn usage(usage: Usage) -> Value {
    if usage.is_absent {
        return false.into();
    }
    let mut counts = json!({ "cached": usage.cached, "reasoning": usage.reasoning });
    let given = [
        ("input", usage.input),
        ("cache_write", usage.cache_write),
        ("output", usage.output),
        ("total", usage.total),
    ];
    for (key, count) in given {
        if let Some(count) = count {
            counts[key] = count.into();
        }
    }
    counts
}

pub(super) fn count(count: Count) -> Value {
    match count {
        Count::Exact(number) => number.into(),
        Count::Random => "random".into(),
    }
}

impl From<u64> for Count {
    fn from(number: u64) -> Self {
        Count::Exact(number)
    }
}

impl From<u64> for Usage {
    /// So many tokens in all.
    fn from(total: u64) -> Self {
        Self {
            total: Some(total),
            ..Self::default()
        }
    }
}
