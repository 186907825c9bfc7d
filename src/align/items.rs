//! Which item of one `input` goes with which of the other.

use std::collections::{HashMap, HashSet};
use std::ops::Range;
use std::sync::Arc;
use std::sync::OnceLock;

use xxhash_rust::xxh3::xxh3_64;

use crate::json::{Kind, Node, Value};
use crate::normalize::{Scanner, fingerprint, identifier_core, text_fingerprint, text_place};
use crate::responses::{call_id, item_type};

use super::sequence::common_subsequence;

/// Members that say nothing about what an item is: made by the client, or added and dropped between versions.
const INCIDENTAL: &[&str] = &[
    "id",
    "call_id",
    "status",
    "phase",
    "metadata",
    "internal_chat_message_metadata_passthrough",
];

/// An item with what alignment asks of it; each answer is computed when it is first asked for.
#[derive(Debug)]
pub struct ItemPrint {
    /// The item.
    pub item: Value,
    /// Hash of the item's text as it stands.
    pub text_hash: u128,
    scanner: Arc<Scanner>,
    content: OnceLock<u64>,
    call: OnceLock<Option<String>>,
    words: OnceLock<Vec<u64>>,
}

impl ItemPrint {
    /// Wraps an item. `text_hash` is the xxh3-128 of its text, `scanner` finds dynamic parts in its capture.
    pub fn new(item: Value, text_hash: u128, scanner: Arc<Scanner>) -> Self {
        let (content, call, words) = (OnceLock::new(), OnceLock::new(), OnceLock::new());
        Self {
            item,
            text_hash,
            scanner,
            content,
            call,
            words,
        }
    }

    /// Hash of type, role, name and content; identifiers count by class only.
    pub fn content(&self) -> u64 {
        *self
            .content
            .get_or_init(|| fingerprint(self.item.node(), "", &self.scanner, INCIDENTAL))
    }

    /// Hash of the type alone.
    pub fn kind(&self) -> u64 {
        xxh3_64(item_type(self.item.node()).as_bytes())
    }

    /// The `call_id`, if it has one, without a prefix before a UUID.
    pub fn call(&self) -> Option<&str> {
        let call = || call_id(self.item.node()).map(|id| identifier_core(&id).to_owned());
        self.call.get_or_init(call).as_deref()
    }

    /// Hashes of the lines of its texts (of the words where there are few lines), sorted; for similarity.
    fn words(&self) -> &[u64] {
        self.words
            .get_or_init(|| node_words(self.item.node(), "", &self.scanner))
    }
}

/// Says how much two sorted lists of hashes share, from 0 to 1 (Dice coefficient).
pub fn word_similarity(a: &[u64], b: &[u64]) -> f64 {
    if a.is_empty() && b.is_empty() {
        return 1.0;
    }
    let (mut i, mut j, mut both) = (0, 0, 0usize);
    while i < a.len() && j < b.len() {
        match a[i].cmp(&b[j]) {
            std::cmp::Ordering::Less => i += 1,
            std::cmp::Ordering::Greater => j += 1,
            std::cmp::Ordering::Equal => {
                both += 1;
                (i, j) = (i + 1, j + 1);
            }
        }
    }
    2.0 * both as f64 / (a.len() + b.len()) as f64
}

/// Makes sorted hashes of the lines of a text, or of its words (the first 2000) where it has few lines.
pub fn text_words(text: &str, scanner: &Scanner) -> Vec<u64> {
    let mut words = Vec::new();
    push_words(text, "", scanner, &mut words);
    words.sort_unstable();
    words
}

/// Makes sorted hashes of the lines or words of all texts in a value that stands under `key`.
pub fn node_words(node: Node<'_>, key: &str, scanner: &Scanner) -> Vec<u64> {
    let mut words = Vec::new();
    collect_words(node, key, scanner, &mut words);
    words.sort_unstable();
    words
}

fn push_words(text: &str, key: &str, scanner: &Scanner, words: &mut Vec<u64>) {
    let place = text_place(key);
    if memchr::memchr_iter(b'\n', text.as_bytes()).nth(6).is_some() {
        let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
        words.extend(lines.map(|line| text_fingerprint(line, scanner, place)));
    } else {
        words.extend(
            text.split_whitespace()
                .take(2000)
                .map(|word| text_fingerprint(word, scanner, place)),
        );
    }
}

