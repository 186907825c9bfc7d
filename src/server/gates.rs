//! Gates: places where a response waits until a test says go.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

/// The gates of a server, by name. A gate is closed until it is opened, and then open for good.
#[derive(Debug, Clone, Default)]
pub struct Gates(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    state: Mutex<State>,
    opened: Notify,
}

#[derive(Debug, Default)]
struct State {
    open: BTreeSet<String>,
    /// How many responses wait at each gate.
    waiting: BTreeMap<String, usize>,
}

impl Gates {
    /// Opens a gate: what waits there goes on, and what comes later does not wait.
    pub fn open(&self, name: &str) {
        self.lock().open.insert(name.to_owned());
        self.0.opened.notify_waiters();
    }

    /// Closes a gate again for what comes later.
    pub fn close(&self, name: &str) {
        self.lock().open.remove(name);
    }

    /// The names of the open gates.
    pub fn opened(&self) -> Vec<String> {
        self.lock().open.iter().cloned().collect()
    }

    /// The gates at which responses wait right now, with their number.
    pub fn waiting(&self) -> Vec<(String, usize)> {
        let state = self.lock();
        state
            .waiting
            .iter()
            .map(|(name, count)| (name.clone(), *count))
            .collect()
    }

    /// Waits until the gate is open.
    pub(super) async fn pass(&self, name: &str) {
        let opened = self.0.opened.notified();
        tokio::pin!(opened);
        // From here on no opening is missed.
        opened.as_mut().enable();
        if self.is_open(name) {
            return;
        }
        let _waiting = Waiting::new(self, name);
        loop {
            opened.as_mut().await;
            opened.set(self.0.opened.notified());
            opened.as_mut().enable();
            if self.is_open(name) {
                return;
            }
        }
    }

    fn is_open(&self, name: &str) -> bool {
        self.lock().open.contains(name)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Counts a response that waits, as long as it does.
struct Waiting<'a> {
    gates: &'a Gates,
    name: &'a str,
}

impl<'a> Waiting<'a> {
    fn new(gates: &'a Gates, name: &'a str) -> Self {
        *gates.lock().waiting.entry(name.to_owned()).or_default() += 1;
        Self { gates, name }
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        let mut state = self.gates.lock();
        if let Some(count) = state.waiting.get_mut(self.name) {
            *count -= 1;
            if *count == 0 {
                state.waiting.remove(self.name);
            }
        }
    }
}
