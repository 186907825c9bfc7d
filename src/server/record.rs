//! Writes the capture, on a thread of its own.
//!
//! A task that plays a response hands over what it is about to send and waits, before the last bytes, until the records
//! are in the file: every response that a client saw complete is in the capture, also when the program is killed. The
//! thread writes all records that are waiting with one call, so many connections cost few writes.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use bytes::Bytes;
use tokio::sync::{Semaphore, oneshot, watch};

use crate::capture::{
    Body, CaptureWriter, ContentKind, End, Event, ExchangeId, Frame, Head, Headers, Recorded,
    Redactor, Request,
};
use crate::http::{HeaderList, SseParser, parse_sse};
use crate::json::Value;

use super::queue::{Entry, Queue};

/// Bytes of records that may wait for the thread; who wants to add more waits first.
const QUEUE_BYTES: u32 = 16 << 20;
/// Bytes of records that are put together for one write.
const BATCH_BYTES: usize = 256 << 10;

/// Where the capture goes.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub enum CaptureTarget {
    /// Nowhere.
    #[default]
    None,
    /// To memory, for [`Server::capture`](super::Server::capture).
    Memory,
    /// To an open file, at its end.
    File(Arc<File>),
}

/// Something to be written down of an exchange.
#[derive(Debug)]
pub(super) enum Fact {
    Request(Box<Request>, u64),
    Head {
        status: Option<u16>,
        headers: Option<HeaderList>,
        content: ContentKind,
    },
    /// Bytes of the response body; they become events or a body, as the head says.
    Data(Bytes),
    Frame(Box<Frame>),
    End {
        end: End,
        extra: Option<Value>,
    },
}

/// Takes down what happens, in the order in which it is told.
#[derive(Debug, Clone)]
pub(super) struct Recorder {
    queue: Option<Arc<Queue>>,
    room: Arc<Semaphore>,
    next: Arc<Mutex<u64>>,
    memory: Option<Arc<watch::Sender<Vec<u8>>>>,
    failure: Arc<Mutex<Option<io::Error>>>,
}

impl Recorder {
    /// Starts the thread, unless there is nowhere to write to.
    ///
    /// # Errors
    ///
    /// What writing the header record or starting a thread reports.
    pub(super) fn start(
        target: CaptureTarget,
        redactor: Option<Redactor>,
    ) -> io::Result<(Self, Option<JoinHandle<()>>)> {
        let mut recorder = Self {
            queue: None,
            room: Arc::new(Semaphore::new(QUEUE_BYTES as usize)),
            next: Arc::default(),
            memory: None,
            failure: Arc::default(),
        };
        let out = match target {
            CaptureTarget::None => return Ok((recorder, None)),
            CaptureTarget::Memory => {
                let memory = Arc::new(watch::Sender::new(Vec::new()));
                recorder.memory = Some(memory.clone());
                Out::Memory(memory)
            }
            CaptureTarget::File(file) => Out::File(file),
        };
        let batch = Batch {
            out,
            waiting: Vec::new(),
        };
        let mut writer = CaptureWriter::new(batch, "serve", redactor)?;
        writer.get_mut().write_out()?;
        let queue = Arc::<Queue>::default();
        recorder.queue = Some(queue.clone());
        let thread = Thread {
            writer,
            queue,
            room: recorder.room.clone(),
            open: HashMap::new(),
            written: Vec::new(),
            failure: recorder.failure.clone(),
        };
        let handle = std::thread::Builder::new()
            .name("trace-diff-capture".to_owned())
            .spawn(move || thread.run())?;
        Ok((recorder, Some(handle)))
    }

    /// Whether anything is written down.
    pub(super) fn is_on(&self) -> bool {
        self.queue.is_some()
    }

    /// Hands a request over and gives the number of its exchange in the capture.
    pub(super) async fn open(&self, at_ms: f64, request: Fact) -> u64 {
        let cost = match self.is_on() {
            true => self.reserve(&request).await,
            false => 0,
        };
        // Numbers are given in the order in which requests are handed over.
        let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        let number = *next;
        *next += 1;
        self.push(number, at_ms, request, cost, None);
        number
    }

