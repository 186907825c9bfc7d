//! How an agent ended.

use std::fmt;
use std::time::Duration;

/// How an agent ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Ending {
    /// By itself, with this code.
    Exited(i32),
    /// By a signal that was not ours: it crashed, or someone else ended it.
    Crashed {
        /// Number of the signal.
        signal: i32,
    },
    /// It was ended: it had not ended by itself after this long.
    TimedOut(Duration),
    /// It was ended: no request of it had come after this long.
    NeverConnected(Duration),
    /// It was ended: it had printed so many bytes.
    Flooded(u64),
    /// It was ended because the caller wanted to.
    Stopped,
}

impl Ending {
    /// Whether it ended by itself, well or not.
    pub fn is_own(self) -> bool {
        matches!(self, Ending::Exited(_) | Ending::Crashed { .. })
    }

    /// The word in reports: `exited`, `crashed`, `timed-out`, `never-connected`, `flooded`, `stopped`.
    pub fn name(self) -> &'static str {
        match self {
            Ending::Exited(_) => "exited",
            Ending::Crashed { .. } => "crashed",
            Ending::TimedOut(_) => "timed-out",
            Ending::NeverConnected(_) => "never-connected",
            Ending::Flooded(_) => "flooded",
            Ending::Stopped => "stopped",
        }
    }
}

impl fmt::Display for Ending {
    /// Writes half a sentence whose subject is the agent.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Ending::Exited(code) => write!(f, "ended with exit code {code}"),
            Ending::Crashed { signal } => {
                write!(f, "was ended by signal {signal}")?;
                match signal_name(*signal) {
                    Some(name) => write!(f, " ({name})"),
                    None => Ok(()),
                }
            }
            Ending::TimedOut(time) => write!(f, "had not ended after {} s", seconds(*time)),
            Ending::NeverConnected(time) => {
                write!(f, "had sent no request after {} s", seconds(*time))
            }
            Ending::Flooded(bytes) => write!(f, "had printed {bytes} bytes"),
            Ending::Stopped => f.write_str("was stopped"),
        }
    }
}

fn seconds(time: Duration) -> f64 {
    (time.as_secs_f64() * 10.0).round() / 10.0
}

/// Names of the signals that programs die of, by their numbers on Linux and macOS alike.
fn signal_name(signal: i32) -> Option<&'static str> {
    Some(match signal {
        1 => "SIGHUP",
        2 => "SIGINT",
        3 => "SIGQUIT",
        4 => "SIGILL",
        6 => "SIGABRT",
        8 => "SIGFPE",
        9 => "SIGKILL",
        11 => "SIGSEGV",
        13 => "SIGPIPE",
        15 => "SIGTERM",
        _ => return None,
    })
}
