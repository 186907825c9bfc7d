//! Looks through the inside of JSON strings, many bytes at a time.

/// Length of the escape that `bytes` begins with, 0 when it is not all there; an error is the offset of the bad byte.
pub(super) fn escape_length(bytes: &[u8]) -> Result<usize, usize> {
    match bytes.get(1) {
        None => Ok(0),
        Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => Ok(2),
        Some(b'u') => {
            let hex = &bytes[2..bytes.len().min(6)];
            match hex.iter().position(|byte| !byte.is_ascii_hexdigit()) {
                Some(bad) => Err(2 + bad),
                None if hex.len() == 4 => Ok(6),
                None => Ok(0),
            }
        }
        Some(_) => Err(1),
    }
}

/// Bytes before the first that is special inside a string: a quote, a backslash or a control character.
#[inline]
pub(super) fn plain_length(bytes: &[u8]) -> usize {
    const WIDE: usize = 32;
    const WORD: usize = 8;
    let mut at = 0;
    // Words first: most strings are short. Behind them wide steps, which the compiler turns into vector instructions.
    while let Some(word) = bytes[at..].first_chunk::<WORD>() {
        let special = special_bits(u64::from_le_bytes(*word));
        if special != 0 {
            return at + special.trailing_zeros() as usize / 8;
        }
        at += WORD;
        if at % WIDE == 0 {
            while let Some(wide) = bytes[at..].first_chunk::<WIDE>()
                && !has_special(wide)
            {
                at += WIDE;
            }
        }
    }
    let rest = &bytes[at..];
    at + rest
        .iter()
        .position(|&byte| is_special(byte))
        .unwrap_or(rest.len())
}

fn is_special(byte: u8) -> bool {
    byte == b'"' || byte == b'\\' || byte < 0x20
}

/// No early exit and no branch: only then the compiler looks at many bytes at a time.
#[inline]
fn has_special<const N: usize>(bytes: &[u8; N]) -> bool {
    bytes.iter().fold(0, |found, &byte| {
        found | u8::from(byte == b'"') | u8::from(byte == b'\\') | u8::from(byte < 0x20)
    }) != 0
}

/// Sets the high bit of the lowest special byte; bits above it may be set wrongly (by the borrow of the subtraction).
#[inline]
fn special_bits(word: u64) -> u64 {
    const ONES: u64 = u64::MAX / 255;
    let quote = word ^ (ONES * b'"' as u64);
    let backslash = word ^ (ONES * b'\\' as u64);
    let below = |value: u64, limit: u64| value.wrapping_sub(ONES * limit) & !value;
    (below(quote, 1) | below(backslash, 1) | below(word, 0x20)) & (ONES << 7)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_first_special_byte_at_any_distance() {
        for special in [b'"', b'\\', 0, 0x1f, b'\n'] {
            for length in 0..150 {
                let mut bytes = vec![b'#'; length];
                bytes.extend([special, 0x80, 0x21, b'"']);
                assert_eq!(plain_length(&bytes), length, "{special} {length}");
            }
        }
        let all: Vec<u8> = (0x20..=0xff).filter(|&b| b != b'"' && b != b'\\').collect();
        assert_eq!(plain_length(&all), all.len());
    }
}
