//! What can be had from a JSON text that is cut off: its complete members.

use std::ops::Range;

use crate::json::{Kind, Value, string_length};

/// A cut-off JSON text, closed again behind its last complete value.
#[derive(Debug)]
pub(super) struct Salvaged {
    /// The value that is left.
    pub(super) value: Value,
    /// Bytes of the text that the value holds; what follows is lost.
    pub(super) used: usize,
}

/// One array or object that is open where the text is read.
struct Open {
    is_object: bool,
    /// The key under which this container stands in its parent, without quotes and with escapes; empty in arrays.
    name: Range<usize>,
    /// The last key read in this container.
    key: Range<usize>,
    /// Whether the next string is a key.
    is_at_key: bool,
    /// Behind the last child that is known to be complete.
    complete_to: usize,
    /// Whether a scalar without quotes has begun and may go on behind the cut.
    has_open_scalar: bool,
}

/// Closes a cut-off text behind its last complete value. Of the containers that were open at the cut, those stay (with
/// what they have) for which `may_stay` holds; it is given the keys that lead to the container (array items have none).
///
/// `None` where nothing useful is left: the text is no cut-off object or array, or not JSON before the cut.
pub(super) fn salvage(text: &str, may_stay: impl Fn(&[&str]) -> bool) -> Option<Salvaged> {
    let mut open = scan(text)?;
    let names: Vec<&str> = open[1..]
        .iter()
        .filter(|o| !o.name.is_empty())
        .map(|o| &text[o.name.clone()])
        .collect();
    let mut path = names.as_slice();
    loop {
        let is_root = open.len() == 1;
        let has_name = !open.last()?.name.is_empty();
        if (has_name || is_root) && may_stay(path) {
            break;
        }
        if has_name {
            path = &path[..path.len() - 1];
        }
        open.pop();
    }
    let used = open.last()?.complete_to;
    let mut closed = text[..used].to_owned();
    closed.extend(
        open.iter()
            .rev()
            .map(|o| if o.is_object { '}' } else { ']' }),
    );
    let value = Value::parse(closed).ok()?;
    Some(Salvaged { value, used })
}

/// The object that a text begins with, as far as the text goes.
pub(super) struct Leading<'a> {
    /// The keys of its members, without quotes and with escapes; the last one's value may be cut off.
    pub(super) keys: Vec<&'a str>,
    /// The object with its complete members.
    pub(super) value: Value,
}

/// Looks at the object that a text begins with; `None` where it begins with something else.
pub(super) fn leading_object(text: &str) -> Option<Leading<'_>> {
    let mut keys = Vec::new();
    let (open, end) = walk(text, |depth, key| {
        if depth == 1 {
            keys.push(&text[key]);
        }
    });
    let value = if open.is_empty() {
        Value::parse(&text[..end]).ok()?
    } else {
        salvage(text, |path| path.is_empty())?.value
    };
    (value.node().kind() == Kind::Object).then_some(Leading { keys, value })
}

/// The containers that are open at the end of the text, outermost first; `None` where none is.
fn scan(text: &str) -> Option<Vec<Open>> {
    let (open, _) = walk(text, |_, _| {});
    (!open.is_empty()).then_some(open)
}

/// Goes through the text up to its end or to the end of its first array or object; gives what is open there, and the
/// place. `on_key` is given the depth and place of every key.
fn walk(text: &str, mut on_key: impl FnMut(usize, Range<usize>)) -> (Vec<Open>, usize) {
    let bytes = text.as_bytes();
    let mut open: Vec<Open> = Vec::new();
    let mut at = bytes.len() - text.trim_start().len();
    while at < bytes.len() {
        match bytes[at] {
            b'{' | b'[' => {
                let name = match open.last_mut() {
                    Some(parent) if parent.is_object => parent.key.clone(),
                    _ => 0..0,
                };
                open.push(Open {
                    is_object: bytes[at] == b'{',
                    name,
                    key: 0..0,
                    is_at_key: true,
                    complete_to: at + 1,
                    has_open_scalar: false,
                });
                at += 1;
            }
            b'}' | b']' => {
                at += 1;
                open.pop();
                let Some(parent) = open.last_mut() else {
                    return (open, at);
                };
                parent.complete_to = at;
            }
            b'"' => {
                let Some(length) = string_length(&bytes[at..]) else {
                    return (open, at);
                };
                let end = at + length;
                let depth = open.len();
                let Some(top) = open.last_mut() else {
                    return (open, at);
                };
                if top.is_object && top.is_at_key {
                    top.key = at + 1..end - 1;
                    on_key(depth, top.key.clone());
                } else {
                    top.complete_to = end;
                }
                at = end;
            }
            other => {
                let Some(top) = open.last_mut() else {
                    return (open, at);
                };
                match other {
                    b':' => top.is_at_key = false,
                    b',' => {
                        if std::mem::take(&mut top.has_open_scalar) {
                            top.complete_to = at;
                        }
                        top.is_at_key = true;
                    }
                    b' ' | b'\n' | b'\r' | b'\t' => {}
                    _ => top.has_open_scalar = true,
                }
                at += 1;
            }
        }
    }
    (open, at)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, allowed: &[&[&str]], expect: Option<&str>) {
        let got = salvage(text, |path| allowed.contains(&path));
        assert_eq!(got.as_ref().map(|s| s.value.text()), expect, "{text}");
    }

    #[test]
    fn keeps_complete_members_and_allowed_open_containers() {
        let allowed: &[&[&str]] = &[&[], &["b"], &["b", "list"]];
        check(
            r#"{"a":1,"b":{"c":2,"list":[1,{"x":2},{"y":"#,
            allowed,
            Some(r#"{"a":1,"b":{"c":2,"list":[1,{"x":2}]}}"#),
        );
        check(r#"{"a":1,"z":{"c":2,"#, allowed, Some(r#"{"a":1}"#));
        check(r#"{"a":[1,2"#, allowed, Some("{}"));
        check(r#"{"a":12"#, allowed, Some("{}"));
        check(r#"{"a":12,"#, allowed, Some(r#"{"a":12}"#));
        check(r#"{"a":"x\"","b"#, allowed, Some(r#"{"a":"x\""}"#));
        check(r#"{"a":"x\"#, allowed, Some("{}"));
        check("\"text", allowed, None);
        check("{\"a\":1}", allowed, None);
        check("{,,", allowed, Some("{}"));
    }

    #[test]
    fn any_cut_leaves_a_prefix_of_the_members() {
        let text = r#"{"a":{"b":[1,"é\u00e9",true]},"c":null,"d":-1.5e3}"#;
        for cut in (1..text.len()).filter(|&cut| text.is_char_boundary(cut)) {
            let salvaged = salvage(&text[..cut], |path| path.is_empty()).unwrap();
            assert!(salvaged.used <= cut);
            assert!(salvaged.value.node().len() <= 3);
        }
        let whole = format!("{text} {{}}");
        let leading = leading_object(&whole).unwrap();
        assert_eq!(leading.keys, ["a", "c", "d"]);
        assert_eq!(leading.value.text(), text);
        let cut = text.find("ull").unwrap();
        let leading = leading_object(&text[..cut]).unwrap();
        assert_eq!(leading.keys, ["a", "c"]);
        assert_eq!(leading.value.node().len(), 1);
    }
}
