//! Texts that begin and end as one that was parsed before: only what differs is parsed.

use super::syntax::{Container, State, SyntaxError};
use super::tree::{Kind, Slot};

/// The beginning of a text that is that of a parsed one.
#[derive(Debug)]
pub(super) struct Beginning {
    /// Where the parser can go on.
    pub(super) state: State,
    /// Before this offset there are the same values in the same places; here one of them begins that holds a quote, with its
    /// key if it has one. 0 where there is no such value.
    pub(super) same: usize,
}

/// Why bytes are no [`Document`](super::Document).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NotParsed {
    /// They are no UTF-8.
    NoText,
    /// Their text, which comes back, is no JSON value.
    NoJson(SyntaxError, String),
}

/// A text that was parsed from the middle of it on.
#[derive(Debug)]
pub(super) struct Resumed {
    pub(super) slots: Vec<Slot>,
    /// Most containers around a value that was parsed.
    pub(super) depth: usize,
    /// Where the known ending was reached, behind which nothing was parsed; the length of the text where it was not.
    pub(super) end: usize,
}

/// The text of these bytes, of which the first `common` and the last `common_end` are those of a known text, made of that;
/// `None` for what is no UTF-8.
pub(super) fn varied(
    mut known: String,
    bytes: &[u8],
    common: usize,
    common_end: usize,
) -> Option<String> {
    let start = known.floor_char_boundary(common);
    let end = known.ceil_char_boundary(known.len() - common_end);
    let between = &bytes[start..bytes.len() - (known.len() - end)];
    known.replace_range(start..end, str::from_utf8(between).ok()?);
    Some(known)
}

/// How many bytes two texts begin with that are the same.
pub(super) fn common_length(a: &[u8], b: &[u8]) -> usize {
    const BLOCK: usize = 256;
    let blocks = a.chunks_exact(BLOCK).zip(b.chunks_exact(BLOCK));
    let start = BLOCK * blocks.take_while(|(a, b)| a == b).count();
    let rest = a[start..].iter().zip(&b[start..]);
    start + rest.take_while(|(a, b)| a == b).count()
}

/// How many bytes two texts end with that are the same.
pub(super) fn common_end_length(a: &[u8], b: &[u8]) -> usize {
    const BLOCK: usize = 256;
    let blocks = a.rchunks_exact(BLOCK).zip(b.rchunks_exact(BLOCK));
    let behind = BLOCK * blocks.take_while(|(a, b)| a == b).count();
    let rest = a[..a.len() - behind].iter().rev();
    let rest = rest.zip(b[..b.len() - behind].iter().rev());
    behind + rest.take_while(|(a, b)| a == b).count()
}

/// The end of a text that is that of a parsed one, which begins with an object that this text begins with, too.
#[derive(Debug, Default)]
pub(super) struct Ending<'a> {
    /// The slots of the parsed text.
    slots: &'a [Slot],
    /// Where in the text the end begins that both have.
    start: usize,
    /// How far it is from the place that it has in the parsed text; wraps around where that is further behind.
    shift: u32,
    /// The key of the outermost object that was compared last, and how many are before it.
    at: usize,
    before: u32,
}

impl<'a> Ending<'a> {
    /// The last `common` bytes of a text of this length are those of a parsed text of another length.
    pub(super) fn new(
        slots: &'a [Slot],
        length: usize,
        parsed_length: usize,
        common: usize,
    ) -> Self {
        Self {
            slots,
            start: length - common,
            shift: (length as u32).wrapping_sub(parsed_length as u32),
            at: 1,
            before: 0,
        }
    }

    /// Whether the key of the outermost object that stands at this place in the text, further behind than any that was
    /// asked for, stands there in the parsed text, too, and is followed by the same.
    pub(super) fn is_at(&mut self, place: usize) -> bool {
        let is_object = self
            .slots
            .first()
            .is_some_and(|root| root.kind == Kind::Object);
        if place < self.start || !is_object {
            return false;
        }
        let place = (place as u32).wrapping_sub(self.shift);
        while let Some(key) = self.slots.get(self.at)
            && key.start < place
        {
            self.at = self.slots[key.next as usize].next as usize;
            self.before += 1;
        }
        self.slots
            .get(self.at)
            .is_some_and(|key| key.start == place)
    }

