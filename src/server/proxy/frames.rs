//! WebSocket messages read as their bytes go by (RFC 6455), with permessage-deflate undone (RFC 7692).

use flate2::{Decompress, FlushDecompress, Status};

use crate::capture::{Body, FrameKind};
use crate::http::HeaderList;

use super::super::websocket::close_kind;

/// Longest head of a frame.
const MAX_FRAME_HEAD: usize = 14;
/// What a sender leaves out at the end of a compressed message.
const DEFLATE_TAIL: [u8; 4] = [0, 0, 0xff, 0xff];

/// Whether messages of each side are compressed, as the handshake agreed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Compression {
    is_on: bool,
    client_forgets: bool,
    server_forgets: bool,
}

impl Compression {
    /// What the response head of a handshake says.
    pub(super) fn agreed(headers: &HeaderList) -> Self {
        let mut agreed = Self::default();
        let extensions = headers.get_all("sec-websocket-extensions");
        for extension in extensions.flat_map(|value| value.split(',')) {
            let mut words = extension.split(';').map(str::trim);
            if !words
                .next()
                .is_some_and(|name| name.eq_ignore_ascii_case("permessage-deflate"))
            {
                continue;
            }
            agreed.is_on = true;
            for word in words {
                agreed.client_forgets |= word.eq_ignore_ascii_case("client_no_context_takeover");
                agreed.server_forgets |= word.eq_ignore_ascii_case("server_no_context_takeover");
            }
        }
        agreed
    }
}

/// A message as its receiver has it.
#[derive(Debug)]
pub(super) struct Message {
    pub(super) kind: FrameKind,
    pub(super) data: Body,
    /// Why its data are not known.
    pub(super) problem: Option<&'static str>,
}

impl Message {
    /// Whether it begins or ends the closing handshake.
    pub(super) fn is_close(&self) -> bool {
        matches!(self.kind, FrameKind::Close { .. })
    }
}

/// Reads the messages of one side.
#[derive(Debug)]
pub(super) struct FrameScan {
    limit: usize,
    inflate: Option<Inflate>,
    /// Head of the current frame, as far as it came.
    head: Vec<u8>,
    frame: Option<Frame>,
    /// The message that was begun and not ended.
    fragments: Option<Fragments>,
    is_broken: bool,
}

#[derive(Debug)]
struct Inflate {
    decompress: Decompress,
    forgets: bool,
}

#[derive(Debug)]
struct Frame {
    opcode: u8,
    is_final: bool,
    is_compressed: bool,
    mask: Option<[u8; 4]>,
    left: u64,
    payload: Vec<u8>,
    /// Whether bytes of the payload were let go.
    is_cut: bool,
}

#[derive(Debug)]
struct Fragments {
    opcode: u8,
    is_compressed: bool,
    payload: Vec<u8>,
    is_cut: bool,
}

impl FrameScan {
    /// A reader for one side, at the end of the handshake. Of messages longer than `limit` bytes it keeps nothing.
    pub(super) fn new(compression: Compression, is_client: bool, limit: usize) -> Self {
        let forgets = match is_client {
            true => compression.client_forgets,
            false => compression.server_forgets,
        };
        Self {
            limit,
            inflate: compression.is_on.then(|| Inflate {
                decompress: Decompress::new(false),
                forgets,
            }),
            head: Vec::with_capacity(MAX_FRAME_HEAD),
            frame: None,
            fragments: None,
            is_broken: false,
        }
    }

    /// Whether what came is not what the protocol says; nothing is read from there on.
    pub(super) fn is_broken(&self) -> bool {
        self.is_broken
    }

    /// Whether the next byte begins a message.
    pub(super) fn is_between_messages(&self) -> bool {
        self.head.is_empty() && self.frame.is_none() && self.fragments.is_none()
    }

    /// What came of a message that is not complete, unmasked; it is taken out.
    pub(super) fn take_partial(&mut self) -> Vec<u8> {
        let begun = self.fragments.take().map(|message| message.payload);
        let current = self.frame.take().map(|frame| frame.payload);
        [begun.unwrap_or_default(), current.unwrap_or_default()].concat()
    }