    /// Hands a fact over; waits while too much is in the queue. It is written when the thread is woken.
    pub(super) async fn tell(&self, exchange: u64, at_ms: f64, fact: Fact) {
        if self.is_on() {
            let cost = self.reserve(&fact).await;
            self.push(exchange, at_ms, fact, cost, None);
        }
    }

    /// Hands a fact over and waits until it, and all before it, are in the file.
    pub(super) async fn tell_and_wait(&self, exchange: u64, at_ms: f64, fact: Fact) {
        if self.is_on() {
            let cost = self.reserve(&fact).await;
            let (written, done) = oneshot::channel();
            self.push(exchange, at_ms, fact, cost, Some(written));
            self.wake();
            // The thread ends early only when it can't write; that is told at the end.
            let _ = done.await;
        }
    }

    /// Waits until all that was handed over so far is in the file.
    pub(super) async fn settled(&self) {
        // No exchange has this number, so nothing is written.
        let nothing = Fact::Data(Bytes::new());
        self.tell_and_wait(u64::MAX, 0.0, nothing).await;
    }

    /// Hands a small fact over from where waiting is not possible.
    pub(super) fn tell_now(&self, exchange: u64, at_ms: f64, fact: Fact) {
        self.push(exchange, at_ms, fact, 0, None);
        self.wake();
    }

    /// Has what was handed over written soon.
    pub(super) fn wake(&self) {
        if let Some(queue) = &self.queue {
            queue.wake();
        }
    }

    /// Says that nothing more is told: what waits is written, and the thread ends.
    pub(super) fn finish(&self) {
        if let Some(queue) = &self.queue {
            queue.finish();
        }
    }

    /// What is captured in memory, now and later.
    pub(super) fn memory(&self) -> Option<watch::Receiver<Vec<u8>>> {
        self.memory.as_ref().map(|memory| memory.subscribe())
    }

    /// Why the capture could not be written, told once.
    pub(super) fn take_failure(&self) -> Option<io::Error> {
        self.failure
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take()
    }

    async fn reserve(&self, fact: &Fact) -> u32 {
        let cost = u32::try_from(fact.size()).map_or(QUEUE_BYTES, |size| size.min(QUEUE_BYTES));
        // What waits gives its room back only when it is written.
        if self.room.available_permits() < cost as usize {
            self.wake();
        }
        if let Ok(permit) = self.room.acquire_many(cost).await {
            // The thread gives them back.
            permit.forget();
        }
        cost
    }

    fn push(
        &self,
        exchange: u64,
        at_ms: f64,
        fact: Fact,
        cost: u32,
        written: Option<oneshot::Sender<()>>,
    ) {
        if let Some(queue) = &self.queue {
            queue.push(Entry {
                exchange,
                fact,
                at_ms,
                cost,
                written,
            });
        }
    }
}

impl Fact {
    /// About how many bytes of memory it holds.
    fn size(&self) -> usize {
        const OVERHEAD: usize = 256;
        let content = match self {
            Fact::Request(request, _) => body_size(&request.body),
            Fact::Data(bytes) => bytes.len(),
            Fact::Frame(frame) => body_size(&frame.data),
            Fact::Head { .. } | Fact::End { .. } => 0,
        };
        content + OVERHEAD
    }
}

fn body_size(body: &Body) -> usize {
    match body {
        Body::NotRecorded | Body::Empty => 0,
        Body::Json(json) => json.value.text().len(),
        Body::Text(text) => text.len(),
        Body::Bytes(bytes) => bytes.len(),
    }
}

enum Out {
    Memory(Arc<watch::Sender<Vec<u8>>>),
    File(Arc<File>),
}

/// Collects records until they are written together.
struct Batch {
    out: Out,
    waiting: Vec<u8>,
}

impl Batch {
    fn write_out(&mut self) -> io::Result<()> {
        match &mut self.out {
            Out::Memory(memory) => {
                memory.send_modify(|bytes| bytes.extend_from_slice(&self.waiting));
            }
            Out::File(file) => (&**file).write_all(&self.waiting)?,
        }
        self.waiting.clear();
        if self.waiting.capacity() > 4 * BATCH_BYTES {
            self.waiting = Vec::new();
        }
        Ok(())
    }
}