fn collect_words(node: Node<'_>, key: &str, scanner: &Scanner, words: &mut Vec<u64>) {
    match node.kind() {
        Kind::String if !INCIDENTAL.contains(&key) => {
            push_words(&node.string().unwrap_or_default(), key, scanner, words);
        }
        Kind::Array => node
            .items()
            .for_each(|item| collect_words(item, key, scanner, words)),
        Kind::Object => {
            for (name, value) in node.members() {
                collect_words(value, &name.string().unwrap_or_default(), scanner, words);
            }
        }
        _ => {}
    }
}

/// What became of an item.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ItemMatch {
    /// The two stand in the same place and are to be compared.
    Pair(usize, usize),
    /// The two are the same item in another place.
    Moved(usize, usize),
    /// Only the baseline has it.
    Missing(usize),
    /// Only the candidate has it.
    Added(usize),
}

/// Items less alike than this are two items, not one that changed.
const LEAST_SIMILARITY: f64 = 0.4;

/// Messages that share less than this are not one that moved and changed.
const LEAST_MOVED: f64 = 0.35;

/// Left-over items up to this product of counts are looked through for such.
const MOVED_CELLS: usize = 1 << 10;

/// Gaps up to this product of lengths are matched by similarity; larger ones in order.
const SIMILARITY_CELLS: usize = 1 << 14;

/// Aligns two lists of items: equal ones by text, then by content and call, changed ones by similarity between them.
///
/// `renamed` tells what a baseline's `call_id` is called in the candidate as far as that is known.
pub fn align_items(
    a: &[Arc<ItemPrint>],
    b: &[Arc<ItemPrint>],
    renamed: impl Fn(&str) -> Option<String>,
) -> Vec<ItemMatch> {
    let hashes =
        |list: &[Arc<ItemPrint>]| -> Vec<u64> { list.iter().map(|p| p.text_hash as u64).collect() };
    let matches = Vec::with_capacity(a.len().max(b.len()));
    let mut aligner = Aligner {
        a,
        b,
        renamed: &renamed,
        matches,
    };
    aligner.between(
        0..a.len(),
        0..b.len(),
        (&hashes(a), &hashes(b)),
        Aligner::by_content_and_call,
    );
    join_moved(&mut aligner);
    aligner.join_moved_and_changed();
    aligner.matches
}

struct Aligner<'p> {
    a: &'p [Arc<ItemPrint>],
    b: &'p [Arc<ItemPrint>],
    renamed: &'p dyn Fn(&str) -> Option<String>,
    matches: Vec<ItemMatch>,
}

