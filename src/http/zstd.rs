//! Decoding of zstd, frame by frame.

use std::io::{self, BufRead, Read};

use ruzstd::decoding::errors::{FrameDecoderError, ReadFrameHeaderError};
use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};

/// An empty last block with a place for a checksum: ends a frame whose real end is missing.
const LAST_BLOCK: &[u8] = &[1, 0, 0, 0, 0, 0, 0];

/// What follows complete frames is no frame.
#[derive(Debug, thiserror::Error)]
#[error("what follows is not compressed")]
pub(super) struct BehindFrames;

/// Decodes zstd frames one after the other, skippable ones left out.
pub(super) struct ZstdReader<R> {
    source: R,
    decoder: FrameDecoder,
    is_in_frame: bool,
    is_first_frame: bool,
    /// Damage met in the current frame, told once the bytes before it are read.
    damage: Option<io::Error>,
}

impl<R: BufRead> ZstdReader<R> {
    pub(super) fn new(source: R) -> Self {
        Self {
            source,
            decoder: FrameDecoder::new(),
            is_in_frame: false,
            is_first_frame: true,
            damage: None,
        }
    }

    pub(super) fn source(&self) -> &R {
        &self.source
    }

    /// Reads frame headers until one with content; false at the end of the source.
    fn start_frame(&mut self) -> io::Result<bool> {
        loop {
            let Some(&first) = self.source.fill_buf()?.first() else {
                return Ok(false);
            };
            // Frames begin with 28, skippable ones with 50 to 5f.
            if !self.is_first_frame && first != 0x28 && first >> 4 != 5 {
                return Err(io::Error::new(io::ErrorKind::InvalidData, BehindFrames));
            }
            match self.decoder.reset(&mut self.source) {
                Ok(()) => return Ok(true),
                Err(FrameDecoderError::ReadFrameHeaderError(ReadFrameHeaderError::SkipFrame {
                    length,
                    ..
                })) => {
                    let length = u64::from(length);
                    if io::copy(&mut self.source.by_ref().take(length), &mut io::sink())? < length {
                        return Err(io::ErrorKind::UnexpectedEof.into());
                    }
                }
                Err(error) => return Err(io::Error::new(io::ErrorKind::InvalidData, error)),
            }
        }
    }

    fn decode_block(&mut self) -> io::Result<()> {
        let one = BlockDecodingStrategy::UptoBlocks(1);
        let Err(error) = self.decoder.decode_blocks(&mut self.source, one) else {
            return Ok(());
        };
        let error = io::Error::new(io::ErrorKind::InvalidData, error);
        // The decoder holds a window of decoded bytes back until the frame ends, so it is given an end.
        let one = BlockDecodingStrategy::UptoBlocks(1);
        if self.decoder.decode_blocks(LAST_BLOCK, one).is_ok() && self.decoder.is_finished() {
            self.damage = Some(error);
            Ok(())
        } else {
            Err(error)
        }
    }

    fn end_frame(&mut self) -> io::Result<()> {
        self.is_in_frame = false;
        self.is_first_frame = false;
        if let Some(error) = self.damage.take() {
            return Err(error);
        }
        match self.decoder.get_checksum_from_data() {
            Some(sum) if self.decoder.get_calculated_checksum() != Some(sum) => {
                Err(io::Error::new(
                    io::ErrorKind::InvalidData,
                    "checksum of the zstd frame does not match",
                ))
            }
            _ => Ok(()),
        }
    }
}

impl<R: BufRead> Read for ZstdReader<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        loop {
            if !self.is_in_frame {
                self.is_in_frame = self.start_frame()?;
                if !self.is_in_frame {
                    return Ok(0);
                }
            }
            if self.decoder.can_collect() > 0 {
                return self.decoder.read(buffer);
            }
            if self.decoder.is_finished() {
                self.end_frame()?;
            } else {
                self.decode_block()?;
            }
        }
    }
}