impl Write for Batch {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.waiting.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.write_out()
    }
}

/// A response that is not ended.
struct Open {
    id: ExchangeId,
    content: ContentKind,
    events: SseParser,
    /// All bytes of the response body so far.
    bytes: Vec<u8>,
}

struct Thread {
    writer: CaptureWriter<Batch>,
    queue: Arc<Queue>,
    room: Arc<Semaphore>,
    open: HashMap<u64, Open>,
    written: Vec<oneshot::Sender<()>>,
    failure: Arc<Mutex<Option<io::Error>>>,
}

impl Thread {
    fn run(mut self) {
        if let Err(error) = self.write_all() {
            let mut failure = self.failure.lock().unwrap_or_else(PoisonError::into_inner);
            *failure = Some(error);
            self.room.close();
            self.queue.end();
        }
    }

    fn write_all(&mut self) -> io::Result<()> {
        while let Some(entries) = self.queue.take() {
            let mut cost = 0;
            for entry in entries {
                cost += entry.cost as usize;
                self.write(entry.exchange, entry.fact, entry.at_ms)?;
                self.written.extend(entry.written);
                if self.writer.get_mut().waiting.len() >= BATCH_BYTES {
                    self.write_out(std::mem::take(&mut cost))?;
                }
            }
            self.write_out(cost)?;
        }
        Ok(())
    }

    fn write_out(&mut self, cost: usize) -> io::Result<()> {
        self.writer.get_mut().write_out()?;
        self.room.add_permits(cost);
        for written in self.written.drain(..) {
            // Who waited may be gone.
            let _ = written.send(());
        }
        Ok(())
    }

    fn write(&mut self, exchange: u64, fact: Fact, at_ms: f64) -> io::Result<()> {
        let at = Recorded::Yes(at_ms);
        if let Fact::Request(request, connection) = fact {
            let id = self
                .writer
                .request(&request, Recorded::Yes(connection), at)?;
            let open = Open {
                id,
                content: ContentKind::NotRecorded,
                events: SseParser::new(),
                bytes: Vec::new(),
            };
            self.open.insert(exchange, open);
            return Ok(());
        }
        let Some(open) = self.open.get_mut(&exchange) else {
            return Ok(());
        };
        match fact {
            Fact::Request(..) => {}
            Fact::Head {
                status,
                headers,
                content,
            } => {
                open.content = content;
                let headers = headers.map(Headers::exact);
                let head = Head {
                    status: Recorded::Yes(status),
                    headers: headers.as_ref().into(),
                    at_ms: at,
                    content,
                };
                self.writer.head(open.id, &head)?;
            }
            Fact::Data(bytes) => {
                if open.content == ContentKind::Events {
                    for placed in open.events.push(&bytes) {
                        if !placed.event.is_telling() {
                            continue;
                        }
                        let event = Event {
                            name: placed.event.name,
                            data: placed.event.data.map_or(Body::Empty, Body::from_text),
                            at_ms: at,
                        };
                        self.writer.event(open.id, &event)?;
                    }
                }
                open.bytes.extend_from_slice(&bytes);
            }
            Fact::Frame(frame) => self.writer.frame(open.id, &frame)?,
            Fact::End { end, extra } => {
                let Some(open) = self.open.remove(&exchange) else {
                    return Ok(());
                };
                self.end(open, end, at, extra.as_ref())?;
            }
        }
        Ok(())
    }

    fn end(
        &mut self,
        open: Open,
        end: End,
        at: Recorded<f64>,
        extra: Option<&Value>,
    ) -> io::Result<()> {
        match open.content {
            ContentKind::Events => {
                let text = String::from_utf8_lossy(&open.bytes);
                let stream = parse_sse(&text);
                if !stream.is_plain {
                    self.writer.raw(open.id, &text)?;
                }
                if !stream.partial_tail.is_empty() {
                    self.writer.tail(open.id, &stream.partial_tail)?;
                }
            }
            ContentKind::Body => self.writer.body(open.id, &Body::from_bytes(open.bytes))?,
            _ => {}
        }
        self.writer.end(open.id, Recorded::Yes(end), at, extra)
    }
}
