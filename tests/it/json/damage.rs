//! Inputs that are damaged in known ways: the truth comes from how they were built.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use trace_diff::json::{Part, read_records};

/// A small generator of random numbers (xorshift), so that a seed names a case.
pub(super) struct Random(u64);

impl Random {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub(super) fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        ((self.0 >> 11) % limit.max(1) as u64) as usize
    }

    fn pick<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.below(all.len())]
    }
}

/// How records are set apart.
const FRAMINGS: [&str; 5] = ["\n", "\r\n", "", " \t", "pretty"];

pub(super) const DAMAGES: [&str; 12] = [
    "torn-newline",
    "torn-glued",
    "headless",
    "nul-hole",
    "nul-between",
    "invalid-utf8",
    "bit-flip",
    "garbage-line",
    "stray-closers",
    "bom",
    "glued",
    "space-lines",
];

/// An input under construction, with what its bytes are.
#[derive(Default)]
pub(super) struct Built {
    pub(super) bytes: Vec<u8>,
    pub(super) records: Vec<(u64, u64)>,
    is_damage: Vec<bool>,
}

impl Built {
    fn space(&mut self, bytes: &[u8]) {
        self.add(bytes, false);
    }

    fn damage(&mut self, bytes: &[u8]) {
        self.add(bytes, true);
    }

    fn record(&mut self, bytes: &[u8]) {
        let start = self.bytes.len() as u64;
        self.add(bytes, false);
        self.records.push((start, self.bytes.len() as u64));
    }

    fn add(&mut self, bytes: &[u8], is_damage: bool) {
        self.bytes.extend_from_slice(bytes);
        self.is_damage.resize(self.bytes.len(), is_damage);
    }

    /// What a reader gets wrong, as counts of records missed, records made up, damaged bytes off.
    fn judge(&self) -> (usize, usize, usize) {
        let found = read_records(&self.bytes);
        let mut spans = Vec::new();
        let mut reported = vec![false; self.bytes.len()];
        for part in &found.parts {
            match part {
                Part::Record(record) => spans.push((record.span.start, record.span.end)),
                Part::Problem(problem) => {
                    reported[problem.span.start as usize..problem.span.end as usize].fill(true);
                }
            }
        }
        let missed = self
            .records
            .iter()
            .filter(|span| !spans.contains(span))
            .count();
        let made_up = spans
            .iter()
            .filter(|span| !self.records.contains(span))
            .count();
        let off = (0..self.bytes.len())
            .filter(|&at| {
                !self.bytes[at].is_ascii_whitespace() && reported[at] != self.is_damage[at]
            })
            .count();
        (missed, made_up, off)
    }
}

fn is_json(bytes: &[u8]) -> bool {
    std::str::from_utf8(bytes).is_ok_and(|text| trace_diff::json::Document::parse(text).is_ok())
}

fn separator(framing: &str) -> &[u8] {
    match framing {
        "pretty" => b"\n",
        other => other.as_bytes(),
    }
}

fn text_of(record: &[u8], framing: &str) -> Vec<u8> {
    if framing != "pretty" {
        return record.to_vec();
    }
    let value: serde_json::Value = serde_json::from_slice(record).unwrap();
    serde_json::to_vec_pretty(&value).unwrap()
}

