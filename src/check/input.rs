//! The items that requests stand for, kept once however many requests send them again.

use std::ops::Deref;
use std::sync::Arc;

use crate::json::Value;

/// The whole input of a request: the beginning of a list that other requests of the same connection may share.
#[derive(Clone, Default)]
pub(super) struct Input {
    list: Arc<[Value]>,
    /// For each item of the list whether a request sent it.
    is_sent: Arc<[bool]>,
    length: usize,
}

impl Deref for Input {
    type Target = [Value];

    fn deref(&self) -> &[Value] {
        &self.list[..self.length]
    }
}

impl Input {
    /// Number of items at the beginning that are the same text in both.
    pub(super) fn same_prefix(&self, other: &Self) -> usize {
        if Arc::ptr_eq(&self.list, &other.list) {
            return self.length.min(other.length);
        }
        let pairs = self.iter().zip(other.iter());
        pairs.take_while(|(a, b)| a.text() == b.text()).count()
    }

    /// Whether an item was sent as it stands there; else it is what a response delivered before the request that
    /// continues it, and the bytes that a client would send are not known.
    pub(super) fn is_sent(&self, at: usize) -> bool {
        self.is_sent.get(at).copied().unwrap_or(false)
    }
}

/// Where the input of a request stands among [`Inputs`].
#[derive(Debug, Clone, Copy)]
pub(super) struct InputPlace {
    list: usize,
    length: usize,
}

/// The inputs of a capture while they are put together.
///
/// Over a WebSocket a request stands for all that was sent and delivered before it. Such inputs are beginnings of one
/// list, so that memory grows with what was sent.
#[derive(Default)]
pub(super) struct Inputs {
    lists: Vec<Vec<Value>>,
    /// For each item of each list whether a request sent it.
    is_sent: Vec<Vec<bool>>,
}

impl Inputs {
    /// Takes an input that was sent as a whole.
    pub(super) fn add(&mut self, items: Vec<Value>) -> InputPlace {
        let is_sent = vec![true; items.len()];
        self.push(items, is_sent)
    }

    fn push(&mut self, items: Vec<Value>, is_sent: Vec<bool>) -> InputPlace {
        let length = items.len();
        self.lists.push(items);
        self.is_sent.push(is_sent);
        InputPlace {
            list: self.lists.len() - 1,
            length,
        }
    }

    /// Takes an input that begins with another one, then has what the response to that delivered, then what is sent. A
    /// list is copied only where two different inputs continue the same.
    pub(super) fn extend(
        &mut self,
        before: InputPlace,
        delivered: Vec<Value>,
        sent: Vec<Value>,
    ) -> InputPlace {
        let mut is_sent = vec![false; delivered.len()];
        is_sent.resize(delivered.len() + sent.len(), true);
        let items: Vec<Value> = delivered.into_iter().chain(sent).collect();
        let list = &self.lists[before.list];
        let behind = &list[before.length..];
        let length = before.length + items.len();
        let mut pairs = behind.iter().zip(&items);
        if behind.len() >= items.len() && pairs.all(|(a, b)| a.text() == b.text()) {
            return InputPlace { length, ..before };
        }
        if !behind.is_empty() {
            let begin = list[..before.length].iter().cloned();
            let begin_sent = self.is_sent[before.list][..before.length].iter().copied();
            let is_sent = begin_sent.chain(is_sent).collect();
            return self.push(begin.chain(items).collect(), is_sent);
        }
        self.lists[before.list].extend(items);
        self.is_sent[before.list].extend(is_sent);
        InputPlace { length, ..before }
    }

    /// All inputs, in the order of their places.
    pub(super) fn finish(self, places: impl Iterator<Item = InputPlace>) -> Vec<Input> {
        let lists: Vec<Arc<[Value]>> = self.lists.into_iter().map(Arc::from).collect();
        let is_sent: Vec<Arc<[bool]>> = self.is_sent.into_iter().map(Arc::from).collect();
        let input = |place: InputPlace| Input {
            list: Arc::clone(&lists[place.list]),
            is_sent: Arc::clone(&is_sent[place.list]),
            length: place.length,
        };
        places.map(input).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn items(texts: &[&str]) -> Vec<Value> {
        let value = |text: &&str| Value::parse(*text).unwrap();
        texts.iter().map(value).collect()
    }

    #[test]
    fn inputs_that_continue_each_other_share_a_list() {
        let mut inputs = Inputs::default();
        let first = inputs.add(items(&["1"]));
        let second = inputs.extend(first, items(&["2"]), items(&["3"]));
        let again = inputs.extend(first, items(&["2"]), items(&["3"]));
        let other = inputs.extend(first, items(&["4"]), Vec::new());
        let third = inputs.extend(second, Vec::new(), items(&["5"]));
        let all = inputs.finish([first, second, again, other, third].into_iter());
        let texts = |input: &Input| input.iter().map(Value::text).collect::<String>();
        let texts: Vec<String> = all.iter().map(texts).collect();
        assert_eq!(texts, ["1", "123", "123", "14", "1235"]);
        let is_shared = |at: usize| Arc::ptr_eq(&all[0].list, &all[at].list);
        assert_eq!([1, 2, 3, 4].map(is_shared), [true, true, false, true]);
        let is_sent = [0, 1, 2, 3, 4].map(|at| all[4].is_sent(at));
        assert_eq!(is_sent, [true, false, true, true, false]);
        assert!(all[3].is_sent(0) && !all[3].is_sent(1));
        assert_eq!(all[1].same_prefix(&all[4]), 3);
        assert_eq!(all[3].same_prefix(&all[4]), 1);
    }
}