    /// Takes the next bytes and gives the messages that they complete.
    pub(super) fn push(&mut self, mut bytes: &[u8], mut take: impl FnMut(Message)) {
        while !self.is_broken {
            if self.frame.is_none() {
                let Some(used) = self.read_head(bytes) else {
                    return;
                };
                bytes = &bytes[used..];
            }
            let Some(frame) = self.frame.as_mut().filter(|_| !self.is_broken) else {
                return;
            };
            let used = frame.fill(bytes, self.limit);
            bytes = &bytes[used..];
            if frame.left > 0 {
                return;
            }
            if let Some(frame) = self.frame.take()
                && let Some(message) = self.complete(frame)
            {
                take(message);
            }
        }
    }

    /// Reads the head of a frame, and says how many of the bytes belong to it; `None` when more are needed.
    fn read_head(&mut self, bytes: &[u8]) -> Option<usize> {
        let before = self.head.len();
        let room = (MAX_FRAME_HEAD - before).min(bytes.len());
        self.head.extend_from_slice(&bytes[..room]);
        let [first, second, rest @ ..] = self.head.as_slice() else {
            return None;
        };
        let (length, behind) = match second & 0x7f {
            126 => (u64::from(u16::from_be_bytes(array(rest)?)), 2),
            127 => (u64::from_be_bytes(array(rest)?), 8),
            length => (u64::from(length), 0),
        };
        let mask = match second & 0x80 != 0 {
            true => Some(array(&rest[behind..])?),
            false => None,
        };
        let used = 2 + behind + mask.map_or(0, |_| 4) - before;
        let opcode = first & 0x0f;
        let is_compressed = first & 0x40 != 0;
        let is_data = opcode < 8;
        let is_known = matches!(opcode, 0..=2 | 8..=10);
        let is_allowed = is_known
            && first & 0x30 == 0
            && (!is_compressed || (self.inflate.is_some() && matches!(opcode, 1 | 2)))
            && (is_data || (length < 126 && first & 0x80 != 0))
            && (opcode == 0) == (is_data && self.fragments.is_some())
            && length >> 63 == 0;
        if !is_allowed {
            self.is_broken = true;
        }
        self.frame = Some(Frame {
            opcode,
            is_final: first & 0x80 != 0,
            is_compressed,
            mask,
            left: length,
            payload: Vec::new(),
            is_cut: false,
        });
        self.head.clear();
        Some(used)
    }

    /// The message that a frame completes.
    fn complete(&mut self, frame: Frame) -> Option<Message> {
        if frame.opcode >= 8 {
            return Some(control(frame.opcode, frame.payload));
        }
        let mut message = match self.fragments.take() {
            Some(mut message) => {
                message.is_cut |=
                    frame.is_cut || message.payload.len() + frame.payload.len() > self.limit;
                match message.is_cut {
                    true => message.payload = Vec::new(),
                    false => message.payload.extend_from_slice(&frame.payload),
                }
                message
            }
            None => Fragments {
                opcode: frame.opcode,
                is_compressed: frame.is_compressed,
                payload: frame.payload,
                is_cut: frame.is_cut,
            },
        };
        if !frame.is_final {
            self.fragments = Some(message);
            return None;
        }
        let kind = match message.opcode {
            1 => FrameKind::Text,
            _ => FrameKind::Binary,
        };
        let lost = |problem| Message {
            kind: kind.clone(),
            data: Body::NotRecorded,
            problem: Some(problem),
        };
        if message.is_cut {
            // Later messages may refer back to what was let go.
            self.is_broken |= message.is_compressed;
            return Some(lost("a message is larger than what is kept"));
        }
        if let Some(inflate) = self.inflate.as_mut().filter(|_| message.is_compressed) {
            match inflate.message(&message.payload, self.limit) {
                Some(payload) => message.payload = payload,
                None => {
                    self.is_broken = true;
                    return Some(lost("a message can't be decompressed"));
                }
            }
        }
        Some(Message {
            kind,
            data: Body::from_bytes(message.payload),
            problem: None,
        })
    }
}

impl Frame {
    /// Takes bytes of the payload and says how many.
    fn fill(&mut self, bytes: &[u8], limit: usize) -> usize {
        let here = bytes
            .len()
            .min(usize::try_from(self.left).unwrap_or(usize::MAX));
        self.left -= here as u64;
        if self.is_cut || self.payload.len() + here > limit {
            self.is_cut = true;
            self.payload = Vec::new();
            return here;
        }
        let start = self.payload.len();
        self.payload.extend_from_slice(&bytes[..here]);
        if let Some(mask) = self.mask {
            for (at, byte) in self.payload[start..].iter_mut().enumerate() {
                *byte ^= mask[(start + at) % 4];
            }
        }
        here
    }
}