/// Builds an input of some of the records, with `count` damages of the kinds given.
pub(super) fn build(
    records: &[Vec<u8>],
    framing: &str,
    kinds: &[&str],
    count: usize,
    random: &mut Random,
) -> (Built, Vec<String>) {
    let between = separator(framing);
    let mut built = Built::default();
    let mut done = Vec::new();
    let mut at: BTreeMap<usize, &str> = BTreeMap::new();
    for _ in 0..count {
        at.insert(random.below(records.len()), random.pick(kinds));
    }
    for (index, record) in records.iter().enumerate() {
        let text = text_of(record, framing);
        let Some(&kind) = at.get(&index) else {
            built.record(&text);
            built.space(between);
            continue;
        };
        let cut = 1 + random.below(text.len() - 1);
        done.push(format!(
            "{kind} in record {index} at {cut} (byte {})",
            built.bytes.len()
        ));
        match kind {
            "torn-newline" => {
                built.damage(&text[..cut]);
                built.space(b"\n");
            }
            "torn-glued" => built.damage(&text[..cut]),
            "headless" => {
                built.damage(&text[cut..]);
                built.space(between);
            }
            "nul-hole" => {
                let end = cut + random.below(text.len() - cut);
                let mut holed = text.clone();
                holed[cut..end.max(cut + 1)].fill(0);
                built.damage(&holed);
                built.space(between);
            }
            "nul-between" => {
                built.damage(&vec![0; 1 + random.below(600)]);
                built.record(&text);
                built.space(between);
            }
            "invalid-utf8" => {
                let bad: &[u8] =
                    random.pick(&[&b"\xff"[..], b"\xc0\xaf", b"\xe9", b"\x80", b"\xed\xa0\x80"]);
                let mut broken = text.clone();
                broken.splice(cut..cut, bad.iter().copied());
                built.damage(&broken);
                built.space(between);
            }
            "bit-flip" => {
                let mut changed = text.clone();
                changed[cut] ^= 1 << random.below(8);
                if is_json(&changed) {
                    built.record(&changed);
                } else {
                    built.damage(&changed);
                }
                built.space(between);
            }
            "garbage-line" => {
                built.damage(random.pick(&[
                    &b"Segmentation fault (core dumped)"[..],
                    b"2026-11-21 ERROR out of memory",
                    b"42 is the answer",
                    b"[12] stopped",
                    b"<html>",
                    b"null pointer",
                ]));
                built.space(b"\n");
                built.record(&text);
                built.space(between);
            }
            "stray-closers" => {
                built.damage(random.pick(&[&b"}"[..], b"]]", b"}]}"]));
                built.space(b"\n");
                built.record(&text);
                built.space(between);
            }
            "bom" => {
                built.damage(b"\xef\xbb\xbf");
                built.record(&text);
                built.space(between);
            }
            "glued" => built.record(&text),
            _ => {
                built.record(&text);
                built.space(b"\n \t\r\n\n");
            }
        }
    }
    (built, done)
}

