//! Typed netstrings (`LENGTH:DATA` and a type character), in which mitmproxy saves flows.

/// Most digits of a length that is believed: mitmproxy writes no longer ones.
const MAX_LENGTH_DIGITS: usize = 12;

/// Levels of lists and dictionaries that are read; flows have about ten.
const MAX_DEPTH: usize = 64;

/// A value; texts and numbers borrow the file.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Tnet<'a> {
    /// `~`
    Null,
    /// `!`
    Bool(bool),
    /// `#` and `^`, as written.
    Number(&'a str),
    /// `,`
    Bytes(&'a [u8]),
    /// `;`
    Text(&'a str),
    /// `]`
    List(Vec<Tnet<'a>>),
    /// `}`
    Dict(Vec<(Tnet<'a>, Tnet<'a>)>),
}

/// Why no value can be read at a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TnetError {
    /// The bytes end before the value does.
    Truncated,
    /// The bytes are no tnetstring; the offset is that of the value.
    Malformed(usize),
}

/// A value's parts: its data, its type, and the place behind it.
struct Framed {
    data: std::ops::Range<usize>,
    kind: u8,
    end: usize,
}

/// Reads the length and finds the type character, without looking at the data.
fn framed(bytes: &[u8], at: usize) -> Result<Framed, TnetError> {
    let rest = bytes.get(at..).unwrap_or_default();
    let head = &rest[..rest.len().min(MAX_LENGTH_DIGITS + 1)];
    let digits = head.iter().take_while(|b| b.is_ascii_digit()).count();
    match rest.get(digits) {
        None if digits <= MAX_LENGTH_DIGITS => return Err(TnetError::Truncated),
        Some(b':') if (1..=MAX_LENGTH_DIGITS).contains(&digits) => {}
        _ => return Err(TnetError::Malformed(at)),
    }
    // At most twelve digits, so this neither overflows nor loses anything.
    let length = rest[..digits]
        .iter()
        .fold(0u64, |n, &digit| n * 10 + u64::from(digit - b'0'));
    let start = at + digits + 1;
    let end = usize::try_from(length)
        .ok()
        .and_then(|length| start.checked_add(length));
    let end = end
        .filter(|&end| end < bytes.len())
        .ok_or(TnetError::Truncated)?;
    Ok(Framed {
        data: start..end,
        kind: bytes[end],
        end: end + 1,
    })
}

/// The place behind the dictionary that seems to begin at `at`, by its length and type character alone.
pub(super) fn dict_end(bytes: &[u8], at: usize) -> Result<usize, TnetError> {
    match framed(bytes, at)? {
        Framed {
            kind: b'}', end, ..
        } => Ok(end),
        _ => Err(TnetError::Malformed(at)),
    }
}

/// Reads the value that begins at `at`; gives it and the place behind it.
pub(super) fn parse_tnet(bytes: &[u8], at: usize) -> Result<(Tnet<'_>, usize), TnetError> {
    parse(bytes, at, MAX_DEPTH)
}

fn parse(bytes: &[u8], at: usize, depth: usize) -> Result<(Tnet<'_>, usize), TnetError> {
    let Framed { data, kind, end } = framed(bytes, at)?;
    let malformed = TnetError::Malformed(at);
    let text = || std::str::from_utf8(&bytes[data.clone()]).map_err(|_| malformed);
    let value = match kind {
        b',' => Tnet::Bytes(&bytes[data.clone()]),
        b';' => Tnet::Text(text()?),
        b'#' | b'^' => Tnet::Number(text()?),
        b'!' => match text()? {
            "true" => Tnet::Bool(true),
            "false" => Tnet::Bool(false),
            _ => return Err(malformed),
        },
        b'~' if data.is_empty() => Tnet::Null,
        b']' | b'}' if depth > 0 => {
            let mut parts = Vec::new();
            let mut next = data.start;
            while next < data.end {
                // Bytes behind the container's own data belong to others: a part must not reach them.
                let (part, behind) =
                    parse(&bytes[..data.end], next, depth - 1).map_err(|error| match error {
                        TnetError::Truncated => TnetError::Malformed(next),
                        other => other,
                    })?;
                parts.push(part);
                next = behind;
            }
            if kind == b']' {
                Tnet::List(parts)
            } else {
                Tnet::Dict(pairs(parts).ok_or(malformed)?)
            }
        }
        _ => return Err(malformed),
    };
    Ok((value, end))
}

/// The complete members of a dictionary that the bytes end in; `None` where no dictionary seems to begin at `at`.
pub(super) fn parse_cut_dict(bytes: &[u8], at: usize) -> Option<Tnet<'_>> {
    let digits = bytes[at..]
        .iter()
        .take(MAX_LENGTH_DIGITS + 1)
        .take_while(|b| b.is_ascii_digit())
        .count();
    let mut next = at + digits + 1;
    let mut pairs = Vec::new();
    while let Ok((key, behind_key)) = parse(bytes, next, MAX_DEPTH) {
        let Ok((value, behind)) = parse(bytes, behind_key, MAX_DEPTH) else {
            break;
        };
        pairs.push((key, value));
        next = behind;
    }
    (!pairs.is_empty()).then_some(Tnet::Dict(pairs))
}

/// Keys with their values; `None` for an odd number of parts.
fn pairs(parts: Vec<Tnet<'_>>) -> Option<Vec<(Tnet<'_>, Tnet<'_>)>> {
    let mut pairs = Vec::with_capacity(parts.len() / 2);
    let mut parts = parts.into_iter();
    while let Some(key) = parts.next() {
        pairs.push((key, parts.next()?));
    }
    Some(pairs)
}

impl<'a> Tnet<'a> {
    /// The value under a key of a dictionary.
    pub(super) fn get(&self, key: &str) -> Option<&Tnet<'a>> {
        match self {
            Tnet::Dict(pairs) => pairs
                .iter()
                .find(|(name, _)| name.bytes() == Some(key.as_bytes()))
                .map(|(_, value)| value),
            _ => None,
        }
    }

    /// The items of a list; none for other kinds.
    pub(super) fn items(&self) -> &[Tnet<'a>] {
        match self {
            Tnet::List(items) => items,
            _ => &[],
        }
    }

    /// Bytes or text: old versions of mitmproxy write as the one what newer ones write as the other.
    pub(super) fn bytes(&self) -> Option<&'a [u8]> {
        match self {
            Tnet::Bytes(bytes) => Some(bytes),
            Tnet::Text(text) => Some(text.as_bytes()),
            _ => None,
        }
    }

    /// A number.
    pub(super) fn number(&self) -> Option<f64> {
        match self {
            Tnet::Number(text) => text.parse().ok().filter(|number: &f64| number.is_finite()),
            _ => None,
        }
    }

    /// `true` or `false`.
    pub(super) fn boolean(&self) -> Option<bool> {
        match self {
            Tnet::Bool(value) => Some(*value),
            _ => None,
        }
    }

    /// The value as JSON: bytes as text (Latin-1 where they are no UTF-8), dictionaries as objects.
    pub(super) fn to_json(&self) -> serde_json::Value {
        match self {
            Tnet::Null => serde_json::Value::Null,
            Tnet::Bool(value) => (*value).into(),
            Tnet::Number(text) => serde_json::from_str(text).unwrap_or_else(|_| (*text).into()),
            Tnet::Bytes(bytes) => super::shared::latin1_or_utf8(bytes).into(),
            Tnet::Text(text) => (*text).into(),
            Tnet::List(items) => items.iter().map(Tnet::to_json).collect(),
            Tnet::Dict(pairs) => pairs
                .iter()
                .map(|(key, value)| (key.key_text(), value.to_json()))
                .collect(),
        }
    }

    /// A dictionary's key as text.
    pub(super) fn key_text(&self) -> String {
        match self.bytes() {
            Some(bytes) => super::shared::latin1_or_utf8(bytes).into_owned(),
            None => self.to_json().to_string(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expect: Result<Tnet<'_>, TnetError>) {
        assert_eq!(
            parse_tnet(text.as_bytes(), 0).map(|(value, _)| value),
            expect,
            "{text}"
        );
    }

    #[test]
    fn reads_every_type() {
        check("0:~", Ok(Tnet::Null));
        check("4:true!", Ok(Tnet::Bool(true)));
        check("2:-7#", Ok(Tnet::Number("-7")));
        check("3:1.5^", Ok(Tnet::Number("1.5")));
        check("2:\u{e9};", Ok(Tnet::Text("\u{e9}")));
        check("0:]", Ok(Tnet::List(vec![])));
        check(
            "10:1:a;3:b:c,}",
            Ok(Tnet::Dict(vec![(Tnet::Text("a"), Tnet::Bytes(b"b:c"))])),
        );
        assert_eq!(parse_tnet(b"xx3:abc,yy", 2), Ok((Tnet::Bytes(b"abc"), 8)));
    }

    #[test]
    fn never_reads_past_what_is_there() {
        check("", Err(TnetError::Truncated));
        check("12", Err(TnetError::Truncated));
        check("3:ab,", Err(TnetError::Truncated));
        check("999999999999:a,", Err(TnetError::Truncated));
        check("9999999999999:a,", Err(TnetError::Malformed(0)));
        check("1:a?", Err(TnetError::Malformed(0)));
        check("4:1:a;}", Err(TnetError::Malformed(0)));
        check("3:9:a]", Err(TnetError::Malformed(2)));
        check("3:3:a]z,", Err(TnetError::Malformed(2)));
        check("3:yes!", Err(TnetError::Malformed(0)));
        check("1:a~", Err(TnetError::Malformed(0)));
        let mut deep = "0:]".to_owned();
        for _ in 0..10_000 {
            deep = format!("{}:{deep}]", deep.len());
        }
        assert!(matches!(
            parse_tnet(deep.as_bytes(), 0),
            Err(TnetError::Malformed(_))
        ));
    }
}
