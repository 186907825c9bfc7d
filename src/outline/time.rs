//! Times as records write them.

/// Milliseconds from one time to another, both as RFC 3339 writes them; `None` where one can't be read, or the later one
/// is earlier.
pub(super) fn elapsed_ms(from: &str, to: &str) -> Option<f64> {
    let read = |text: &str| text.parse::<jiff::Timestamp>().ok();
    let elapsed = read(to)?.as_millisecond() - read(from)?.as_millisecond();
    (elapsed >= 0).then_some(elapsed as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_passes_forward_only() {
        let check = |from, to, expect| assert_eq!(elapsed_ms(from, to), expect);
        let start = "2026-11-21T02:04:35.392Z";
        check(start, "2026-11-21T02:04:36.400Z", Some(1008.0));
        check(start, "2026-11-21T03:04:35.392+01:00", Some(0.0));
        check(start, "2026-11-21T02:04:35.391Z", None);
        check(start, "soon", None);
    }
}