impl Aligner<'_> {
    /// Pairs what has equal keys and hands what lies between to `rest`.
    fn between(
        &mut self,
        a: Range<usize>,
        b: Range<usize>,
        (a_keys, b_keys): (&[u64], &[u64]),
        rest: fn(&mut Self, Range<usize>, Range<usize>),
    ) {
        let (mut i, mut j) = (a.start, b.start);
        for (x, y) in common_subsequence(a_keys, b_keys) {
            let (x, y) = (a.start + x, b.start + y);
            rest(self, i..x, j..y);
            self.matches.push(ItemMatch::Pair(x, y));
            (i, j) = (x + 1, y + 1);
        }
        rest(self, i..a.end, j..b.end);
    }

    fn by_content_and_call(&mut self, a: Range<usize>, b: Range<usize>) {
        if a.is_empty() || b.is_empty() {
            return self.by_similarity(a, b);
        }
        let a_keys: Vec<u64> = a.clone().map(|i| self.a_key(i)).collect();
        let b_keys: Vec<u64> = b.clone().map(|j| self.b_key(j)).collect();
        self.between(a, b, (&a_keys, &b_keys), Self::by_content);
    }

    /// By content whatever the calls are named.
    fn by_content(&mut self, a: Range<usize>, b: Range<usize>) {
        if a.is_empty() || b.is_empty() {
            return self.by_similarity(a, b);
        }
        let a_keys: Vec<u64> = self.a[a.clone()].iter().map(|p| p.content()).collect();
        let b_keys: Vec<u64> = self.b[b.clone()].iter().map(|p| p.content()).collect();
        self.between(a, b, (&a_keys, &b_keys), Self::by_similarity);
    }

    /// What the candidate calls the call of a baseline's item.
    fn a_call(&self, i: usize) -> Option<String> {
        let call = self.a[i].call()?;
        Some((self.renamed)(call).unwrap_or_else(|| call.to_owned()))
    }

    fn a_key(&self, i: usize) -> u64 {
        key(self.a[i].content(), self.a_call(i).as_deref())
    }

    fn b_key(&self, j: usize) -> u64 {
        key(self.b[j].content(), self.b[j].call())
    }

    /// How alike two items are, 0 to 1.
    fn similarity(&self, i: usize, j: usize) -> f64 {
        let (a, b) = (&self.a[i], &self.b[j]);
        let same_type = if a.kind() == b.kind() { 0.3 } else { 0.0 };
        let same_call = match (self.a_call(i).as_deref(), b.call()) {
            (Some(a_call), Some(b_call)) if a_call == b_call => 0.3,
            (Some(_), Some(_)) => -0.1,
            _ => 0.0,
        };
        let overlap = word_similarity(a.words(), b.words());
        same_type + same_call + overlap * (0.7 - f64::max(same_call, 0.0))
    }

    /// Joins a missing and an added item that are alike, or the only ones of their type on both sides: one item that
    /// moved and changed, such as the context messages behind a compaction (codex 0.137.0 to 0.169.0).
    fn join_moved_and_changed(&mut self) {
        let missing = |found: &ItemMatch| match found {
            ItemMatch::Missing(i) => Some(*i),
            _ => None,
        };
        let added = |found: &ItemMatch| match found {
            ItemMatch::Added(j) => Some(*j),
            _ => None,
        };
        let left_a: Vec<usize> = self.matches.iter().filter_map(missing).collect();
        let left_b: Vec<usize> = self.matches.iter().filter_map(added).collect();
        if left_a.len() * left_b.len() > MOVED_CELLS {
            return;
        }
        let mut alike: Vec<(f64, usize, usize)> = Vec::new();
        for &i in &left_a {
            for &j in &left_b {
                if let Some(score) = self.moved_score(i, j) {
                    alike.push((score, i, j));
                }
            }
        }
        alike.sort_by(|x, y| y.0.total_cmp(&x.0));
        for (_, i, j) in alike {
            let free = |found: ItemMatch| self.matches.iter().position(|other| *other == found);
            if let (Some(from), Some(to)) = (free(ItemMatch::Missing(i)), free(ItemMatch::Added(j)))
            {
                self.matches[to] = ItemMatch::Moved(i, j);
                self.matches.remove(from);
            }
        }
    }

    /// How sure it is that a missing and an added item are the same one.
    fn moved_score(&self, i: usize, j: usize) -> Option<f64> {
        let (a, b) = (&self.a[i], &self.b[j]);
        let kind = a.kind();
        if kind != b.kind() || a.call().is_some() || b.call().is_some() {
            return None;
        }
        let is_only =
            |list: &[Arc<ItemPrint>]| list.iter().filter(|p| p.kind() == kind).count() == 1;
        if is_only(self.a) && is_only(self.b) {
            return Some(1.0);
        }
        let role = |print: &ItemPrint| {
            let role = print.item.node().get_string("role");
            role.map(|role| role.into_owned())
        };
        let overlap = word_similarity(a.words(), b.words());
        (overlap >= LEAST_MOVED && role(a) == role(b)).then_some(overlap)
    }

    fn by_similarity(&mut self, a: Range<usize>, b: Range<usize>) {
        let mut pairs = if a.len() * b.len() <= SIMILARITY_CELLS {
            best_pairs(a.len(), b.len(), |i, j| {
                self.similarity(a.start + i, b.start + j)
            })
        } else {
            let same = |&i: &usize| self.similarity(a.start + i, b.start + i) >= LEAST_SIMILARITY;
            (0..a.len().min(b.len()))
                .filter(same)
                .map(|i| (i, i))
                .collect()
        };
        pairs.push((a.len(), b.len()));
        let (mut i, mut j) = (0, 0);
        for (x, y) in pairs {
            self.matches
                .extend((i..x).map(|i| ItemMatch::Missing(a.start + i)));
            self.matches
                .extend((j..y).map(|j| ItemMatch::Added(b.start + j)));
            if x < a.len() {
                self.matches.push(ItemMatch::Pair(a.start + x, b.start + y));
            }
            (i, j) = (x + 1, y + 1);
        }
    }
}

fn key(content: u64, call: Option<&str>) -> u64 {
    call.map_or(content, |call| {
        content ^ xxh3_64(call.as_bytes()).rotate_left(17)
    })
}

