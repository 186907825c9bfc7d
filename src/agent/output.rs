//! What an agent prints, of which a bounded part is kept.

use std::collections::VecDeque;
use std::io::Read;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Longest line that is handed on.
const MOST_LINE_BYTES: usize = 64 << 20;

/// A stream of bytes: its beginning and its end.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Output {
    /// The first bytes.
    pub head: Vec<u8>,
    /// The last bytes, without those of the head.
    pub tail: Vec<u8>,
    /// How many there were.
    pub bytes: u64,
}

impl Output {
    /// How many bytes are in neither part.
    pub fn left_out(&self) -> u64 {
        self.bytes - (self.head.len() + self.tail.len()) as u64
    }

    /// All that was kept, as text; a line says how much is missing, if any is. Control characters are as they came.
    pub fn text(&self) -> String {
        let mut text = String::from_utf8_lossy(&self.head).into_owned();
        if self.left_out() > 0 {
            text.push_str(&format!("\n… {} bytes left out …\n", self.left_out()));
        }
        text.push_str(&String::from_utf8_lossy(&self.tail));
        text
    }
}

/// Reads a stream on a thread of its own, as fast as it comes, so that its writer never waits.
#[derive(Debug)]
pub(super) struct Collector {
    kept: Arc<Mutex<Kept>>,
    thread: JoinHandle<()>,
}

#[derive(Debug)]
struct Kept {
    head: Vec<u8>,
    tail: VecDeque<u8>,
    bytes: u64,
    half: usize,
}

impl Collector {
    /// Starts to read. `printed` counts all bytes; `lines` gets every line, without its end.
    pub(super) fn start(
        mut from: impl Read + Send + 'static,
        most_kept: usize,
        printed: Arc<AtomicU64>,
        lines: Option<Sender<Vec<u8>>>,
    ) -> Self {
        let kept = Arc::new(Mutex::new(Kept {
            head: Vec::new(),
            tail: VecDeque::new(),
            bytes: 0,
            half: most_kept / 2,
        }));
        let shared = Arc::clone(&kept);
        let mut line = lines.map(|sender| (sender, Vec::new()));
        let thread = std::thread::spawn(move || {
            let mut buffer = vec![0; 64 << 10];
            // The end of a terminal that nobody holds any more is an error.
            while let Ok(count @ 1..) = from.read(&mut buffer) {
                let bytes = &buffer[..count];
                printed.fetch_add(count as u64, Ordering::Relaxed);
                lock(&shared).push(bytes);
                if let Some((sender, begun)) = &mut line {
                    hand_on(bytes, begun, sender);
                }
            }
        });
        Self { kept, thread }
    }

    /// What came so far.
    pub(super) fn so_far(&self) -> Output {
        lock(&self.kept).output()
    }

    /// What came until the stream ended, or until now if someone still holds it after `patience`.
    pub(super) fn finish(self, patience: Duration) -> Output {
        let start = Instant::now();
        while !self.thread.is_finished() && start.elapsed() < patience {
            std::thread::sleep(Duration::from_millis(2));
        }
        self.so_far()
    }
}

fn lock(kept: &Mutex<Kept>) -> std::sync::MutexGuard<'_, Kept> {
    kept.lock().unwrap_or_else(PoisonError::into_inner)
}

fn hand_on(bytes: &[u8], begun: &mut Vec<u8>, sender: &Sender<Vec<u8>>) {
    for part in bytes.split_inclusive(|byte| *byte == b'\n') {
        match part.split_last() {
            Some((b'\n', rest)) => {
                begun.extend_from_slice(rest);
                // Who does not listen any more has what it wanted.
                let _ = sender.send(std::mem::take(begun));
            }
            _ if begun.len() < MOST_LINE_BYTES => begun.extend_from_slice(part),
            _ => {}
        }
    }
}

impl Kept {
    fn push(&mut self, bytes: &[u8]) {
        self.bytes += bytes.len() as u64;
        let room = (self.half - self.head.len()).min(bytes.len());
        let (first, rest) = bytes.split_at(room);
        self.head.extend_from_slice(first);
        let rest = &rest[rest.len().saturating_sub(self.half)..];
        let excess = (self.tail.len() + rest.len()).saturating_sub(self.half);
        self.tail.drain(..excess);
        self.tail.extend(rest);
    }

    fn output(&self) -> Output {
        Output {
            head: self.head.clone(),
            tail: self.tail.iter().copied().collect(),
            bytes: self.bytes,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_beginning_and_the_end_are_kept() {
        let check = |half: usize, parts: &[&str], expect: &str| {
            let mut kept = Kept {
                head: Vec::new(),
                tail: VecDeque::new(),
                bytes: 0,
                half,
            };
            parts.iter().for_each(|part| kept.push(part.as_bytes()));
            assert_eq!(kept.output().text(), expect);
        };
        check(4, &["abcd", "efgh"], "abcdefgh");
        check(4, &["abcdefghi"], "abcd\n… 1 bytes left out …\nfghi");
        check(
            2,
            &["a", "b", "c", "d", "e"],
            "ab\n… 1 bytes left out …\nde",
        );
        check(0, &["abc"], "\n… 3 bytes left out …\n");
    }

    #[test]
    fn lines_are_handed_on_whole() {
        let (sender, receiver) = std::sync::mpsc::channel();
        let mut begun = Vec::new();
        for part in [&b"ab"[..], b"c\nde\n", b"\nf"] {
            hand_on(part, &mut begun, &sender);
        }
        drop(sender);
        let lines: Vec<Vec<u8>> = receiver.iter().collect();
        assert_eq!(lines, [b"abc".to_vec(), b"de".to_vec(), Vec::new()]);
    }
}
