//! Properties of the reader that hold for any input, and single cases.

use std::io::{self, Read};
use std::ops::Range;

use proptest::prelude::*;
use trace_diff::json::{Part, RecordReader, Summary, Tail, read_records};

use super::damage::{Random, build, families};

/// Gives an input in pieces of the sizes named, over and over.
struct Pieces<'a> {
    bytes: &'a [u8],
    sizes: Vec<usize>,
    turn: usize,
}

impl Read for Pieces<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let size = self.sizes[self.turn % self.sizes.len()];
        self.turn += 1;
        let count = size.min(buffer.len()).min(self.bytes.len());
        buffer[..count].copy_from_slice(&self.bytes[..count]);
        self.bytes = &self.bytes[count..];
        Ok(count)
    }
}

/// Kind, span and text of each part.
type Parts = Vec<(&'static str, Range<u64>, String)>;

fn parts(source: impl Read) -> (Parts, Summary) {
    let mut reader = RecordReader::new(source);
    let mut all = Vec::new();
    while let Some(part) = reader.next_part().unwrap() {
        all.push(match part {
            Part::Record(record) => ("record", record.span, record.text.to_owned()),
            Part::Problem(problem) => (
                problem.kind.name(),
                problem.span.clone(),
                problem.to_string(),
            ),
        });
    }
    (all, reader.summary())
}

fn check(input: &[u8], expect: &[(&str, Range<u64>)], tail: Tail) {
    let (found, summary) = parts(input);
    let found: Vec<_> = found
        .into_iter()
        .map(|(kind, span, _)| (kind, span))
        .collect();
    let shown = String::from_utf8_lossy(input);
    assert_eq!(found, expect, "{shown}");
    assert_eq!(summary.tail, tail, "{shown}");
    assert_eq!(summary.bytes, input.len() as u64, "{shown}");
}

#[test]
fn values_need_no_white_space_and_no_objects() {
    use Tail::Complete;
    check(b"", &[], Complete);
    check(b" \n", &[], Complete);
    check(
        b"{}[]\"a\"1",
        &[
            ("record", 0..2),
            ("record", 2..4),
            ("record", 4..7),
            ("record", 7..8),
        ],
        Complete,
    );
    check(
        b"1 null\ttrue\n-2.5e3",
        &[
            ("record", 0..1),
            ("record", 2..6),
            ("record", 7..11),
            ("record", 12..18),
        ],
        Complete,
    );
    check(
        b"{\n \"a\": [\n1]\n}\n{}",
        &[("record", 0..14), ("record", 15..17)],
        Complete,
    );
}

#[test]
fn a_form_feed_is_no_white_space() {
    check(b"}\x0c", &[("garbage", 0..2)], Tail::Complete);
    check(b"{},\x0c\n", &[("headless", 0..4)], Tail::Complete);
    check(b"{\"a\":1},\x0c", &[("headless", 0..9)], Tail::Complete);
}

#[test]
fn only_the_part_that_holds_the_bad_byte_is_invalid_utf8() {
    check(
        b"{\"{\"\xff",
        &[("torn", 0..2), ("truncated", 2..5)],
        Tail::Truncated,
    );
}

#[test]
fn every_kind_of_damage_has_its_name_and_span() {
    use Tail::{Complete, Truncated};
    check(
        b"{\"a\":1}\n{\"a\":",
        &[("record", 0..7), ("truncated", 8..13)],
        Truncated,
    );
    check(
        b"{\"a\":1}\n{\"a\n{\"a\":2}",
        &[("record", 0..7), ("torn", 8..11), ("record", 12..19)],
        Complete,
    );
    check(
        b"{\"a\":{\"b\":\"xx{\"a\":2}",
        &[("torn", 0..13), ("record", 13..20)],
        Complete,
    );
    check(
        b"{\"a\":1}\n:3},\"b\":4}\n{\"a\":2}",
        &[("record", 0..7), ("headless", 8..18), ("record", 19..26)],
        Complete,
    );
    check(
        b"oh no\n{\"a\":2}",
        &[("garbage", 0..6), ("record", 6..13)],
        Complete,
    );
    check(
        b"{\"a\":2}\n\0\0\0",
        &[("record", 0..7), ("nul", 8..11)],
        Complete,
    );
    check(
        b"{\"a\":\0\0\0",
        &[("torn", 0..5), ("nul", 5..8)],
        Truncated,
    );
    check(
        b"{\"a\":\"\xff\"}\n1",
        &[("invalid-utf8", 0..9), ("record", 10..11)],
        Complete,
    );
    check(
        b"\xef\xbb\xbf{}",
        &[("bom", 0..3), ("record", 3..5)],
        Complete,
    );
    check(
        b"{}\n}]\n",
        &[("record", 0..2), ("stray-closer", 3..6)],
        Complete,
    );
}

#[test]
fn an_inner_object_of_a_torn_record_is_no_record() {
    let whole = br#"{"type":"a","payload":{"type":"x","n":1}}"#;
    for behind in ["\n", ""] {
        let mut input = [
            &whole[..],
            b"\n",
            &whole[..whole.len() - 1],
            behind.as_bytes(),
            &whole[..],
        ]
        .concat();
        let end = input.len() as u64;
        let (start, torn) = (whole.len() as u64 + 1, whole.len() as u64 * 2);
        let next = torn + behind.len() as u64;
        check(
            &input,
            &[
                ("record", 0..start - 1),
                ("torn", start..torn),
                ("record", next..end),
            ],
            Tail::Complete,
        );
        input.truncate(torn as usize);
        check(
            &input,
            &[("record", 0..start - 1), ("truncated", start..torn)],
            Tail::Truncated,
        );
    }
}

#[test]
fn a_record_swallowed_by_a_torn_one_comes_out() {
    let input = b"{\"t\":1,\"p\":{\"x\":1}}\n{\"t\":2,\"p\":{\"t\":3,\"p\":{\"x\":2}}\n{\"t\":4,\"p\":{}}\n";
    check(
        input,
        &[
            ("record", 0..19),
            ("torn", 20..31),
            ("record", 31..50),
            ("record", 51..65),
        ],
        Tail::Complete,
    );
}

#[test]
fn text_lines_that_begin_like_values_are_garbage() {
    for line in [
        "42 is the answer",
        "null pointer",
        "[12] stopped",
        "\"a\" b",
        "2026-11-21 ERROR",
        "true: no",
    ] {
        let input = format!("{{\"a\":1}}\n{line}\n{{\"a\":2}}\n");
        let end = 8 + line.len() as u64;
        let (found, _) = parts(input.as_bytes());
        let records = found.iter().filter(|(kind, ..)| *kind == "record").count();
        assert_eq!(records, 2, "{line}: {found:?}");
        assert!(
            found
                .iter()
                .any(|(kind, span, _)| *kind != "record" && span.start == 8 && span.end >= end)
        );
    }
}

#[test]
fn nesting_has_no_limit() {
    const DEPTH: usize = 1_000_000;
    let deep = "[".repeat(DEPTH) + &"]".repeat(DEPTH);
    check(
        deep.as_bytes(),
        &[("record", 0..2 * DEPTH as u64)],
        Tail::Complete,
    );
    check(
        &deep.as_bytes()[..DEPTH + 5],
        &[("truncated", 0..DEPTH as u64 + 5)],
        Tail::Truncated,
    );
}

#[test]
fn a_record_is_delivered_before_the_next_is_read() {
    struct Watched<'a>(&'a std::cell::Cell<bool>, bool);
    impl Read for Watched<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            if self.1 {
                self.0.set(true);
                return Ok(0);
            }
            self.1 = true;
            buffer[..8].copy_from_slice(b"{\"a\":1}\n");
            Ok(8)
        }
    }
    let has_read_on = std::cell::Cell::new(false);
    let mut reader = RecordReader::new(Watched(&has_read_on, false));
    assert!(matches!(reader.next_part(), Ok(Some(Part::Record(_)))));
    assert!(!has_read_on.get());
}

