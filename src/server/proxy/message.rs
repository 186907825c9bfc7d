//! Where the body of a message ends, followed as its bytes go by.

use super::super::framing::ChunkScan;

/// Follows a body to its end.
#[derive(Debug, Clone)]
pub(super) enum BodyScan {
    /// So many bytes are to come.
    Length(u64),
    /// It comes in chunks.
    Chunked(ChunkScan),
    /// It ends with the connection.
    UntilClose,
}

impl BodyScan {
    /// A body in chunks.
    pub(super) fn chunked() -> Self {
        Self::Chunked(ChunkScan::default())
    }

    /// Takes the next bytes, gives the content of the body to `data`, and says how many of them belong to the body.
    pub(super) fn push(&mut self, bytes: &[u8], mut data: impl FnMut(&[u8])) -> usize {
        match self {
            BodyScan::Length(left) => {
                let here = bytes
                    .len()
                    .min(usize::try_from(*left).unwrap_or(usize::MAX));
                *left -= here as u64;
                data(&bytes[..here]);
                here
            }
            BodyScan::Chunked(scan) => scan.push_data(bytes, data),
            BodyScan::UntilClose => {
                data(bytes);
                bytes.len()
            }
        }
    }

    /// Whether the end was seen.
    pub(super) fn is_done(&self) -> bool {
        match self {
            BodyScan::Length(left) => *left == 0,
            BodyScan::Chunked(scan) => scan.is_done(),
            BodyScan::UntilClose => false,
        }
    }

    /// The lines behind the last chunk.
    pub(super) fn trailer(&self) -> &[u8] {
        match self {
            BodyScan::Chunked(scan) => scan.trailer(),
            BodyScan::Length(_) | BodyScan::UntilClose => &[],
        }
    }

    /// Whether the bytes are not what the head says.
    pub(super) fn is_broken(&self) -> bool {
        matches!(self, BodyScan::Chunked(scan) if scan.is_broken())
    }
}
