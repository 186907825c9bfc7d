//! A capture file that grows.

use std::fs::File;
use std::io;
use std::sync::Arc;

/// How long a file is before blocks are asked for ahead, in bytes. Most captures stay shorter.
const MIN_LENGTH: u64 = 1 << 20;
/// How many bytes are asked for at once.
const AHEAD: u64 = 4 << 20;

/// A file that is appended to. The blocks that a long one is about to need are asked of the system ahead, many at once, which
/// takes a fifth off the time of each write; its length stays that of what was written. Blocks that were not needed are given
/// back in the end. A program that is killed leaves them to the file.
#[derive(Debug)]
pub(super) struct Growing {
    file: Arc<File>,
    length: u64,
    /// Up to where blocks were asked for; none are where the system has no such thing.
    room: Option<u64>,
}

impl Growing {
    /// What is written goes to the end of the file.
    pub(super) fn new(file: Arc<File>) -> Self {
        let length = file.metadata().map_or(0, |metadata| metadata.len());
        Self {
            file,
            length,
            room: Some(0),
        }
    }

    /// Asks for blocks, where so many bytes that are about to be written need more of them.
    pub(super) fn make_room(&mut self, bytes: u64) {
        self.length += bytes;
        if let Some(room) = self.room
            && self.length > room.max(MIN_LENGTH)
        {
            self.room = ask(&self.file, self.length).ok();
        }
    }

    pub(super) fn file(&self) -> &File {
        &self.file
    }
}

impl Drop for Growing {
    fn drop(&mut self) {
        if self.room.is_some_and(|room| room > 0)
            && let Ok(metadata) = self.file.metadata()
        {
            // What can't be given back is only room.
            let _ = self.file.set_len(metadata.len());
        }
    }
}

/// Asks for blocks from here on, and says up to where there are some.
#[cfg(target_os = "linux")]
fn ask(file: &File, from: u64) -> io::Result<u64> {
    use rustix::fs::{FallocateFlags, fallocate};
    fallocate(file, FallocateFlags::KEEP_SIZE, from, AHEAD)?;
    Ok(from + AHEAD)
}

#[cfg(not(target_os = "linux"))]
fn ask(_file: &File, _from: u64) -> io::Result<u64> {
    Err(io::ErrorKind::Unsupported.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;
    use std::os::unix::fs::MetadataExt;

    fn written(growing: &mut Growing, bytes: usize) {
        growing.make_room(bytes as u64);
        growing.file().write_all(&vec![b'a'; bytes]).unwrap();
    }

    #[test]
    fn what_was_asked_for_and_not_needed_is_given_back() {
        let file = Arc::new(tempfile::tempfile().unwrap());
        let blocks = || file.metadata().unwrap().blocks() * 512;
        let mut growing = Growing::new(file.clone());
        for _ in 0..3 * MIN_LENGTH / 50_000 {
            written(&mut growing, 50_000);
        }
        let length = file.metadata().unwrap().len();
        assert_eq!(length, 3 * MIN_LENGTH / 50_000 * 50_000);
        let is_known = growing.room.is_some();
        assert!(blocks() > MIN_LENGTH + AHEAD || !is_known);
        drop(growing);
        assert_eq!(file.metadata().unwrap().len(), length);
        assert!(blocks() < length + (64 << 10));
    }

    #[test]
    fn a_pipe_has_no_blocks() {
        let (_reader, writer) = io::pipe().unwrap();
        let file = Arc::new(File::from(std::os::fd::OwnedFd::from(writer)));
        let mut growing = Growing::new(file);
        growing.make_room(2 * MIN_LENGTH);
        assert_eq!(growing.room, None);
    }
}