#[test]
fn strings_of_the_outermost_object_are_found() {
    let many: String = (0..200).map(|n| format!("\"k{n}\":{n},")).collect();
    let input = format!(
        r#"{{"a":{{"type":"x"}},"type" : "y\n"}} {{"type":1}} {{"\u0074ype":"z"}} [{{"type":"x"}}] {{{many}"type":"late"}} {{"type":"1","type":"2"}}"#
    );
    let expect = [Some("y\\n"), None, Some("z"), None, Some("late"), Some("2")];
    let mut reader = RecordReader::new(input.as_bytes());
    for expect in expect {
        let Ok(Some(Part::Record(record))) = reader.next_part() else {
            panic!("no record for {expect:?}");
        };
        assert_eq!(record.raw_string("type"), expect);
    }
    let found = read_records(input.as_bytes());
    let Some(Part::Record(record)) = found.parts.get(4) else {
        panic!("{found:?}");
    };
    assert_eq!(record.raw_string("type"), Some("late"));
}

/// Damaged records of one of the families.
fn damaged() -> impl Strategy<Value = Vec<u8>> {
    (any::<u64>(), 0..5usize, 0..5usize).prop_map(|(seed, family, count)| {
        let (_, records) = &families()[family];
        let mut random = Random::new(seed);
        let framing = ["\n", "", " \t", "pretty", "\r\n"][(seed % 5) as usize];
        build(
            records,
            framing,
            &super::damage::DAMAGES,
            count,
            &mut random,
        )
        .0
        .bytes
    })
}

