//! The part of an input that is in memory, addressed by offsets into the whole input.

use std::io::{self, Read};

/// How much room a read is offered, and the size of the window while records are smaller.
const CHUNK: usize = 128 * 1024;

pub(super) struct Window<R> {
    source: R,
    buffer: Vec<u8>,
    /// Bytes of `buffer` that hold input.
    filled: usize,
    /// Offset of `buffer[0]` in the input.
    base: u64,
    at_end: bool,
    /// Why reading ended early.
    failure: Option<io::Error>,
    /// What is not given up whatever a read says.
    held: u64,
}

impl<R: Read> Window<R> {
    pub(super) fn new(source: R) -> Self {
        Self {
            source,
            buffer: Vec::new(),
            filled: 0,
            base: 0,
            at_end: false,
            failure: None,
            held: u64::MAX,
        }
    }

    /// What is in memory from `position` on; `position` must not have been given up.
    pub(super) fn from(&self, position: u64) -> &[u8] {
        let start = (position - self.base) as usize;
        &self.buffer[start.min(self.filled)..self.filled]
    }

    pub(super) fn slice(&self, start: u64, end: u64) -> &[u8] {
        &self.from(start)[..(end - start) as usize]
    }

    /// Offset behind the last byte read so far.
    pub(super) fn end(&self) -> u64 {
        self.base + self.filled as u64
    }

    /// The byte at `position` if it is in memory.
    pub(super) fn get(&self, position: u64) -> Option<u8> {
        let index = position.checked_sub(self.base)?;
        self.buffer[..self.filled].get(index as usize).copied()
    }

    /// Reads once more, giving up what is before `keep`; false when the input has ended.
    ///
    /// # Errors
    ///
    /// When the system lets nothing be read at all. Later errors, and those of data, end the input, see
    /// [`take_failure`](Self::take_failure).
    pub(super) fn fill(&mut self, keep: u64) -> io::Result<bool> {
        if self.at_end {
            return Ok(false);
        }
        if self.buffer.len() - self.filled < CHUNK / 2 {
            self.make_room(keep.min(self.held));
        }
        loop {
            match self.source.read(&mut self.buffer[self.filled..]) {
                Ok(0) => {
                    self.at_end = true;
                    return Ok(false);
                }
                Ok(count) => {
                    self.filled += count;
                    return Ok(true);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if self.end() == 0 && error.get_ref().is_none() => return Err(error),
                Err(error) => {
                    self.failure = Some(error);
                    self.at_end = true;
                    return Ok(false);
                }
            }
        }
    }

    /// Why the input ended early, if it did and that was not asked before.
    pub(super) fn take_failure(&mut self) -> Option<io::Error> {
        self.failure.take()
    }

    /// Keeps everything from `position` on in memory until [`release`](Self::release).
    pub(super) fn hold(&mut self, position: u64) {
        self.held = position;
    }

    /// Ends [`hold`](Self::hold); false if that had been done before.
    pub(super) fn release(&mut self) -> bool {
        std::mem::replace(&mut self.held, u64::MAX) != u64::MAX
    }

    /// The byte at `position`, reading as far as needed; `None` behind the end of the input.
    pub(super) fn byte(&mut self, position: u64, keep: u64) -> io::Result<Option<u8>> {
        loop {
            if let Some(byte) = self.get(position) {
                return Ok(Some(byte));
            }
            if !self.fill(keep.min(position))? {
                return Ok(None);
            }
        }
    }

    /// Doubles the buffer when what must be kept fills half of it, so that moving bytes costs linear time in all.
    fn make_room(&mut self, keep: u64) {
        let given_up = (keep.saturating_sub(self.base) as usize).min(self.filled);
        self.buffer.copy_within(given_up..self.filled, 0);
        self.filled -= given_up;
        self.base += given_up as u64;
        let wanted = (self.filled * 2).max(CHUNK * 2);
        if self.buffer.len() < wanted {
            self.buffer.resize(wanted, 0);
        }
    }
}
