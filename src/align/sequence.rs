//! Common subsequences of two lists of keys, in near-linear time whatever the lists hold.

use std::collections::HashMap;

/// Lists up to this product of lengths are matched exactly; above it anchors and order decide.
const EXACT_CELLS: usize = 1 << 20;

/// Finds pairs of positions with equal keys, increasing in both lists.
///
/// Keys that stand once in each list anchor the match (patience diff); what lies between anchors is matched exactly
/// where it is small, else in order of appearance.
pub fn common_subsequence(a: &[u64], b: &[u64]) -> Vec<(usize, usize)> {
    let mut pairs = Vec::with_capacity(a.len().min(b.len()));
    match_range(
        Range {
            a,
            b,
            a_from: 0,
            b_from: 0,
        },
        &mut pairs,
    );
    pairs
}

#[derive(Clone, Copy)]
struct Range<'k> {
    a: &'k [u64],
    b: &'k [u64],
    a_from: usize,
    b_from: usize,
}

impl<'k> Range<'k> {
    fn part(self, a: std::ops::Range<usize>, b: std::ops::Range<usize>) -> Self {
        Self {
            a_from: self.a_from + a.start,
            b_from: self.b_from + b.start,
            a: &self.a[a],
            b: &self.b[b],
        }
    }
}

fn match_range(range: Range<'_>, pairs: &mut Vec<(usize, usize)>) {
    let prefix = range
        .a
        .iter()
        .zip(range.b)
        .take_while(|(x, y)| x == y)
        .count();
    pairs.extend((0..prefix).map(|i| (range.a_from + i, range.b_from + i)));
    let rest = range.part(prefix..range.a.len(), prefix..range.b.len());
    let suffix = rest
        .a
        .iter()
        .rev()
        .zip(rest.b.iter().rev())
        .take_while(|(x, y)| x == y)
        .count();
    let (a_end, b_end) = (rest.a.len() - suffix, rest.b.len() - suffix);
    match_middle(rest.part(0..a_end, 0..b_end), pairs);
    pairs.extend((0..suffix).map(|i| (rest.a_from + a_end + i, rest.b_from + b_end + i)));
}

fn match_middle(range: Range<'_>, pairs: &mut Vec<(usize, usize)>) {
    if range.a.is_empty() || range.b.is_empty() {
        return;
    }
    if range.a.len() * range.b.len() <= EXACT_CELLS {
        return match_exactly(range, pairs);
    }
    let anchors = anchors(range.a, range.b);
    if anchors.is_empty() {
        return match_in_order(range, pairs);
    }
    let (mut a_from, mut b_from) = (0, 0);
    for (a, b) in anchors {
        match_range(range.part(a_from..a, b_from..b), pairs);
        pairs.push((range.a_from + a, range.b_from + b));
        (a_from, b_from) = (a + 1, b + 1);
    }
    match_range(
        range.part(a_from..range.a.len(), b_from..range.b.len()),
        pairs,
    );
}

/// Longest common subsequence by dynamic programming.
fn match_exactly(range: Range<'_>, pairs: &mut Vec<(usize, usize)>) {
    let (a, b) = (range.a, range.b);
    let width = b.len() + 1;
    let mut longest = vec![0u32; (a.len() + 1) * width];
    for i in (0..a.len()).rev() {
        for j in (0..b.len()).rev() {
            longest[i * width + j] = if a[i] == b[j] {
                longest[(i + 1) * width + j + 1] + 1
            } else {
                longest[(i + 1) * width + j].max(longest[i * width + j + 1])
            };
        }
    }
    let (mut i, mut j) = (0, 0);
    while i < a.len() && j < b.len() {
        if a[i] == b[j] {
            pairs.push((range.a_from + i, range.b_from + j));
            (i, j) = (i + 1, j + 1);
        } else if longest[(i + 1) * width + j] >= longest[i * width + j + 1] {
            i += 1;
        } else {
            j += 1;
        }
    }
}

/// Keys that stand once in each list, as the longest chain of pairs that increases in both.
fn anchors(a: &[u64], b: &[u64]) -> Vec<(usize, usize)> {
    let unique = |list: &[u64]| {
        let mut seen: HashMap<u64, Option<usize>> = HashMap::with_capacity(list.len());
        for (i, key) in list.iter().enumerate() {
            seen.entry(*key)
                .and_modify(|at| *at = None)
                .or_insert(Some(i));
        }
        seen
    };
    let in_b = unique(b);
    let in_a = unique(a);
    let candidates = a.iter().enumerate().filter_map(|(i, key)| {
        in_a.get(key).copied().flatten()?;
        Some((i, in_b.get(key).copied().flatten()?))
    });
    longest_increasing(candidates.collect())
}

/// The longest chain whose second members increase; the first members already do.
fn longest_increasing(pairs: Vec<(usize, usize)>) -> Vec<(usize, usize)> {
    let mut tails: Vec<usize> = Vec::new();
    let mut before = vec![usize::MAX; pairs.len()];
    for i in 0..pairs.len() {
        let at = tails.partition_point(|&t| pairs[t].1 < pairs[i].1);
        if at > 0 {
            before[i] = tails[at - 1];
        }
        if at == tails.len() {
            tails.push(i)
        } else {
            tails[at] = i
        }
    }
    let mut chain = Vec::with_capacity(tails.len());
    let mut at = tails.last().copied().unwrap_or(usize::MAX);
    while at != usize::MAX {
        chain.push(pairs[at]);
        at = before[at];
    }
    chain.reverse();
    chain
}

/// Each key of the first list takes its next appearance in the second.
fn match_in_order(range: Range<'_>, pairs: &mut Vec<(usize, usize)>) {
    let mut places: HashMap<u64, Vec<usize>> = HashMap::new();
    for (j, key) in range.b.iter().enumerate().rev() {
        places.entry(*key).or_default().push(j);
    }
    let mut from = 0;
    for (i, key) in range.a.iter().enumerate() {
        let Some(stack) = places.get_mut(key) else {
            continue;
        };
        while stack.last().is_some_and(|j| *j < from) {
            stack.pop();
        }
        if let Some(j) = stack.pop() {
            pairs.push((range.a_from + i, range.b_from + j));
            from = j + 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(a: &str, b: &str, expect: &str) {
        let keys = |s: &str| s.bytes().map(u64::from).collect::<Vec<_>>();
        let pairs = common_subsequence(&keys(a), &keys(b));
        let text: String = pairs
            .iter()
            .map(|&(i, _)| a.as_bytes()[i] as char)
            .collect();
        assert_eq!(text, expect, "{a} {b}");
        assert!(
            pairs
                .iter()
                .all(|&(i, j)| a.as_bytes()[i] == b.as_bytes()[j])
        );
        assert!(pairs.is_sorted_by(|x, y| x.0 < y.0 && x.1 < y.1));
    }

    #[test]
    fn matches_what_is_common() {
        check("abcdef", "abcdef", "abcdef");
        check("abcdef", "abXcdef", "abcdef");
        check("abcdef", "acbdef", "acdef");
        check("", "abc", "");
        check("aab", "ab", "ab");
    }

    #[test]
    fn long_lists_are_anchored() {
        let a: Vec<u64> = (0..5000).collect();
        let mut b = a.clone();
        b.insert(2500, 9999);
        b.remove(4000);
        assert_eq!(common_subsequence(&a, &b).len(), 4999);
        let repeated = vec![7; 5000];
        assert_eq!(common_subsequence(&repeated[1..], &repeated).len(), 4999);
        let none: Vec<u64> = (10_000..15_000).collect();
        assert_eq!(common_subsequence(&a, &none), []);
    }
}
