//! Texts whose middle an agent had cut out before it showed them to the model.

/// What was cut out is at least this long, or nothing can stand in its place.
const SHORTEST: usize = 8;
/// The longest text that is made up: what Codex keeps of an output is not longer.
const LONGEST: usize = 4 << 20;

/// A text that an agent would cut in the same way, of one that it may have cut: what is gone is made up. `None` where it
/// can't be.
///
/// Codex 0.115.0–0.169.0 and pycodex 0.1.13–0.5.1 keep the beginning and the end, each up to a number of bytes, put `…25224
/// tokens truncated…` between, and say how many lines there were. A token stands for 4 bytes there. `tokens` and `lines` are
/// what the head of the output says of the whole, where it does.
pub(super) fn whole(text: &str, tokens: Option<usize>, lines: Option<usize>) -> Option<String> {
    let (counted, kept) = match head_of(text) {
        Some((lines, kept)) => (Some(lines), kept),
        None => (lines, text),
    };
    let Some((start, gone, end)) = marker(kept) else {
        // Nothing was cut out of a text without a mark.
        return (kept.len() == text.len()).then(|| text.to_owned());
    };
    let lines = counted?;
    let rest = start.len() + end.len();
    let filled = (4 * gone).saturating_sub(3)..=4 * gone;
    // Both counts are rounded up; without the first one, any length that gives the second will do.
    let length = filled.rev().find(|filled| {
        let whole = tokens.unwrap_or_else(|| (rest + filled).div_ceil(4));
        (rest + filled).div_ceil(4) == whole
    })?;
    let breaks = |text: &str| text.bytes().filter(|byte| *byte == b'\n').count();
    let is_open = usize::from(!end.ends_with('\n'));
    let missing = lines.checked_sub(breaks(start) + breaks(end) + is_open)?;
    let plain = length.checked_sub(missing + SHORTEST)?;
    if length > LONGEST {
        return None;
    }
    // Letters of four bytes, so that an end that was cut before a long letter is cut there again.
    let middle = format!("🦀{}{}🦀", "\n".repeat(missing), "x".repeat(plain));
    Some(format!("{start}{middle}{end}"))
}

/// The number of lines that stands before a text, and the text.
fn head_of(text: &str) -> Option<(usize, &str)> {
    let rest = match text.strip_prefix("Warning: truncated output (original token count: ") {
        Some(rest) => rest.split_once(")\n")?.1,
        None => text,
    };
    let rest = rest.strip_prefix("Total output lines: ")?;
    let (count, text) = rest.split_once("\n\n")?;
    Some((count.parse().ok()?, text))
}

/// What stands before and behind the mark of something cut out, and how many tokens that was.
fn marker(text: &str) -> Option<(&str, usize, &str)> {
    let (before, end) = text.split_once(" tokens truncated…")?;
    let (start, count) = before.rsplit_once('…')?;
    Some((start, count.parse().ok()?, end))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Cuts a text as Codex 0.169.0 does.
    fn cut(text: &str, budget: usize) -> String {
        let mut left = budget / 2;
        while !text.is_char_boundary(left) {
            left -= 1;
        }
        let mut right = text.len() - (budget - budget / 2);
        while !text.is_char_boundary(right) {
            right += 1;
        }
        let gone = (right - left).div_ceil(4);
        format!(
            "Warning: truncated output (original token count: {})\nTotal output lines: {}\n\n{}…{gone} tokens truncated…{}",
            text.len().div_ceil(4),
            text.lines().count(),
            &text[..left],
            &text[right..]
        )
    }

    #[test]
    fn what_is_made_up_is_cut_in_the_same_way() {
        let numbers: String = (1..=20_000).map(|number| format!("{number}\n")).collect();
        let letters = "äöü€🦀\n".repeat(3000);
        for text in [numbers.as_str(), numbers.trim_end(), &letters] {
            for budget in [1000, 1001, 1002, 1003, 8000] {
                let cut_once = cut(text, budget);
                let made = whole(&cut_once, Some(text.len().div_ceil(4)), None).unwrap();
                assert_eq!(cut(&made, budget), cut_once, "{budget}");
            }
        }
    }

    #[test]
    fn what_was_not_cut_stays() {
        assert_eq!(whole("…3 tokens", None, None).as_deref(), Some("…3 tokens"));
        // Nothing says how many lines there were.
        assert_eq!(whole("a…30 tokens truncated…b", None, None), None);
        // It can't have been: there is no room for so many lines.
        assert_eq!(
            whole(
                "Total output lines: 900\n\na…30 tokens truncated…b",
                None,
                None
            ),
            None
        );
    }
}