/// Finds the pairs of positions, increasing in both lists of `n` and `m` elements, with the greatest sum of similarities.
///
/// Similarities are from 0 to 1; elements less alike than 0.4 make no pair. Takes time and memory in proportion to `n * m`.
pub fn best_pairs(
    n: usize,
    m: usize,
    similarity: impl Fn(usize, usize) -> f64,
) -> Vec<(usize, usize)> {
    if n == 0 || m == 0 {
        return Vec::new();
    }
    let width = m + 1;
    let mut best = vec![0.0f64; (n + 1) * width];
    let mut is_pair = vec![false; (n + 1) * width];
    for i in (0..n).rev() {
        for j in (0..m).rev() {
            let skip = best[(i + 1) * width + j].max(best[i * width + j + 1]);
            let alike = similarity(i, j);
            let pair = best[(i + 1) * width + j + 1] + alike;
            let takes = alike >= LEAST_SIMILARITY && pair >= skip;
            best[i * width + j] = if takes { pair } else { skip };
            is_pair[i * width + j] = takes;
        }
    }
    let mut pairs = Vec::new();
    let (mut i, mut j) = (0, 0);
    while i < n && j < m {
        if is_pair[i * width + j] {
            pairs.push((i, j));
            (i, j) = (i + 1, j + 1);
        } else if best[(i + 1) * width + j] >= best[i * width + j + 1] {
            i += 1;
        } else {
            j += 1;
        }
    }
    pairs
}

/// A missing and an added item with the same key are one item that moved; it is told where the candidate has it.
fn join_moved(aligner: &mut Aligner<'_>) {
    let mut missing: HashMap<u64, Vec<usize>> = HashMap::new();
    for found in aligner.matches.iter().rev() {
        if let ItemMatch::Missing(i) = found {
            missing.entry(aligner.a_key(*i)).or_default().push(*i);
        }
    }
    if missing.is_empty() {
        return;
    }
    let mut matches = std::mem::take(&mut aligner.matches);
    let mut moved = HashSet::new();
    for found in &mut matches {
        if let ItemMatch::Added(j) = *found
            && let Some(i) = missing.get_mut(&aligner.b_key(j)).and_then(Vec::pop)
        {
            *found = ItemMatch::Moved(i, j);
            moved.insert(i);
        }
    }
    matches.retain(|found| !matches!(found, ItemMatch::Missing(i) if moved.contains(i)));
    aligner.matches = matches;
}

#[cfg(test)]
mod tests {
    use super::*;
    use xxhash_rust::xxh3::xxh3_128;

    fn check(a: &str, b: &str, expect: &[ItemMatch]) {
        let scanner = Arc::new(Scanner::default());
        let prints = |text: &str| -> Vec<Arc<ItemPrint>> {
            let list = Value::parse(text).unwrap();
            let print = |item| {
                let item = list.part(item);
                let hash = xxh3_128(item.text().as_bytes());
                Arc::new(ItemPrint::new(item, hash, Arc::clone(&scanner)))
            };
            list.node().items().map(print).collect()
        };
        assert_eq!(align_items(&prints(a), &prints(b), |_| None), expect);
    }

    fn user(text: &str) -> String {
        format!(
            r#"{{"type":"message","role":"user","content":[{{"type":"input_text","text":"{text}"}}]}}"#
        )
    }

    #[test]
    fn one_inserted_item_is_one_change() {
        use ItemMatch::*;
        let list = |items: &[&str]| {
            format!(
                "[{}]",
                items.iter().map(|t| user(t)).collect::<Vec<_>>().join(",")
            )
        };
        let abc = list(&["first", "second", "third"]);
        check(
            &abc,
            &list(&["first", "new", "second", "third"]),
            &[Pair(0, 0), Added(1), Pair(1, 2), Pair(2, 3)],
        );
        check(
            &abc,
            &list(&["first", "third"]),
            &[Pair(0, 0), Missing(1), Pair(2, 1)],
        );
        check(
            &abc,
            &list(&["second", "third", "first"]),
            &[Pair(1, 0), Pair(2, 1), Moved(0, 2)],
        );
        check(
            &abc,
            &list(&["first", "second!", "third"]),
            &[Pair(0, 0), Pair(1, 1), Pair(2, 2)],
        );
    }

    #[test]
    fn outputs_go_with_their_call() {
        use ItemMatch::*;
        let output = |call: &str| {
            format!(r#"{{"type":"function_call_output","call_id":"{call}","output":"ok"}}"#)
        };
        let both = format!("[{},{}]", output("call_1"), output("call_2"));
        check(
            &both,
            &format!("[{}]", output("call_2")),
            &[Missing(0), Pair(1, 0)],
        );
        check(
            &both,
            &format!("[{},{}]", output("x1"), output("x2")),
            &[Pair(0, 0), Pair(1, 1)],
        );
    }
}
