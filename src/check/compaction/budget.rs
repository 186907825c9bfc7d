//! Which messages of the user stay beside a summary.

/// Bytes of a token, as Codex estimates (0.115.0–0.169.0, source); pycodex counts characters (0.1.13, source).
const TOKEN: u64 = 4;

/// What becomes of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    /// It stays as it is.
    Stays,
    /// It may be cut, or be gone.
    MayBeCut,
    /// There is no room for it.
    Goes,
}

/// What becomes of messages, oldest first, when there is room for so many tokens; the newest ones stay.
pub(super) fn fates(messages: &[String], budget: Option<u64>) -> Vec<Fate> {
    let mut fates = vec![Fate::Stays; messages.len()];
    let Some(budget) = budget else {
        return fates;
    };
    // Tokens of those that are newer, at most and at least: who counts characters finds fewer.
    let (mut most, mut least) = (0, 0);
    for (message, fate) in messages.iter().zip(&mut fates).rev() {
        *fate = match () {
            () if least >= budget => Fate::Goes,
            () if most + tokens(message.len()) > budget => Fate::MayBeCut,
            () => Fate::Stays,
        };
        most += tokens(message.len());
        least += message.chars().count() as u64 / TOKEN;
    }
    fates
}

fn tokens(bytes: usize) -> u64 {
    (bytes as u64).div_ceil(TOKEN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_messages_have_room() {
        let check = |lengths: &[usize], budget: Option<u64>, expect: &[Fate]| {
            let messages: Vec<String> = lengths.iter().map(|length| "x".repeat(*length)).collect();
            assert_eq!(fates(&messages, budget), expect, "{lengths:?} {budget:?}");
        };
        use Fate::{Goes, MayBeCut, Stays};
        check(&[400, 400], None, &[Stays, Stays]);
        check(&[400, 400], Some(200), &[Stays, Stays]);
        check(&[400, 400], Some(199), &[MayBeCut, Stays]);
        check(&[400, 400, 400], Some(150), &[Goes, MayBeCut, Stays]);
        check(&[400, 400], Some(50), &[Goes, MayBeCut]);
        check(&[], Some(0), &[]);
    }
}
