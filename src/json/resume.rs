//! Texts that begin as one that was parsed before: only what differs is parsed.

use super::syntax::{Container, State};
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

/// How many bytes two texts begin with that are the same.
pub(super) fn common_length(a: &[u8], b: &[u8]) -> usize {
    const BLOCK: usize = 256;
    let blocks = a.chunks_exact(BLOCK).zip(b.chunks_exact(BLOCK));
    let start = BLOCK * blocks.take_while(|(a, b)| a == b).count();
    let rest = a[start..].iter().zip(&b[start..]);
    start + rest.take_while(|(a, b)| a == b).count()
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
                let slots = slots[..next].to_vec();
                let state = State {
                    at,
                    depth: depth(&slots),
                    slots,
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

/// Most containers around a value of these.
fn depth(slots: &[Slot]) -> usize {
    let (mut ends, mut depth) = (Vec::new(), 0);
    for (index, slot) in slots.iter().enumerate() {
        if matches!(slot.kind, Kind::Array | Kind::Object) {
            while ends.last().is_some_and(|end| *end <= index) {
                ends.pop();
            }
            ends.push(slot.next as usize);
            depth = depth.max(ends.len());
        }
    }
    depth
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::super::{Document, Node};

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
        let mut out = format!("{} ", document.depth());
        walk(document.root(), &mut out);
        out
    }

    fn check(before: &str, text: &str) -> Option<usize> {
        let before = Document::parse(before).unwrap();
        let whole = Document::parse(text);
        match Document::parse_after(text.to_owned(), &before) {
            Ok((document, same)) => {
                assert_eq!(shape(&document), shape(&whole.unwrap()), "{text}");
                assert_eq!(before.text().get(..same), text.get(..same));
                Some(same)
            }
            Err((error, back)) => {
                assert_eq!((Err(error), &*back), (whole.map(|_| ()), text));
                None
            }
        }
    }

    #[test]
    fn a_text_that_begins_as_another_is_parsed_from_where_it_differs() {
        let before = r#"{"a":[1,{"b":"x"},{"c":[[]]}],"d":12}"#;
        let at = |part: &str| Some(before.find(part).unwrap());
        assert_eq!(check(before, before), Some(before.len()));
        assert_eq!(check(before, &before.replace("12", "123")), at("\"a\""));
        assert_eq!(check(before, &before.replace("d", "e")), at("\"a\""));
        let longer = before.replace("{\"c\":[[]]}", "{\"c\":[[]]},{\"e\":7}");
        assert_eq!(check(before, &longer), at("\"c\""));
        assert_eq!(
            check(before, &before.replace("[[]]", "[[1]]")),
            at("{\"b\"")
        );
        assert_eq!(check(before, "{\"a\":[1,{\"b\":\"x\"}"), None);
        assert_eq!(check(before, "[]"), Some(0));
        assert_eq!(check("7", "77"), Some(0));
        assert_eq!(check("[1]", "[1] "), Some(0));
        assert_eq!(check("[1]", "[1]]"), None);
    }

    proptest! {
        #[test]
        fn what_was_parsed_before_makes_no_difference(
            parts in vec(prop_oneof![
                Just("["), Just("]"), Just("{"), Just("}"), Just(","), Just("\"k\":"), Just("\"x\\n\""), Just("12"),
                Just("true"), Just(" "), Just("{\"a\":[1,\"b\"]}"), Just("[[]]"), Just("\""),
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
            check(&before, &format!("{}{}", &before[..cut], &before[cut.saturating_add(3).min(before.len())..]));
        }
    }
}