/// Records of several families, small and of our own making.
pub(super) fn families() -> Vec<(String, Vec<Vec<u8>>)> {
    let rollout = |n: usize| {
        let kinds = [
            r#""type":"event_msg","payload":{"type":"agent_message","message":"caf\u00e9 \"quoted\" {\"a\":1}\n","images":[],"n":1.5e3}"#,
            r#""type":"response_item","payload":{"type":"message","role":"user","content":[{"type":"input_text","text":"é, {\"type\":\"x\"}, 🙂"}]}"#,
            r#""type":"turn_context","payload":{"cwd":"/w","sandbox":{"type":"full"},"model":null,"ok":true}"#,
            r#""ordinal":3,"type":"response_item","payload":{"type":"function_call","arguments":"{\"timestamp\":\"x\"}","call_id":"c"}"#,
        ];
        format!(
            r#"{{"timestamp":"2026-11-21T00:00:{n:02}.000Z",{}}}"#,
            kinds[n % kinds.len()]
        )
    };
    let same_key = |n: usize| match n % 3 {
        0 => format!(
            r#"{{"type":"item.started","item":{{"type":"command","id":"item_{n}","args":["a",{{"type":"x"}}]}}}}"#
        ),
        1 => format!(
            r#"{{"type":"item.completed","item":{{"type":"message","text":"n {n}"}},"usage":{{"type":"none"}}}}"#
        ),
        _ => format!(
            r#"{{"type":"turn","id":{n},"parts":[{{"type":"text","text":"one"}},{{"type":"text","text":"two"}}]}}"#
        ),
    };
    let nested_time = |n: usize| {
        format!(
            r#"{{"timestamp":"t{n}","type":"session_meta","payload":{{"timestamp":"t{n}","id":"x","git":{{"timestamp":"t"}}}}}}"#
        )
    };
    let tree = |n: usize| {
        format!(
            r#"{{"type":"node","id":{n},"children":[{{"type":"node","id":1,"children":[]}},{{"type":"node","id":2,"children":[{{"type":"node","id":3,"children":[]}}]}}]}}"#
        )
    };
    let mixed = |n: usize| match n % 4 {
        0 => format!(r#"{{"seq":{n},"body":{{"seq":0,"list":[1,2,3]}}}}"#),
        1 => format!(r#"{{"id":"r{n}","nested":{{"id":"x","y":[true,false,null]}}}}"#),
        2 => format!(r#"{{"method":"GET","path":"/{n}","headers":[["a","b"],["c","d"]]}}"#),
        _ => format!(
            r#"{{"seq":{n},"empty":{{}},"text":"{}"}}"#,
            "long ".repeat(n)
        ),
    };
    let make = |f: &dyn Fn(usize) -> String| (0..24).map(|n| f(n).into_bytes()).collect();
    vec![
        ("rollout".into(), make(&rollout)),
        ("same-key".into(), make(&same_key)),
        ("nested-time".into(), make(&nested_time)),
        ("tree".into(), make(&tree)),
        ("mixed".into(), make(&mixed)),
    ]
}

/// Record files beside the repository, if there are any.
fn corpus() -> Vec<(String, Vec<Vec<u8>>)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/corpus");
    let mut files = Vec::new();
    collect(&root, &mut files);
    files.sort();
    files
        .iter()
        .filter_map(|path| {
            let bytes = fs::read(path).ok()?;
            let lines: Vec<Vec<u8>> = bytes
                .split(|&byte| byte == b'\n')
                .filter(|line| !line.is_empty())
                .map(<[u8]>::to_vec)
                .collect();
            let is_whole =
                lines.len() > 2 && lines.iter().all(|line| is_json(line) && line.len() > 2);
            is_whole.then(|| {
                (
                    path.strip_prefix(&root).unwrap().display().to_string(),
                    lines,
                )
            })
        })
        .collect()
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.ends_with("damaged") || path.ends_with("json-test-suite") {
            continue;
        }
        if path.is_dir() {
            collect(&path, files);
        } else if path
            .extension()
            .is_some_and(|extension| extension == "jsonl")
        {
            files.push(path);
        }
    }
}

/// Reads many damaged inputs; gives how many there were and a line about each that was read wrongly.
fn measure(
    records: &[Vec<u8>],
    framing: &str,
    kinds: &[&str],
    count: usize,
    rounds: u64,
) -> (usize, Vec<String>) {
    let mut wrong = Vec::new();
    for round in 0..rounds {
        let seed = kinds.concat() + framing + &format!("{round} {:?}", records[0]);
        let seed = seed.bytes().fold(round, |sum, byte| {
            sum.wrapping_mul(31).wrapping_add(byte.into())
        });
        let mut random = Random::new(seed);
        let (built, done) = build(records, framing, kinds, count, &mut random);
        let (missed, made_up, off) = built.judge();
        if missed + made_up + off > 0 {
            wrong.push(format!(
                "{framing:?} {done:?}: {missed} records missed, {made_up} made up, {off} bytes off"
            ));
        }
    }
    (rounds as usize, wrong)
}

#[test]
fn one_damage_in_lines_is_read_as_it_was_built() {
    for (name, records) in families()
        .iter()
        .filter(|(name, _)| name != "tree" && name != "mixed")
    {
        for framing in ["\n", "\r\n"] {
            for kind in DAMAGES {
                let (_, wrong) = measure(records, framing, &[kind], 1, 200);
                assert!(wrong.is_empty(), "{name}: {}", wrong.join("\n"));
            }
        }
    }
}

#[test]
fn any_damage_is_read_as_it_was_built_but_for_the_ambiguous() {
    let mut all = 0;
    let mut wrong = Vec::new();
    for (name, records) in families() {
        for framing in FRAMINGS {
            for (kinds, count) in DAMAGES
                .iter()
                .map(std::slice::from_ref)
                .map(|kind| (kind, 1))
                .chain([(&DAMAGES[..], 4)])
            {
                let (inputs, bad) = measure(&records, framing, kinds, count, 40);
                all += inputs;
                wrong.extend(bad.into_iter().map(|line| format!("{name} {line}")));
            }
        }
    }
    println!(
        "{} of {all} inputs of small records read wrongly",
        wrong.len()
    );
    assert!(
        wrong.len() * 50 < all,
        "{} of {all}:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}

#[test]
fn damaged_corpus_records_are_read_as_they_were_built() {
    let sources = corpus();
    if sources.is_empty() {
        println!("skipped: no corpus beside the repository");
        return;
    }
    for framing in FRAMINGS {
        let mut all = 0;
        let mut wrong = Vec::new();
        for (name, records) in sources.iter().step_by(8) {
            for kind in DAMAGES {
                let (inputs, bad) = measure(records, framing, &[kind], 1, 1);
                all += inputs;
                wrong.extend(bad.into_iter().map(|line| format!("{name} {line}")));
            }
        }
        println!("{framing:?}: {} of {all} inputs read wrongly", wrong.len());
        assert!(
            wrong.len() * 1000 < all,
            "{framing:?}: {} of {all}:\n{}",
            wrong.len(),
            wrong.join("\n")
        );
    }
}
