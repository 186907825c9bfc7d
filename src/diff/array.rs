//! How two arrays differ: by name where all elements have one, else by content.

use std::collections::HashMap;

use crate::align::common_subsequence;
use crate::json::{Kind, Node};
use crate::normalize::fingerprint;

use super::change::Level;
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
    let mut seen = std::collections::HashSet::new();
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
                let outer = diff.subject.clone();
                diff.subject = subject(rules.word, outer.as_deref(), &b_names[*j]);
                diff.value("", a[i], b[*j]);
                diff.subject = outer;
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

/// A tool by its name, below the namespace it stands in; elements of other arrays keep the subject they stand under.
fn subject(word: &str, outer: Option<&str>, name: &str) -> Option<String> {
    match outer {
        _ if word != TOOLS.word => outer.map(str::to_owned),
        Some(outer) => Some(format!("{outer} › `{name}`")),
        None => Some(format!("tool `{name}`")),
    }
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
    let outer = diff.subject.clone();
    diff.subject = subject(word, outer.as_deref(), name);
    diff.push(rule, diff.level, a, b, message);
    diff.subject = outer;
    diff.pointer.pop();
}

fn by_content(diff: &mut ValueDiff<'_>, key: &str, rules: &Rules, a: &[Node<'_>], b: &[Node<'_>]) {
    let print = |items: &[Node<'_>], scanner| -> Vec<u64> {
        items
            .iter()
            .map(|item| fingerprint(*item, key, scanner, &["id"]))
            .collect()
    };
    let a_keys = print(a, &diff.names.baseline);
    let b_keys = print(b, &diff.names.candidate);
    let mut pairs = common_subsequence(&a_keys, &b_keys);
    pairs.push((a.len(), b.len()));
    let (mut missing, mut added) = (Vec::new(), Vec::new());
    let (mut i, mut j) = (0, 0);
    for (x, y) in pairs {
        let gap = (x - i, y - j);
        let paired = gap.0.min(gap.1).min(same_kinds(&a[i..x], &b[j..y]));
        for n in 0..paired {
            compare_element(diff, key, j + n, a[i + n], b[j + n]);
        }
        missing.extend(i + paired..x);
        added.extend(j + paired..y);
        if x < a.len() {
            compare_element(diff, key, y, a[x], b[y]);
        }
        (i, j) = (x + 1, y + 1);
    }
    if join_reordered(&mut missing, &mut added, &a_keys, &b_keys) {
        let message = format!("the same {}s in another order", rules.word);
        diff.push(rules.order, Level::Note, None, None, message);
    }
    for i in missing {
        one_sided(
            diff,
            rules.missing,
            rules.word,
            i,
            (Some(a[i]), None),
            &excerpt(a[i]),
        );
    }
    for j in added {
        one_sided(
            diff,
            rules.added,
            rules.word,
            j,
            (None, Some(b[j])),
            &excerpt(b[j]),
        );
    }
}

/// How many leading elements of two gaps are containers of the same kind, or texts: those changed, while scalars of a
/// list such as `include` come and go.
fn same_kinds(a: &[Node<'_>], b: &[Node<'_>]) -> usize {
    let is_same = |(x, y): &(&Node<'_>, &Node<'_>)| {
        x.kind() == y.kind()
            && matches!(x.kind(), Kind::Object | Kind::Array)
            && x.get_string("type") == y.get_string("type")
    };
    a.iter().zip(b).take_while(is_same).count()
}

fn compare_element(diff: &mut ValueDiff<'_>, key: &str, index: usize, a: Node<'_>, b: Node<'_>) {
    diff.pointer.push_index(index);
    diff.value(key, a, b);
    diff.pointer.pop();
}

/// Takes elements out of both lists that are equal; tells whether there were any.
fn join_reordered(
    missing: &mut Vec<usize>,
    added: &mut Vec<usize>,
    a_keys: &[u64],
    b_keys: &[u64],
) -> bool {
    if missing.is_empty() || added.is_empty() {
        return false;
    }
    let mut free: HashMap<u64, Vec<usize>> = HashMap::new();
    for &j in added.iter() {
        free.entry(b_keys[j]).or_default().push(j);
    }
    let mut moved = std::collections::HashSet::new();
    missing.retain(|i| match free.get_mut(&a_keys[*i]).and_then(Vec::pop) {
        Some(j) => !moved.insert(j),
        None => true,
    });
    added.retain(|j| !moved.contains(j));
    !moved.is_empty()
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
