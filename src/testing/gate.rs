//! Gates, by which a test decides when a response goes on.

use super::Pending;
use super::watch::Watch;

/// A gate of the script that is played. Whatever comes to it waits until the test opens it.
#[derive(Debug, Clone)]
pub struct Gate {
    pub(super) name: String,
    pub(super) watch: Watch,
}

impl Gate {
    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Opens it: what waits goes on, and what comes later does not wait.
    pub fn open(&self) {
        self.watch.gates.open(&self.name);
    }

    /// Closes it again for what comes later.
    pub fn close(&self) {
        self.watch.gates.close(&self.name);
    }

    /// How many responses wait at it right now.
    pub fn waiting(&self) -> usize {
        let waiting = self.watch.gates.waiting();
        let here = waiting.into_iter().find(|(name, _)| *name == self.name);
        here.map_or(0, |(_, count)| count)
    }

    /// Waits until a response waits at it. What stands before the gate in the script has been sent then.
    #[track_caller]
    pub fn reached(&self) -> Pending<()> {
        let (gates, name) = (self.watch.gates.clone(), self.name.clone());
        let what = format!("no response came to the gate `{name}`");
        Pending::new(self.watch.clone(), what, async move {
            gates.reached(&name).await;
        })
    }
}
