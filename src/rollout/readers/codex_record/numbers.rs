//! Numbers of JSON that Codex does not read.

/// Digits of the shortest integer that may not fit into 64 bits.
const DIGITS: usize = 19;

/// Whether a JSON text holds an integer that 64 bits do not hold.
///
/// Codex 0.169.0 passes over a record with one anywhere, while it reads floats of any size; 0.125.0 did the opposite.
pub(super) fn has_huge_integer(text: &str) -> bool {
    let bytes = text.as_bytes();
    // A run of so many digits has one at a multiple of their number, whatever it begins at.
    let mut places = (0..bytes.len()).step_by(DIGITS);
    places.any(|at| is_long_run(bytes, at)) && numbers(text).any(is_huge)
}

fn is_long_run(bytes: &[u8], at: usize) -> bool {
    if !bytes[at].is_ascii_digit() {
        return false;
    }
    let is_digit = |byte: &&u8| byte.is_ascii_digit();
    let before = bytes[..at].iter().rev().take_while(is_digit).count();
    let from = bytes[at..].iter().take_while(is_digit).count();
    before + from >= DIGITS
}

fn is_huge(number: &str) -> bool {
    let is_integer = !number.contains(['.', 'e', 'E']);
    is_integer && number.parse::<i64>().is_err() && number.parse::<u64>().is_err()
}

/// The texts of the numbers outside strings.
fn numbers(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        loop {
            let at = rest.find(|c: char| c == '"' || c == '-' || c.is_ascii_digit())?;
            rest = &rest[at..];
            if rest.starts_with('"') {
                rest = &rest[string_length(rest)..];
                continue;
            }
            let end = |c: char| !matches!(c, '+' | '-' | '.' | 'e' | 'E' | '0'..='9');
            let (number, behind) = rest.split_at(rest.find(end).unwrap_or(rest.len()));
            rest = behind;
            return Some(number);
        }
    })
}

/// Bytes of the string that a text begins with, quotes included.
fn string_length(text: &str) -> usize {
    let mut is_escaped = false;
    let end = text.bytes().skip(1).position(|byte| {
        let is_end = byte == b'"' && !is_escaped;
        is_escaped = byte == b'\\' && !is_escaped;
        is_end
    });
    end.map_or(text.len(), |end| end + 2)
}

#[cfg(test)]
mod tests {
    use super::has_huge_integer;

    #[test]
    fn finds_integers_beyond_64_bits() {
        assert!(has_huge_integer("[18446744073709551616]"));
        assert!(has_huge_integer(r#"{"a":"x\"","b":-9223372036854775809}"#));
        assert!(has_huge_integer(
            r#"{"ab":1e400,"c":123456789012345678901234567890}"#
        ));
    }

    #[test]
    fn leaves_floats_texts_and_what_fits() {
        for text in [
            "[18446744073709551615,-9223372036854775808]",
            r#"{"a":"123456789012345678901234567890"}"#,
            r#"["\"123456789012345678901234567890"]"#,
            "[1e400,123456789012345678901234567890.5]",
            "[]",
            "",
        ] {
            assert!(!has_huge_integer(text), "{text}");
        }
    }
}
