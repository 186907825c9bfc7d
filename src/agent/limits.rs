//! What is put up with from an agent, and who watches it.

use std::fmt;
use std::time::Duration;

use super::outside::Outside;

/// Bounds for an agent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Longest time until it ends.
    pub time: Duration,
    /// Longest time until its first request; without one it is ended.
    pub connect_time: Duration,
    /// Most bytes that it may print, standard output and standard error together.
    pub printed_bytes: u64,
    /// How many bytes of each are kept: half from the beginning, half from the end.
    pub kept_bytes: usize,
    /// How long it has to end after SIGTERM, before SIGKILL.
    pub term_time: Duration,
    /// Directories beside its own in which new and changed files are looked for.
    pub outside: Outside,
}

impl Default for Limits {
    /// 10 min; 60 s until it connects; 64 MiB printed, 1 MiB of each stream kept; 2 s after SIGTERM; no other directories.
    fn default() -> Self {
        Self {
            time: Duration::from_secs(600),
            connect_time: Duration::from_secs(60),
            printed_bytes: 64 << 20,
            kept_bytes: 1 << 20,
            term_time: Duration::from_secs(2),
            outside: Outside::default(),
        }
    }
}

/// What is asked again and again while an agent runs.
#[derive(Clone, Copy)]
pub struct Watch<'a> {
    /// Whether a request of it has come.
    pub has_connected: &'a dyn Fn() -> bool,
    /// Whether it is to be ended now.
    pub is_over: &'a dyn Fn() -> bool,
}

impl Default for Watch<'_> {
    /// Taken for connected, and never over.
    fn default() -> Self {
        Self {
            has_connected: &|| true,
            is_over: &|| false,
        }
    }
}

impl fmt::Debug for Watch<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Watch")
    }
}
