//! Cuts long texts in the middle, as Codex does.

use std::borrow::Cow;

/// How much of a text Codex keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Budget {
    /// Tokens, each counted as four bytes.
    Tokens(usize),
    /// Bytes.
    Bytes(usize),
}

/// Tokens of a text of this many bytes, by Codex's estimate.
pub(super) fn token_estimate(bytes: usize) -> usize {
    bytes.div_ceil(4)
}

impl Budget {
    fn bytes(self) -> usize {
        match self {
            Self::Tokens(tokens) => tokens.saturating_mul(4),
            Self::Bytes(bytes) => bytes,
        }
    }

    /// What a text of this many bytes costs.
    pub(super) fn cost(self, bytes: usize) -> usize {
        match self {
            Self::Tokens(_) => token_estimate(bytes),
            Self::Bytes(_) => bytes,
        }
    }

    /// How much it is, in its own unit.
    pub(super) fn amount(self) -> usize {
        let (Self::Tokens(amount) | Self::Bytes(amount)) = self;
        amount
    }

    /// The same unit with another amount.
    pub(super) fn with(self, amount: usize) -> Self {
        match self {
            Self::Tokens(_) => Self::Tokens(amount),
            Self::Bytes(_) => Self::Bytes(amount),
        }
    }

    /// A fifth more, which Codex allows where an output goes into the history.
    pub(super) fn with_a_fifth_more(self) -> Self {
        self.with(self.amount() + self.amount().div_ceil(5))
    }
}

/// Keeps the beginning and the end of a text that is over the budget and says between them how much is gone.
pub(super) fn truncate_middle(text: &str, budget: Budget) -> Cow<'_, str> {
    match cut_middle(text, budget) {
        None => Cow::Borrowed(text),
        Some((left, gone, right)) => Cow::Owned(format!("{left}{gone}{right}")),
    }
}

/// The three parts of a text that is over the budget; `None` for one that is not.
pub(super) fn cut_middle(text: &str, budget: Budget) -> Option<(&str, String, &str)> {
    let kept = budget.bytes();
    if text.len() <= kept {
        return None;
    }
    let left = text.floor_char_boundary(kept / 2);
    let right = text.ceil_char_boundary(text.len() - (kept - kept / 2));
    let gone = match budget {
        Budget::Tokens(_) => format!("…{} tokens truncated…", token_estimate(text.len() - kept)),
        Budget::Bytes(_) => {
            let gone = text[left..right].chars().count();
            format!("…{gone} chars truncated…")
        }
    };
    Some((&text[..left], gone, &text[right..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_both_ends() {
        let check = |text: &str, budget, expect: &str| {
            assert_eq!(truncate_middle(text, budget), expect);
        };
        check("12345678", Budget::Tokens(2), "12345678");
        check(
            "123456789abc",
            Budget::Tokens(2),
            "1234…1 tokens truncated…9abc",
        );
        check("123456789", Budget::Bytes(4), "12…5 chars truncated…89");
        check("ääää", Budget::Bytes(2), "…4 chars truncated…");
        check("abc", Budget::Tokens(0), "…1 tokens truncated…");
    }
}
