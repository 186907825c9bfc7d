//! Gates: places where a response waits until a test says go.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use tokio::sync::watch;

/// The gates of a server, by name. A gate is closed until it is opened, and then open for good.
#[derive(Debug, Clone)]
pub struct Gates(Arc<watch::Sender<State>>);

#[derive(Debug, Default)]
struct State {
    open: BTreeSet<String>,
    /// How many responses wait at each gate.
    waiting: BTreeMap<String, usize>,
}

impl Default for Gates {
    fn default() -> Self {
        Self(Arc::new(watch::Sender::new(State::default())))
    }
}

impl Gates {
    /// Opens a gate: what waits there goes on, and what comes later does not wait.
    pub fn open(&self, name: &str) {
        self.0.send_modify(|state| {
            state.open.insert(name.to_owned());
        });
    }

    /// Closes a gate again for what comes later.
    pub fn close(&self, name: &str) {
        self.0.send_modify(|state| {
            state.open.remove(name);
        });
    }

    /// The names of the open gates.
    pub fn opened(&self) -> Vec<String> {
        self.0.borrow().open.iter().cloned().collect()
    }

    /// The gates at which responses wait right now, with their number.
    pub fn waiting(&self) -> Vec<(String, usize)> {
        let state = self.0.borrow();
        state
            .waiting
            .iter()
            .map(|(name, count)| (name.clone(), *count))
            .collect()
    }

    /// Returns when a response waits at the gate.
    pub async fn reached(&self, name: &str) {
        let mut state = self.0.subscribe();
        // The sender lives as long as this.
        let _ = state
            .wait_for(|state| state.waiting.contains_key(name))
            .await;
    }

    /// Waits until the gate is open.
    pub(super) async fn pass(&self, name: &str) {
        let mut state = self.0.subscribe();
        if state.borrow_and_update().open.contains(name) {
            return;
        }
        let _waiting = Waiting::new(self, name);
        // The sender lives as long as this.
        let _ = state.wait_for(|state| state.open.contains(name)).await;
    }
}

/// Counts a response that waits, as long as it does.
struct Waiting<'a> {
    gates: &'a Gates,
    name: &'a str,
}

impl<'a> Waiting<'a> {
    fn new(gates: &'a Gates, name: &'a str) -> Self {
        gates.0.send_modify(|state| {
            *state.waiting.entry(name.to_owned()).or_default() += 1;
        });
        Self { gates, name }
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.gates.0.send_modify(|state| {
            if let Some(count) = state.waiting.get_mut(self.name) {
                *count -= 1;
                if *count == 0 {
                    state.waiting.remove(self.name);
                }
            }
        });
    }
}