/// Bytes that are special to the reader, in any order.
fn soup() -> impl Strategy<Value = Vec<u8>> {
    let tokens: &[&[u8]] = &[
        b"{",
        b"}",
        b"[",
        b"]",
        b"\"",
        b"\\",
        b",",
        b":",
        b"\n",
        b" ",
        b"\0",
        b"1",
        b"-",
        b"true",
        b"nul",
        b"{\"a\":1}",
        b"{\"a\":",
        b"\"a\":",
        b"\xef\xbb\xbf",
        b"\xff",
        b"\xc3",
        b"\\u00",
        b"x",
        b"{\"a\":{\"a\":1}}\n",
    ];
    prop::collection::vec(prop::sample::select(tokens.to_vec()), 0..60)
        .prop_map(|tokens| tokens.concat())
}

fn is_covered(input: &[u8], found: &Parts) -> bool {
    let mut at = 0;
    for (_, span, _) in found {
        if span.start < at || span.end <= span.start {
            return false;
        }
        if !input[at as usize..span.start as usize]
            .iter()
            .all(u8::is_ascii_whitespace)
        {
            return false;
        }
        at = span.end;
    }
    input[at as usize..].iter().all(u8::is_ascii_whitespace)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_split_into_reads_gives_the_same_parts(
        input in prop_oneof![damaged(), soup()],
        sizes in prop::collection::vec(1..400usize, 1..8),
    ) {
        let whole = parts(&input[..]);
        prop_assert!(is_covered(&input, &whole.0), "{:?}", whole.0);
        let split = parts(Pieces { bytes: &input, sizes, turn: 0 });
        prop_assert_eq!(whole, split);
    }

    #[test]
    fn any_truncation_keeps_the_records_before(
        seed in any::<u64>(),
        family in 0..5usize,
        framing in prop::sample::select(vec!["\n", "\r\n", " \t", "", "pretty"]),
        cut in 0.0..1.0f64,
    ) {
        let (_, records) = &families()[family];
        let (built, _) = build(records, framing, &["glued", "space-lines"], 3, &mut Random::new(seed));
        let cut = (built.bytes.len() as f64 * cut) as usize;
        let (found, summary) = parts(&built.bytes[..cut]);
        let expect: Vec<_> = built.records.iter().filter(|span| span.1 <= cut as u64).copied().collect();
        let kept: Vec<_> = found
            .iter()
            .filter(|(kind, ..)| *kind == "record")
            .map(|(_, span, _)| (span.start, span.end))
            .collect();
        prop_assert_eq!(&kept, &expect);
        let is_inside = built.records.iter().any(|span| span.0 < cut as u64 && (cut as u64) < span.1);
        prop_assert_eq!(summary.tail == Tail::Truncated, is_inside);
    }

    #[test]
    fn damage_behind_a_line_never_changes_the_records_before(
        rest in prop_oneof![damaged(), soup(), prop::collection::vec(any::<u8>(), 0..200)],
    ) {
        let before = b"{\"a\":{\"b\":1}}\n{\"a\":[2]}\n";
        let input = [&before[..], &rest].concat();
        let (found, _) = parts(&input[..]);
        prop_assert_eq!(&found[0].1, &(0..13));
        prop_assert_eq!(&found[1].1, &(14..23));
        prop_assert!(is_covered(&input, &found));
    }
}
