//! How two arrays differ: by name where all elements have one, else by content.

use std::collections::{HashMap, HashSet};

use xxhash_rust::xxh3::xxh3_64;

use crate::align::{best_pairs, common_subsequence, node_words, word_similarity};
use crate::json::{Kind, Node};
use crate::normalize::fingerprint;
use crate::responses::context_tag;

use super::change::Level;
use super::subject::Thing;
use super::text::window;
use super::value::{ValueDiff, excerpt};

/// Compares two arrays that stand under `key`.
pub(super) fn compare_arrays(diff: &mut ValueDiff<'_>, key: &str, a: Node<'_>, b: Node<'_>) {
    let (a_items, b_items): (Vec<_>, Vec<_>) = (a.items().collect(), b.items().collect());
    let rules = if key == "tools" { &TOOLS } else { &ELEMENTS };
    match (names(&a_items), names(&b_items)) {
        (Some(x), Some(y)) if !x.is_empty() || !y.is_empty() => {
            by_name(diff, rules, (&a_items, &x), (&b_items, &y));
        }
        _ => by_content(diff, key, rules, &a_items, &b_items),
    }
}

/// Names of the rules for one kind of array.
struct Rules {
    missing: &'static str,
    added: &'static str,
    order: &'static str,
    /// What an element is called in messages.
    word: &'static str,
}

const TOOLS: Rules = Rules {
    missing: "tool-missing",
    added: "tool-added",
    order: "tool-order",
    word: "tool",
};
const ELEMENTS: Rules = Rules {
    missing: "element-missing",
    added: "element-added",
    order: "element-order",
    word: "element",
};