    /// Appends the slots from the key on that was found last, and closes the outermost object, which had so many members
    /// before.
    pub(super) fn append(&self, slots: &mut Vec<Slot>, count: u32) {
        let root = self.slots[0];
        let shift = (slots.len() as u32).wrapping_sub(self.at as u32);
        let rest = &self.slots[self.at..];
        slots.extend(rest.iter().map(|slot| Slot {
            start: slot.start.wrapping_add(self.shift),
            end: slot.end.wrapping_add(self.shift),
            next: slot.next.wrapping_add(shift),
            ..*slot
        }));
        slots[0] = Slot {
            start: slots[0].start,
            end: root.end.wrapping_add(self.shift),
            next: slots.len() as u32,
            count: count + root.count - self.before,
            ..root
        };
    }
}

/// What can be kept of the slots of a text when only its first `common` bytes stay as they are; `None` where nothing can.
pub(super) fn beginning(slots: &[Slot], common: usize) -> Option<Beginning> {
    let root = slots.first()?;
    let is_open = |slot: &Slot| {
        matches!(slot.kind, Kind::Array | Kind::Object)
            && (slot.start as usize) < common
            && slot.end as usize >= common
    };
    if !is_open(root) {
        return None;
    }
    let mut outer = Vec::new();
    let mut container = 0;
    let mut same = 0;
    loop {
        let kind = slots[container].kind;
        let mut inner = Container::new(container, kind);
        let mut at = slots[container].start as usize + 1;
        // The first slot that does not stay.
        let mut next = container + 1;
        let going_on = loop {
            if next >= slots[container].next as usize {
                break None;
            }
            let value = match kind {
                Kind::Object => slots[next].next as usize,
                _ => next,
            };
            if slots[value].end as usize >= common {
                break Some(value);
            }
            if kind == Kind::Object || has_quote(&slots[value]) {
                same = slots[next].start as usize;
            }
            inner.count += 1;
            at = slots[value].end as usize;
            next = slots[value].next as usize;
        };
        match going_on.filter(|value| is_open(&slots[*value])) {
            Some(value) => {
                inner.count += 1;
                outer.push(inner);
                container = value;
            }
            None => {
                outer.insert(0, Container::OUTERMOST);
                let mut kept = Vec::with_capacity(slots.len() + 16);
                kept.extend_from_slice(&slots[..next]);
                let state = State {
                    at,
                    slots: kept,
                    inner,
                    outer,
                };
                return Some(Beginning { state, same });
            }
        }
    }
}

