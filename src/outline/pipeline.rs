//! Reads a rollout in one thread and takes in its records in others.

use std::borrow::Cow;
use std::io::{self, Read};
use std::ops::Range;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

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
    fn problem(&mut self, problem: &Problem);
    /// Nothing follows.
    fn end(&mut self) {}
}

/// Reads to the end; while records are searched for, those found before are taken in, by each consumer in a thread of
/// its own.
///
/// # Errors
///
/// When reading fails; what was read before was taken in.
pub(super) fn read_all<R: Read>(
    reader: &mut RolloutReader<R>,
    consumers: &mut [&mut dyn Consumer],
) -> io::Result<()> {
    let consumers: Vec<_> = consumers.iter_mut().map(Mutex::new).collect();
    std::thread::scope(|scope| {
        let (done, empty) = sync_channel(BATCHES);
        let mut full = Vec::new();
        for consumer in &consumers {
            let (sender, work) = sync_channel(BATCHES);
            let take = || take_batches(work, consumer);
            std::thread::Builder::new().spawn_scoped(scope, take)?;
            full.push(sender);
        }
        let mut sender = Sender {
            full,
            done,
            empty,
            under_way: 0,
            batch: Batch::default(),
        };
        while let Some(part) = reader.next_part()? {
            match part {
                RolloutPart::Record(record) if record.text.len() >= LARGE => {
                    sender.wait();
                    for consumer in &consumers {
                        lock(consumer).record(&record);
                    }
                }
                RolloutPart::Record(record) => {
                    sender.batch.add(&record);
                    if sender.batch.text.len() >= BATCH {
                        sender.send();
                    }
                }
                RolloutPart::Problem(problem) => {
                    let problem = Entry::Problem(Box::new(problem));
                    sender.batch.entries.push(problem);
                }
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

fn take_batches(work: Receiver<Arc<Lent>>, consumer: &Mutex<&mut &mut dyn Consumer>) {
    for lent in work {
        lent.batch.give(**lock(consumer));
    }
    lock(consumer).end();
}

/// A batch that goes back to the reading thread when nobody needs it any more.
struct Lent {
    batch: Batch,
    done: SyncSender<Batch>,
}

impl Drop for Lent {
    fn drop(&mut self) {
        let mut batch = std::mem::take(&mut self.batch);
        batch.text.clear();
        batch.entries.clear();
        // The other side is gone when it failed to read; there is room for all that are under way.
        let _ = self.done.try_send(batch);
    }
}

struct Sender {
    full: Vec<SyncSender<Arc<Lent>>>,
    done: SyncSender<Batch>,
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
        let lent = Arc::new(Lent {
            batch: std::mem::replace(&mut self.batch, next),
            done: self.done.clone(),
        });
        self.under_way += 1;
        for full in &self.full {
            // The other side only goes away by a panic, which the scope passes on.
            let _ = full.send(Arc::clone(&lent));
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
    Record(Envelope),
    Problem(Box<Problem>),
}

/// A record without its text.
struct Envelope {
    index: usize,
    span: Range<u64>,
    text: Range<usize>,
    layout: Layout,
    kind: RecordKind,
    type_name: Word,
    /// Where the payload and the metadata begin in the text.
    payload: usize,
    metadata: Option<usize>,
    timestamp: Option<Word>,
    ordinal: Option<u64>,
}

/// A word of a record.
enum Word {
    /// Where it stands in the record's text.
    Place(Range<usize>),
    /// Written with escapes, or not there.
    Own(Box<str>),
}

impl Word {
    fn of(word: &str, record: &str) -> Self {
        let start = (word.as_ptr() as usize).wrapping_sub(record.as_ptr() as usize);
        let place = start..start.wrapping_add(word.len());
        match record.get(place.clone()) == Some(word) {
            true => Self::Place(place),
            false => Self::Own(word.into()),
        }
    }

    fn in_text<'t>(&'t self, record: &'t str) -> Cow<'t, str> {
        Cow::Borrowed(match self {
            Self::Place(place) => &record[place.clone()],
            Self::Own(word) => word,
        })
    }
}

impl Batch {
    fn add(&mut self, record: &RolloutRecord<'_>) {
        let start = self.text.len();
        self.text.push_str(record.text);
        let offset = |value: Raw<'_>| record.text.len() - value.length_to_end();
        self.entries.push(Entry::Record(Envelope {
            index: record.index,
            span: record.span.clone(),
            text: start..self.text.len(),
            layout: record.layout,
            kind: record.kind,
            type_name: Word::of(&record.type_name, record.text),
            payload: offset(record.payload),
            metadata: record.metadata.map(offset),
            timestamp: record
                .timestamp
                .as_ref()
                .map(|time| Word::of(time, record.text)),
            ordinal: record.ordinal,
        }));
    }

    fn give(&self, consumer: &mut dyn Consumer) {
        for entry in &self.entries {
            let envelope = match entry {
                Entry::Problem(problem) => {
                    consumer.problem(problem);
                    continue;
                }
                Entry::Record(envelope) => envelope,
            };
            let text = &self.text[envelope.text.clone()];
            consumer.record(&RolloutRecord {
                index: envelope.index,
                span: envelope.span.clone(),
                text,
                layout: envelope.layout,
                kind: envelope.kind,
                type_name: envelope.type_name.in_text(text),
                payload: Raw::new(&text[envelope.payload..]),
                timestamp: envelope.timestamp.as_ref().map(|time| time.in_text(text)),
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

        fn problem(&mut self, problem: &Problem) {
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
                RolloutPart::Problem(problem) => expect.problem(&problem),
            }
        }
        let (mut notes, mut others) = (Notes::default(), Notes::default());
        let mut reader = RolloutReader::new(text.as_bytes());
        read_all(&mut reader, &mut [&mut notes, &mut others]).unwrap();
        assert!(notes.0 == expect.0 && others.0 == expect.0);
        assert_eq!(notes.0.len(), 4008);
    }
}
