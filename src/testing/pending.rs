//! Something that is still to come, for sync and async tests alike.

use std::fmt;
use std::panic::Location;
use std::pin::Pin;
use std::sync::mpsc;
use std::time::Duration;

use super::watch::Watch;

/// How long is waited unless a test says otherwise.
const PATIENCE: Duration = Duration::from_secs(10);

type BoxFuture<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// Something that is still to come: `.wait()` for it in a plain test, `.await` it in an async one.
///
/// After 10 s, or as long as [`within`](Self::within) says, the test fails, with what happened so far.
#[must_use = "nothing is waited for until `.wait()` or `.await`"]
pub struct Pending<T> {
    future: BoxFuture<T>,
    /// What does not come, for the message.
    what: String,
    watch: Watch,
    patience: Duration,
    place: &'static Location<'static>,
}

impl<T: Send + 'static> Pending<T> {
    #[track_caller]
    pub(super) fn new(
        watch: Watch,
        what: String,
        future: impl Future<Output = T> + Send + 'static,
    ) -> Self {
        Self {
            future: Box::pin(future),
            what,
            watch,
            patience: PATIENCE,
            place: Location::caller(),
        }
    }

    /// Waits so long at most.
    pub fn within(mut self, time: Duration) -> Self {
        self.patience = time;
        self
    }

    /// Waits for it, and blocks the thread meanwhile: an agent that runs as a task on the same thread stands still, too, so
    /// in async tests `.await` is right.
    ///
    /// # Panics
    ///
    /// When it does not come in time.
    #[track_caller]
    pub fn wait(self) -> T {
        let (sender, receiver) = mpsc::sync_channel(1);
        let (future, patience) = (self.future, self.patience);
        self.watch.runtime.spawn(async move {
            let outcome = tokio::time::timeout(patience, future).await;
            // Who waits is always there.
            let _ = sender.send(outcome.ok());
        });
        match receiver.recv().ok().flatten() {
            Some(value) => value,
            None => panic!("{}", late(&self.what, patience, &self.watch, self.place)),
        }
    }
}

impl<T: Send + 'static> IntoFuture for Pending<T> {
    type Output = T;
    type IntoFuture = BoxFuture<T>;

    /// Waits for it; panics when it does not come in time.
    fn into_future(self) -> BoxFuture<T> {
        Box::pin(async move {
            let (future, patience) = (self.future, self.patience);
            // The timer is the server's, so any runtime will do.
            let waiting = async move { tokio::time::timeout(patience, future).await.ok() };
            match self.watch.runtime.spawn(waiting).await.ok().flatten() {
                Some(value) => value,
                None => panic!("{}", late(&self.what, patience, &self.watch, self.place)),
            }
        })
    }
}

fn late(what: &str, patience: Duration, watch: &Watch, place: &Location<'_>) -> String {
    let story = watch.story();
    let story = story.trim_end();
    format!("{what} within {patience:?} (waited for at {place})\n{story}")
}

impl<T> fmt::Debug for Pending<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pending")
            .field("what", &self.what)
            .field("patience", &self.patience)
            .finish_non_exhaustive()
    }
}