/// Whether a value certainly holds a quote.
fn has_quote(slot: &Slot) -> bool {
    match slot.kind {
        Kind::String => true,
        Kind::Object => slot.count > 0,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use std::ops::Range;

    use super::super::{Document, Node, NotParsed};

    /// All that is known of a document.
    fn shape(document: &Document) -> String {
        fn walk(node: Node<'_>, out: &mut String) {
            out.push_str(&format!(
                "{:?}{:?}{} ",
                node.kind(),
                node.span(),
                node.len()
            ));
            out.push_str(&format!("{:?} ", node.string()));
            node.items().for_each(|item| walk(item, out));
            for (key, value) in node.members() {
                walk(key, out);
                walk(value, out);
            }
        }
        let mut out = String::new();
        walk(document.root(), &mut out);
        out
    }

    fn check(before: &str, text: &str) -> Option<Range<usize>> {
        let before = Document::parse(before).unwrap();
        let whole = Document::parse(text);
        let shared = Document::parse_after(text.as_bytes(), before.clone());
        let own = Document::parse(before.text()).unwrap();
        own.has_line_end();
        let parsed = Document::parse_after(text.as_bytes(), own);
        let texts = [&shared, &parsed].map(|parsed| {
            let parsed = parsed.as_ref().ok();
            parsed.map(|(document, new)| (document.text().to_owned(), shape(document), new.clone()))
        });
        assert_eq!(texts[0], texts[1], "{text}");
        match parsed {
            Ok((document, new)) => {
                assert_eq!(document.text(), text);
                let whole = whole.unwrap();
                assert_eq!(shape(&document), shape(&whole), "{text}");
                let depths = whole.depth()..=whole.depth().max(before.depth());
                assert!(depths.contains(&document.depth()), "{text}");
                assert_eq!(document.has_line_end(), text.contains(['\n', '\r']));
                assert_eq!(before.text().get(..new.start), text.get(..new.start));
                assert!(before.text().ends_with(&text[new.end..]));
                Some(new)
            }
            Err(error) => {
                let same = NotParsed::NoJson(whole.unwrap_err(), text.to_owned());
                assert_eq!(error, same);
                None
            }
        }
    }

    #[test]
    fn only_what_differs_of_a_text_is_parsed() {
        let before = r#"{"a":[1,{"b":"x"},{"c":[[]]}],"d":12}"#;
        let check = |text: &str, start: &str, end: &str| {
            let place = |part: &str| text.find(part).unwrap_or(text.len());
            assert_eq!(
                check(before, text),
                Some(place(start)..place(end)),
                "{text}"
            );
        };
        check(before, "-", "-");
        check(&before.replace("12", "123"), "\"a\"", "-");
        check(&before.replace("d", "e"), "\"a\"", "-");
        let longer = before.replace("{\"c\":[[]]}", "{\"c\":[[]]},{\"e\":7}");
        check(&longer, "\"c\"", "\"d\"");
        check(&before.replace("[[]]", "[[1]]"), "{\"b\"", "\"d\"");
        check(&before.replace("{\"b", "{\"d\":2,\"b"), "{", "\"d\":12");
        check(&before.replace("}],", "}],\"f\":[],"), "\"a\"", "\"d\"");
    }

    #[test]
    fn a_text_without_a_known_beginning_is_parsed_whole() {
        assert_eq!(check("{\"a\":1}", "{\"a\":[1,{\"b\":\"x\"}"), None);
        assert_eq!(check("{\"a\":1}", "[]"), Some(0..2));
        assert_eq!(check("7", "77"), Some(0..2));
        assert_eq!(check("[1]", "[1] "), Some(0..4));
        assert_eq!(check("[1]", "[1]]"), None);
    }

    #[test]
    fn what_is_no_text_is_found_wherever_it_differs() {
        let before = Document::parse("{\"a\":\"äö\",\"b\":\"é\"}").unwrap();
        let text = before.text().as_bytes();
        for at in 0..text.len() {
            for byte in [0, b'x', 0x80, 0xa9, 0xc3, 0xff] {
                let mut bytes = text.to_vec();
                bytes[at] = byte;
                let found = Document::parse_after(&bytes, before.clone());
                match String::from_utf8(bytes) {
                    Ok(text) => assert_eq!(found.is_ok(), Document::parse(text).is_ok()),
                    Err(_) => assert_eq!(found.unwrap_err(), NotParsed::NoText),
                }
            }
        }
    }

    proptest! {
        #[test]
        fn what_was_parsed_before_makes_no_difference(
            parts in vec(prop_oneof![
                Just("["), Just("]"), Just("{"), Just("}"), Just(","), Just("\"k\":"), Just("\"x\\n\""), Just("12"),
                Just("true"), Just(" "), Just("\n"), Just("\r"), Just("{\"a\":[1,\"b\"]}"), Just("[[]]"), Just("\""),
            ], 0..14),
            cut in 0..80_usize,
            items in vec(prop_oneof![
                Just("1"), Just("\"s\""), Just("{}"), Just("[]"), Just("{\"a\":{\"b\":[2,\"c\"]},\"d\":null}"), Just("[[3],4]"),
            ], 0..8),
        ) {
            let before = format!("{{\"i\":[{}],\"z\":[0]}}", items.join(","));
            let cut = cut.min(before.len());
            check(&before, &format!("{}{}", &before[..cut], parts.concat()));
            check(&before, &format!("{}{}{}", &before[..cut], parts.concat(), &before[cut..]));
            let longer = before.replace("\"z\"", "\"y\":{\"u\":[{}]} , \"x\":7,\"z\"");
            let at = cut.min(before.len() - 8);
            check(&longer, &format!("{}{}{}", &longer[..at], parts.concat(), &longer[at..]));
            check(&before, &format!("{}{}", &before[..cut], &before[cut.saturating_add(3).min(before.len())..]));
        }
    }
}