impl Inflate {
    /// A message decompressed; `None` where it can't be, or gives more than `limit` bytes.
    fn message(&mut self, payload: &[u8], limit: usize) -> Option<Vec<u8>> {
        let mut out = Vec::new();
        for part in [payload, &DEFLATE_TAIL] {
            self.part(part, limit, &mut out)?;
        }
        if self.forgets {
            self.decompress.reset(false);
        }
        Some(out)
    }

    fn part(&mut self, mut part: &[u8], limit: usize, out: &mut Vec<u8>) -> Option<()> {
        loop {
            out.reserve(4 << 10);
            let before = self.decompress.total_in();
            let status = self
                .decompress
                .decompress_vec(part, out, FlushDecompress::Sync)
                .ok()?;
            let used = self.decompress.total_in() - before;
            part = &part[usize::try_from(used).ok()?..];
            if out.len() > limit {
                return None;
            }
            let has_room = out.len() < out.capacity();
            match status {
                // A last block ends the stream; the next message begins another.
                Status::StreamEnd => self.decompress.reset(false),
                _ if part.is_empty() && has_room => return Some(()),
                _ if used == 0 && has_room => return None,
                _ => {}
            }
            if part.is_empty() && has_room {
                return Some(());
            }
        }
    }
}

fn array<const N: usize>(bytes: &[u8]) -> Option<[u8; N]> {
    bytes.first_chunk().copied()
}

fn control(opcode: u8, payload: Vec<u8>) -> Message {
    let (kind, data) = match opcode {
        8 => (close_kind(&payload), Body::Empty),
        9 => (FrameKind::Ping, Body::from_bytes(payload)),
        _ => (FrameKind::Pong, Body::from_bytes(payload)),
    };
    Message {
        kind,
        data,
        problem: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// What comes of bytes that are cut so, and whether they are frames.
    fn read(bytes: &[u8], cuts: &[usize]) -> (Vec<String>, bool) {
        let agreed = HeaderList::from_iter([("Sec-WebSocket-Extensions", "permessage-deflate")]);
        let mut scan = FrameScan::new(Compression::agreed(&agreed), true, 64);
        let mut cuts: Vec<_> = cuts.iter().map(|cut| *cut.min(&bytes.len())).collect();
        cuts.extend([0, bytes.len()]);
        cuts.sort_unstable();
        let mut messages = Vec::new();
        for pair in cuts.windows(2) {
            scan.push(&bytes[pair[0]..pair[1]], |message| {
                messages.push(format!("{:?} {:?}", message.kind, message.data));
            });
        }
        (messages, scan.is_broken())
    }

    #[test]
    fn what_is_no_frame_ends_the_reading() {
        let check = |bytes: &[u8], count: usize, is_broken: bool| {
            let (messages, broken) = read(bytes, &[]);
            assert_eq!((messages.len(), broken), (count, is_broken), "{bytes:?}");
        };
        check(b"\x81\x01a\x82\x00", 2, false);
        check(b"\x83\x01a", 0, true);
        check(b"\x80\x01a", 0, true);
        check(b"\x01\x01a\x81\x01b", 0, true);
        check(b"\x09\x00", 0, true);
        check(b"\x89\x7e\x00\x80", 0, true);
        check(b"\x91\x00", 0, true);
        check(b"\x82\x7f\xff\xff\xff\xff\xff\xff\xff\xff", 0, true);
        // A message that is too long is let go, the next one read.
        let long = [&b"\x81\x50"[..], &[b'a'; 80], b"\x81\x01a"].concat();
        check(&long, 2, false);
        check(b"\xc1\x02\xff\xff", 1, true);
    }

    proptest! {
        #[test]
        fn any_split_gives_the_same_messages(
            frames in proptest::collection::vec(
                (any::<u8>(), any::<bool>(), proptest::collection::vec(any::<u8>(), 0..90)),
                0..6,
            ),
            cuts in proptest::collection::vec(0usize..300, 0..8),
        ) {
            let mut bytes = Vec::new();
            for (first, is_masked, payload) in frames {
                // Mostly frames that may be.
                bytes.push(if first % 4 == 0 { first } else { 0x80 | (first % 3) });
                bytes.push(payload.len() as u8 | if is_masked { 0x80 } else { 0 });
                bytes.extend(if is_masked { &b"mask"[..] } else { b"" });
                bytes.extend(payload);
            }
            prop_assert_eq!(read(&bytes, &cuts), read(&bytes, &[]));
        }
    }
}
