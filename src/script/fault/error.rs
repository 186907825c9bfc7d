//! A fault that an answer has no place for.

use thiserror::Error;

/// A fault that an answer has no place for: the script asks for an event or a byte that there is not.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum FaultError {
    /// There are fewer events.
    #[error("the fault `{fault}` is at event {event}, but the answer has {events} events")]
    NoEvent {
        /// The fault.
        fault: &'static str,
        /// The event it asks for, from 1.
        event: u64,
        /// How many there are.
        events: usize,
    },
    /// There are fewer bytes.
    #[error("the fault `{fault}` is at byte {byte}, but there are {bytes} bytes")]
    NoByte {
        /// The fault.
        fault: &'static str,
        /// The byte it asks for.
        byte: u64,
        /// How many there are.
        bytes: u64,
    },
    /// There are fewer characters of more than one byte.
    #[error(
        "the fault `{fault}` is inside the character {character} of those with more than one byte, but there are {characters}"
    )]
    NoCharacter {
        /// The fault.
        fault: &'static str,
        /// The character it asks for, from 1.
        character: u64,
        /// How many there are.
        characters: u64,
    },
    /// The body is not sent in chunks.
    #[error("the fault `{fault}` is about a chunk, but the answer is not sent in chunks")]
    NoChunks {
        /// The fault.
        fault: &'static str,
    },
}

impl FaultError {
    pub(super) fn no_event(fault: &'static str, event: u64, events: usize) -> Self {
        Self::NoEvent {
            fault,
            event,
            events,
        }
    }
}
