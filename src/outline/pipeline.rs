//! Reads a rollout in one thread and takes in its records in another.

use std::io::{self, Read};
use std::ops::Range;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::json::{Problem, Raw};
use crate::rollout::{Layout, RecordKind, RolloutPart, RolloutReader, RolloutRecord};

/// Bytes of records that are handed over together.
const BATCH: usize = 1 << 20;

/// Batches on their way.
const BATCHES: usize = 4;

/// Records from this size on are not copied: the reading thread waits and hands them over in place.
const LARGE: usize = 4 << 20;

/// What takes in the records of a rollout, in order.
pub(super) trait Consumer: Send {
    /// Takes the next record.
    fn record(&mut self, record: &RolloutRecord<'_>);
    /// Takes the next damaged span.
    fn problem(&mut self, problem: Problem);
}

/// Reads to the end; while records are searched for, those found before are taken in.
///
/// # Errors
///
/// When reading fails; what was read before was taken in.
pub(super) fn read_all<R: Read>(
    reader: &mut RolloutReader<R>,
    consumer: &mut impl Consumer,
) -> io::Result<()> {
    let consumer = Mutex::new(consumer);
    std::thread::scope(|scope| {
        let (full, work) = sync_channel(BATCHES);
        let (done, empty) = sync_channel(BATCHES);
        std::thread::Builder::new().spawn_scoped(scope, || take_batches(work, done, &consumer))?;
        let mut sender = Sender {
            full,
            empty,
            under_way: 0,
            batch: Batch::default(),
        };
        while let Some(part) = reader.next_part()? {
            match part {
                RolloutPart::Record(record) if record.text.len() >= LARGE => {
                    sender.wait();
                    lock(&consumer).record(&record);
                }
                RolloutPart::Record(record) => {
                    sender.batch.add(&record);
                    if sender.batch.text.len() >= BATCH {
                        sender.send();
                    }
                }
                RolloutPart::Problem(problem) => sender.batch.entries.push(Entry::Problem(problem)),
            }
        }
        sender.send();
        Ok(())
    })
}

/// A thread that panicked has said so; what it held is of no use, and its panic is passed on when it is joined.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn take_batches<C: Consumer>(
    work: Receiver<Batch>,
    done: SyncSender<Batch>,
    consumer: &Mutex<&mut C>,
) {
    for mut batch in work {
        {
            let mut consumer = lock(consumer);
            batch.give(&mut **consumer);
        }
        batch.text.clear();
        // The other side is gone when it failed to read.
        if done.send(batch).is_err() {
            return;
        }
    }
}

struct Sender {
    full: SyncSender<Batch>,
    empty: Receiver<Batch>,
    under_way: usize,
    batch: Batch,
}

impl Sender {
    /// Hands the batch over and takes an empty one.
    fn send(&mut self) {
        let next = match self.under_way {
            BATCHES => self.take_back(),
            _ => Batch::default(),
        };
        let batch = std::mem::replace(&mut self.batch, next);
        // The other side only goes away by a panic, which the scope passes on.
        if self.full.send(batch).is_ok() {
            self.under_way += 1;
        }
    }

    /// Waits until everything was taken in.
    fn wait(&mut self) {
        self.send();
        while self.under_way > 0 {
            self.take_back();
        }
    }

    fn take_back(&mut self) -> Batch {
        self.under_way -= 1;
        self.empty.recv().unwrap_or_default()
    }
}

/// Records with their texts, in a form that can be handed to another thread.
#[derive(Default)]
struct Batch {
    text: String,
    entries: Vec<Entry>,
}

enum Entry {
    Record(Box<Envelope>),
    Problem(Problem),
}

/// A record without its text.
struct Envelope {
    index: usize,
    span: Range<u64>,
    text: Range<usize>,
    layout: Layout,
    kind: RecordKind,
    type_name: String,
    /// Where the payload and the metadata begin in the text.
    payload: usize,
    metadata: Option<usize>,
    timestamp: Option<String>,
    ordinal: Option<u64>,
}

impl Batch {
    fn add(&mut self, record: &RolloutRecord<'_>) {
        let start = self.text.len();
        self.text.push_str(record.text);
        let offset = |value: Raw<'_>| record.text.len() - value.length_to_end();
        self.entries.push(Entry::Record(Box::new(Envelope {
            index: record.index,
            span: record.span.clone(),
            text: start..self.text.len(),
            layout: record.layout,
            kind: record.kind,
            type_name: record.type_name.clone().into_owned(),
            payload: offset(record.payload),
            metadata: record.metadata.map(offset),
            timestamp: record.timestamp.as_deref().map(str::to_owned),
            ordinal: record.ordinal,
        })));
    }

    fn give(&mut self, consumer: &mut impl Consumer) {
        for entry in self.entries.drain(..) {
            let envelope = match entry {
                Entry::Problem(problem) => {
                    consumer.problem(problem);
                    continue;
                }
                Entry::Record(envelope) => *envelope,
            };
            let text = &self.text[envelope.text];
            consumer.record(&RolloutRecord {
                index: envelope.index,
                span: envelope.span,
                text,
                layout: envelope.layout,
                kind: envelope.kind,
                type_name: envelope.type_name.into(),
                payload: Raw::new(&text[envelope.payload..]),
                timestamp: envelope.timestamp.map(Into::into),
                ordinal: envelope.ordinal,
                metadata: envelope.metadata.map(|at| Raw::new(&text[at..])),
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Writes down what it is given.
    #[derive(Default)]
    struct Notes(Vec<String>);

    impl Consumer for Notes {
        fn record(&mut self, record: &RolloutRecord<'_>) {
            self.0.push(format!(
                "{} {:?} {} {:?} {} {:?}",
                record.index,
                record.span,
                record.type_name,
                record.timestamp,
                record.payload.text(),
                record.metadata.map(Raw::text)
            ));
        }

        fn problem(&mut self, problem: Problem) {
            self.0.push(problem.to_string());
        }
    }

    #[test]
    fn what_is_handed_over_is_what_was_read() {
        let large = "x".repeat(LARGE);
        let mut text = String::new();
        for n in 0..4000 {
            text += &format!(
                "{{\"timestamp\":\"t{n}\",\"type\":\"a\",\"payload\":{{\"n\":\"{}\"}},\"metadata\":{{\"m\":{n}}}}}\n",
                "y".repeat(n)
            );
            if n % 1000 == 999 {
                text += &format!("garbage\n{{\"type\":\"b\",\"payload\":\"{large}\"}}\n");
            }
        }
        let mut expect = Notes::default();
        let mut reader = RolloutReader::new(text.as_bytes());
        while let Some(part) = reader.next_part().unwrap() {
            match part {
                RolloutPart::Record(record) => expect.record(&record),
                RolloutPart::Problem(problem) => expect.problem(problem),
            }
        }
        let mut notes = Notes::default();
        read_all(&mut RolloutReader::new(text.as_bytes()), &mut notes).unwrap();
        assert!(notes.0 == expect.0);
        assert_eq!(notes.0.len(), 4008);
    }
}
