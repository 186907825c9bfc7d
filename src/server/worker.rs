//! A thread that serves connections.
//!
//! Each has a runtime of its own, so that a request is read, answered and written down without a hand-over from one
//! thread to another, which costs more than all of it. What takes long is done elsewhere (see `elsewhere`).

use std::io;
use std::net::TcpStream as StdStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::JoinHandle;

use tokio::net::TcpStream;
use tokio::runtime::Runtime;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::JoinSet;

use super::connection;
use super::shared::Shared;

/// Most bytes of a message that are looked at on the thread that serves other connections, too.
const QUICK_BYTES: usize = 256 << 10;

/// A thread that serves connections until no more can come.
#[derive(Debug)]
pub(super) struct Worker {
    streams: UnboundedSender<StdStream>,
    /// How many connections it has.
    load: Arc<AtomicUsize>,
    thread: JoinHandle<()>,
}

impl Worker {
    pub(super) fn start(runtime: Runtime, shared: Arc<Shared>) -> io::Result<Self> {
        let (streams, taken) = unbounded_channel();
        let load = Arc::<AtomicUsize>::default();
        let counter = load.clone();
        let thread = std::thread::Builder::new()
            .name("trace-diff-worker".to_owned())
            .spawn(move || {
                runtime.block_on(serve(taken, counter, shared));
                // Decoding a body may go on; nobody waits for it.
                runtime.shutdown_background();
            })?;
        Ok(Self {
            streams,
            load,
            thread,
        })
    }

    /// How many connections it has.
    pub(super) fn load(&self) -> usize {
        self.load.load(Ordering::Relaxed)
    }

    /// Serves a connection.
    pub(super) fn take(&self, stream: StdStream) {
        self.load.fetch_add(1, Ordering::Relaxed);
        // The thread ends only after this sender.
        let _ = self.streams.send(stream);
    }

    /// Says that no more connections come. The thread ends when those that it has have ended, which are given a while.
    pub(super) fn close(self) -> JoinHandle<()> {
        self.thread
    }
}

async fn serve(
    mut streams: UnboundedReceiver<StdStream>,
    load: Arc<AtomicUsize>,
    shared: Arc<Shared>,
) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            stream = streams.recv() => match stream {
                Some(stream) => {
                    let counted = Counted(load.clone());
                    let shared = shared.clone();
                    connections.spawn(async move {
                        let _counted = counted;
                        if let Ok(stream) = TcpStream::from_std(stream) {
                            connection::serve(stream, shared).await;
                        }
                    });
                }
                None => break,
            },
            Some(_) = connections.join_next() => {}
        }
    }
    let all_ended = async { while connections.join_next().await.is_some() {} };
    let _ = tokio::time::timeout(shared.limits.stop_grace, all_ended).await;
    connections.shutdown().await;
}

/// A connection of a worker, as long as it lasts.
struct Counted(Arc<AtomicUsize>);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Does something with a message of so many bytes: at once when it is short, else on a thread that serves nobody.
pub(super) async fn elsewhere<T: Send + 'static>(
    bytes: usize,
    job: impl FnOnce() -> T + Send + 'static,
) -> T {
    if bytes <= QUICK_BYTES {
        return job();
    }
    match tokio::task::spawn_blocking(job).await {
        Ok(done) => done,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            // The server has ended, and this task is about to.
            Err(_) => std::future::pending().await,
        },
    }
}