/// The names of all elements (`name`, else `type`), if every element has one and no two are equal.
fn names(items: &[Node<'_>]) -> Option<Vec<String>> {
    let mut seen = HashSet::new();
    let mut has_name = items.is_empty();
    let mut names = Vec::with_capacity(items.len());
    for item in items {
        if item.kind() != Kind::Object {
            return None;
        }
        has_name |= item.get("name").is_some();
        let name = item
            .get_string("name")
            .or_else(|| item.get_string("type"))?
            .into_owned();
        if !seen.insert(name.clone()) {
            return None;
        }
        names.push(name);
    }
    has_name.then_some(names)
}

fn by_name(
    diff: &mut ValueDiff<'_>,
    rules: &Rules,
    (a, a_names): (&[Node<'_>], &[String]),
    (b, b_names): (&[Node<'_>], &[String]),
) {
    let index: HashMap<&str, usize> = b_names
        .iter()
        .enumerate()
        .map(|(j, name)| (name.as_str(), j))
        .collect();
    let mut partners: Vec<Option<usize>> = a_names
        .iter()
        .map(|name| index.get(name.as_str()).copied())
        .collect();
    match_renamed(diff, a, b, &mut partners);
    let mut order = Vec::new();
    let mut is_taken = vec![false; b.len()];
    for (i, partner) in partners.iter().enumerate() {
        match partner {
            Some(j) => {
                is_taken[*j] = true;
                order.push(*j);
                diff.pointer.push_index(*j);
                let tool = tool(diff, rules.word, &b_names[*j]);
                diff.about(tool, |diff| diff.value("", a[i], b[*j]));
                diff.pointer.pop();
            }
            None => one_sided(
                diff,
                rules.missing,
                rules.word,
                i,
                (Some(a[i]), None),
                &a_names[i],
            ),
        }
    }
    for (j, taken) in is_taken.iter().enumerate() {
        if !taken {
            one_sided(
                diff,
                rules.added,
                rules.word,
                j,
                (None, Some(b[j])),
                &b_names[j],
            );
        }
    }
    if !order.is_sorted() {
        let message = format!("the same {}s in another order", rules.word);
        diff.push(rules.order, Level::Note, None, None, message);
    }
}

/// A tool by its name, below the namespace it stands in; `None` for elements of other arrays.
fn tool(diff: &ValueDiff<'_>, word: &str, name: &str) -> Option<Thing> {
    (word == TOOLS.word).then(|| match &diff.subject {
        Some(outer) => outer.tool_within(name),
        None => Thing::tool(name),
    })
}

/// Elements without a partner that are equal but for their name.
fn match_renamed(
    diff: &ValueDiff<'_>,
    a: &[Node<'_>],
    b: &[Node<'_>],
    partners: &mut [Option<usize>],
) {
    let taken: Vec<usize> = partners.iter().flatten().copied().collect();
    let mut free: Vec<usize> = (0..b.len()).filter(|j| !taken.contains(j)).collect();
    for (i, partner) in partners.iter_mut().enumerate() {
        if partner.is_some() || free.is_empty() {
            continue;
        }
        let print = fingerprint(a[i], "", &diff.names.baseline, &["name"]);
        let same = free
            .iter()
            .position(|&j| fingerprint(b[j], "", &diff.names.candidate, &["name"]) == print);
        *partner = same.map(|at| free.remove(at));
    }
}

fn one_sided(
    diff: &mut ValueDiff<'_>,
    rule: &'static str,
    word: &str,
    index: usize,
    (a, b): (Option<Node<'_>>, Option<Node<'_>>),
    name: &str,
) {
    let message = if a.is_some() {
        format!("{word} `{name}` is not sent by the candidate")
    } else {
        format!("{word} `{name}` is sent by the candidate only")
    };
    diff.pointer.push_index(index);
    let tool = tool(diff, word, name);
    diff.about(tool, |diff| diff.push(rule, diff.level, a, b, message));
    show_by_tag(diff, a.or(b));
    diff.pointer.pop();
}

/// Shows a context part by the beginning of its text instead of by its JSON.
fn show_by_tag(diff: &mut ValueDiff<'_>, part: Option<Node<'_>>) {
    let Some((part, change)) = part.zip(diff.out.changes.last_mut()) else {
        return;
    };
    if tag(part).is_none() {
        return;
    }
    let text = part.get_string("text").unwrap_or_default();
    let shown = window(&text, 0..text.len().min(80));
    for side in [&mut change.baseline, &mut change.candidate] {
        if side.is_some() {
            *side = Some(shown.clone());
        }
    }
}

/// The elements of two arrays that are compared by content, and which go together so far.
struct Contents<'d, 'a> {
    key: &'d str,
    a: &'d [Node<'a>],
    b: &'d [Node<'a>],
    a_words: Vec<Vec<u64>>,
    b_words: Vec<Vec<u64>>,
    pairs: Vec<(usize, usize)>,
}

fn by_content(diff: &mut ValueDiff<'_>, key: &str, rules: &Rules, a: &[Node<'_>], b: &[Node<'_>]) {
    let print = |items: &[Node<'_>], scanner| -> Vec<u64> {
        items
            .iter()
            .map(|item| fingerprint(*item, key, scanner, &["id"]))
            .collect()
    };
    let (a_keys, b_keys) = (
        print(a, &diff.names.baseline),
        print(b, &diff.names.candidate),
    );
    let mut pairs = common_subsequence(&a_keys, &b_keys);
    match_moved(&mut pairs, &a_keys, &b_keys);
    let mut contents = Contents {
        key,
        a,
        b,
        a_words: Vec::new(),
        b_words: Vec::new(),
        pairs,
    };
    contents.match_changed(diff);
    let Contents { mut pairs, .. } = contents;
    pairs.sort_unstable();
    let mut is_taken = (vec![false; a.len()], vec![false; b.len()]);
    for &(i, j) in &pairs {
        (is_taken.0[i], is_taken.1[j]) = (true, true);
        let whole = diff.subject.as_ref();
        let part = tag(b[j]).and_then(|tag| Some(whole?.part(tag)));
        diff.pointer.push_index(j);
        diff.about(part, |diff| diff.value(key, a[i], b[j]));
        diff.pointer.pop();
    }
    if !pairs.is_sorted_by_key(|pair| pair.1) {
        let message = format!("the same {}s in another order", rules.word);
        diff.push(rules.order, Level::Note, None, None, message);
    }
    for i in (0..a.len()).filter(|&i| !is_taken.0[i]) {
        one_sided(
            diff,
            rules.missing,
            rules.word,
            i,
            (Some(a[i]), None),
            &element_name(a[i]),
        );
    }
    for j in (0..b.len()).filter(|&j| !is_taken.1[j]) {
        one_sided(
            diff,
            rules.added,
            rules.word,
            j,
            (None, Some(b[j])),
            &element_name(b[j]),
        );
    }
}

/// The context tag of a part of a message.
fn tag(part: Node<'_>) -> Option<String> {
    let text = part.get_string("text")?;
    context_tag(&text).map(str::to_owned)
}

/// What an element is called: by its tag, else by its text.
fn element_name(element: Node<'_>) -> String {
    tag(element).unwrap_or_else(|| excerpt(element))
}

/// Equal elements that stand elsewhere go together.
fn match_moved(pairs: &mut Vec<(usize, usize)>, a_keys: &[u64], b_keys: &[u64]) {
    let (left_a, left_b) = left_over(pairs, a_keys.len(), b_keys.len());
    let mut free: HashMap<u64, Vec<usize>> = HashMap::new();
    for &j in left_b.iter().rev() {
        free.entry(b_keys[j]).or_default().push(j);
    }
    for i in left_a {
        if let Some(j) = free.get_mut(&a_keys[i]).and_then(Vec::pop) {
            pairs.push((i, j));
        }
    }
}

/// Positions that are in no pair.
fn left_over(pairs: &[(usize, usize)], a_len: usize, b_len: usize) -> (Vec<usize>, Vec<usize>) {
    let taken_a: HashSet<usize> = pairs.iter().map(|p| p.0).collect();
    let taken_b: HashSet<usize> = pairs.iter().map(|p| p.1).collect();
    let left =
        |len: usize, taken: &HashSet<usize>| (0..len).filter(|i| !taken.contains(i)).collect();
    (left(a_len, &taken_a), left(b_len, &taken_b))
}

/// Elements up to this product of counts are matched by likeness; of more nothing is matched.
const LIKENESS_CELLS: usize = 1 << 14;

/// Elements whose words are less alike than this are other elements, unless they stand in each other's place.
const LEAST_LIKENESS: f64 = 0.3;

impl Contents<'_, '_> {
    /// Pairs elements that changed: alike ones in order, then alike ones that also moved, then those with the same
    /// keys that stand alone between equal ones. Scalars of a list such as `include` come and go.
    fn match_changed(&mut self, diff: &ValueDiff<'_>) {
        let (left_a, left_b) = left_over(&self.pairs, self.a.len(), self.b.len());
        if left_a.is_empty() || left_b.is_empty() || left_a.len() * left_b.len() > LIKENESS_CELLS {
            return;
        }
        let words = |list: &[Node<'_>], left: &[usize], scanner| -> Vec<Vec<u64>> {
            left.iter()
                .map(|&i| node_words(list[i], self.key, scanner))
                .collect()
        };
        self.a_words = words(self.a, &left_a, &diff.names.baseline);
        self.b_words = words(self.b, &left_b, &diff.names.candidate);
        let in_order = best_pairs(left_a.len(), left_b.len(), |n, m| {
            let likeness = self.likeness((n, left_a[n]), (m, left_b[m]));
            if likeness < LEAST_LIKENESS {
                0.0
            } else {
                0.4 + likeness
            }
        });
        let mut taken: (HashSet<usize>, HashSet<usize>) = in_order.iter().copied().unzip();
        let mut found = in_order;
        for n in (0..left_a.len()).filter(|n| !taken.0.contains(n)) {
            let free = (0..left_b.len()).filter(|m| !taken.1.contains(m));
            let alike = free.map(|m| (self.likeness((n, left_a[n]), (m, left_b[m])), m));
            let best = alike.max_by(|x, y| x.0.total_cmp(&y.0).then(y.1.cmp(&x.1)));
            if let Some((likeness, m)) = best
                && likeness >= LEAST_LIKENESS
            {
                taken.1.insert(m);
                found.push((n, m));
            }
        }
        self.pairs
            .extend(found.into_iter().map(|(n, m)| (left_a[n], left_b[m])));
        self.match_by_place();
    }

    /// How many words two elements share, 0 for those of different kinds and for scalars.
    fn likeness(&self, (n, i): (usize, usize), (m, j): (usize, usize)) -> f64 {
        let (x, y) = (self.a[i], self.b[j]);
        let is_container = matches!(x.kind(), Kind::Object | Kind::Array);
        if x.kind() == y.kind() && is_container && may_correspond(x, y) {
            word_similarity(&self.a_words[n], &self.b_words[m])
        } else {
            0.0
        }
    }

    /// Elements with the same keys in the same gap between pairs.
    fn match_by_place(&mut self) {
        let (left_a, left_b) = left_over(&self.pairs, self.a.len(), self.b.len());
        let mut free = left_b.into_iter().peekable();
        for i in left_a {
            let before = self.pairs.iter().filter(|p| p.0 < i).map(|p| p.1).max();
            let after = self.pairs.iter().filter(|p| p.0 > i).map(|p| p.1).min();
            while free.next_if(|j| before.is_some_and(|b| *j < b)).is_some() {}
            let fits = |j: &usize| {
                after.is_none_or(|b| *j < b)
                    && self.a[i].kind() == Kind::Object
                    && keys(self.a[i]) == keys(self.b[*j])
                    && may_correspond(self.a[i], self.b[*j])
            };
            if let Some(j) = free.next_if(fits) {
                self.pairs.push((i, j));
            }
        }
    }
}

/// Context parts of different tags are different parts, whatever they share.
fn may_correspond(a: Node<'_>, b: Node<'_>) -> bool {
    match (tag(a), tag(b)) {
        (Some(a), Some(b)) => a == b,
        _ => true,
    }
}

fn keys(node: Node<'_>) -> Vec<u64> {
    let mut keys: Vec<u64> = node
        .members()
        .map(|(key, _)| xxh3_64(key.text().as_bytes()))
        .collect();
    keys.sort_unstable();
    keys
}

#[cfg(test)]
mod tests {
    use crate::diff::names::Names;
    use crate::json::Value;

    use super::*;

    fn check(key: &str, a: &str, b: &str, expect: &[&str]) {
        let (a, b) = (Value::parse(a).unwrap(), Value::parse(b).unwrap());
        let mut names = Names::default();
        let mut diff = ValueDiff::new(&mut names, Level::Error, true);
        diff.value(key, a.node(), b.node());
        let found: Vec<String> = diff
            .out
            .changes
            .iter()
            .map(|c| format!("{} {}", c.rule, c.pointer))
            .collect();
        assert_eq!(found, expect);
    }

    #[test]
    fn elements_go_by_name_or_content() {
        check(
            "include",
            r#"["a","b"]"#,
            r#"["a"]"#,
            &["element-missing /1"],
        );
        check("enum", r#"["a","b"]"#, r#"["b","a"]"#, &["element-order "]);
        check(
            "enum",
            r#"["a","b"]"#,
            r#"["a","c"]"#,
            &["element-missing /1", "element-added /1"],
        );
        check(
            "content",
            r#"[{"type":"t","x":"1"}]"#,
            r#"[{"type":"t","x":"2"}]"#,
            &["value-changed /0/x"],
        );
        check(
            "anyOf",
            r#"[{"type":"integer"},{"type":"null"}]"#,
            r#"[{"type":"string"},{"type":"null"}]"#,
            &["value-changed /0/type"],
        );
        let part = |text: &str| format!(r#"{{"type":"input_text","text":"{text}"}}"#);
        let (one, two) = (
            part("one two three four five"),
            part("six seven eight nine ten"),
        );
        let (two_changed, other) = (
            part("six seven eight nine zehn"),
            part("a b c d e f g h i j"),
        );
        check(
            "content",
            &format!("[{one},{two}]"),
            &format!("[{two_changed},{one},{other}]"),
            &[
                "value-changed /0/text",
                "element-order ",
                "element-added /2",
            ],
        );
        let tools = r#"[{"type":"function","name":"a","p":1},{"type":"function","name":"b"},{"type":"web_search"}]"#;
        check(
            "tools",
            tools,
            r#"[{"type":"function","name":"b"},{"type":"web_search"}]"#,
            &["tool-missing /0"],
        );
        check(
            "tools",
            tools,
            &tools.replace("\"p\":1", "\"p\":2"),
            &["value-changed /0/p"],
        );
        check(
            "tools",
            tools,
            &tools.replace("\"a\"", "\"c\""),
            &["value-changed /0/name"],
        );
    }
}
