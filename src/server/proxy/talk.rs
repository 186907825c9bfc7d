//! What both sides of a WebSocket say, taken down in passing.

use crate::capture::Direction;

use super::frames::{Compression, FrameScan, Message};
use super::taken::Taken;

/// A WebSocket in use.
#[derive(Debug)]
pub(super) struct Talk {
    pub(super) client: FrameScan,
    pub(super) server: FrameScan,
    pub(super) is_closed_by_client: bool,
    pub(super) is_closed_by_server: bool,
}

impl Talk {
    /// A WebSocket on which nothing was said, with what of a message is kept.
    pub(super) fn new(compression: Compression, limit: usize) -> Self {
        Self {
            client: FrameScan::new(compression, true, limit),
            server: FrameScan::new(compression, false, limit),
            is_closed_by_client: false,
            is_closed_by_server: false,
        }
    }

    /// Takes bytes of one side down.
    pub(super) fn take(&mut self, from: Direction, bytes: &[u8], taken: &mut Taken) {
        let (scan, is_closed) = match from {
            Direction::ClientToServer => (&mut self.client, &mut self.is_closed_by_client),
            Direction::ServerToClient => (&mut self.server, &mut self.is_closed_by_server),
        };
        if scan.is_broken() {
            return taken.odd(bytes);
        }
        scan.push(bytes, |message: Message| {
            *is_closed |= message.is_close();
            taken.message(from, message);
        });
        if scan.is_broken() {
            taken.note("websocket", "what was sent is no frame");
        }
    }
}
