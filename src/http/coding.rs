//! Content codings undone: bodies with a limit on their decoded size, and files recognised by their first bytes.

use std::io::{self, BufRead, BufReader, Read};

use flate2::bufread::{DeflateDecoder, MultiGzDecoder, ZlibDecoder};
use ruzstd::decoding::errors::{FrameDecoderError, ReadFrameHeaderError};
use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};

/// Why a content coding could not be undone.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// A coding that is not known here.
    #[error("unknown content coding `{0}`")]
    UnknownCoding(String),
    /// The decoded form is larger than the caller allows.
    #[error("decoded body is larger than {0} bytes")]
    TooLarge(u64),
    /// The bytes are not what the coding says, or end early.
    #[error("body is not valid {coding}")]
    Malformed {
        /// The coding that failed.
        coding: String,
        /// What its decoder says.
        source: io::Error,
    },
}

/// Undoes the codings of a `content-encoding` value: `identity`, `zstd`, `gzip`, `deflate` (with or without zlib frame),
/// `br`, or a list of them in the order they were applied. No step may give more than `limit` bytes.
///
/// # Errors
///
/// As [`DecodeError`] lists; the whole body is then of no use, as nothing says how far it is right.
pub fn decode(coding: &str, bytes: &[u8], limit: u64) -> Result<Vec<u8>, DecodeError> {
    let mut decoded: Option<Vec<u8>> = None;
    for name in coding.split(',').rev() {
        let name = name.trim().to_ascii_lowercase();
        if matches!(name.as_str(), "" | "identity") {
            continue;
        }
        let input = decoded.as_deref().unwrap_or(bytes);
        decoded = Some(decode_one(&name, input, limit)?);
    }
    match decoded {
        Some(decoded) => Ok(decoded),
        None if bytes.len() as u64 > limit => Err(DecodeError::TooLarge(limit)),
        None => Ok(bytes.to_vec()),
    }
}

fn decode_one(coding: &str, bytes: &[u8], limit: u64) -> Result<Vec<u8>, DecodeError> {
    // An empty body is often labelled with a coding though nothing was encoded.
    if bytes.is_empty() {
        return Ok(Vec::new());
    }
    let decoded = match coding {
        "zstd" => read_limited(ZstdReader::new(bytes), limit),
        "gzip" | "x-gzip" => read_limited(MultiGzDecoder::new(bytes), limit),
        "deflate" if has_zlib_header(bytes) => read_limited(ZlibDecoder::new(bytes), limit),
        "deflate" => read_limited(DeflateDecoder::new(bytes), limit),
        "br" => read_limited(brotli_decompressor::Decompressor::new(bytes, 4096), limit),
        _ => return Err(DecodeError::UnknownCoding(coding.to_owned())),
    };
    match decoded {
        Ok(decoded) if decoded.len() as u64 > limit => Err(DecodeError::TooLarge(limit)),
        Ok(decoded) => Ok(decoded),
        Err(source) => Err(DecodeError::Malformed {
            coding: coding.to_owned(),
            source,
        }),
    }
}

/// Reads one byte more than the limit at most, so that the caller sees when there is more.
fn read_limited(reader: impl Read, limit: u64) -> io::Result<Vec<u8>> {
    let mut decoded = Vec::new();
    reader
        .take(limit.saturating_add(1))
        .read_to_end(&mut decoded)?;
    Ok(decoded)
}

/// Whether the bytes start as RFC 1950 says; some servers send `deflate` without this frame.
fn has_zlib_header(bytes: &[u8]) -> bool {
    matches!(bytes, [method, flags, ..]
        if method & 0x0f == 8 && (u16::from(*method) << 8 | u16::from(*flags)) % 31 == 0)
}

/// Opens a file's content, decompressed if it starts as a zstd or gzip file does.
///
/// # Errors
///
/// What reading the first bytes reports. Damage in the compressed data is reported by the returned reader, after what
/// could be decoded before it.
pub fn open_compressed<R: Read + Send + 'static>(reader: R) -> io::Result<Box<dyn Read + Send>> {
    const ZSTD: &[u8] = &[0x28, 0xb5, 0x2f, 0xfd];
    const GZIP: &[u8] = &[0x1f, 0x8b];
    let mut reader = reader;
    let mut head = Vec::with_capacity(4);
    reader.by_ref().take(4).read_to_end(&mut head)?;
    let is_zstd = head == ZSTD;
    let is_gzip = head.starts_with(GZIP);
    let whole = io::Cursor::new(head).chain(reader);
    Ok(if is_zstd {
        Box::new(ZstdReader::new(BufReader::with_capacity(1 << 16, whole)))
    } else if is_gzip {
        Box::new(MultiGzDecoder::new(BufReader::with_capacity(
            1 << 16,
            whole,
        )))
    } else {
        Box::new(whole)
    })
}

/// An empty last block with a place for a checksum: ends a frame whose real end is missing.
const LAST_BLOCK: &[u8] = &[1, 0, 0, 0, 0, 0, 0];

/// Decodes zstd frames one after the other, skippable ones left out.
struct ZstdReader<R> {
    source: R,
    decoder: FrameDecoder,
    is_in_frame: bool,
    /// Damage met in the current frame, told once the bytes before it are read.
    damage: Option<io::Error>,
}

impl<R: BufRead> ZstdReader<R> {
    fn new(source: R) -> Self {
        Self {
            source,
            decoder: FrameDecoder::new(),
            is_in_frame: false,
            damage: None,
        }
    }

    /// Reads frame headers until one with content; false at the end of the source.
    fn start_frame(&mut self) -> io::Result<bool> {
        loop {
            if self.source.fill_buf()?.is_empty() {
                return Ok(false);
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

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::Compression;
    use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};
    use ruzstd::encoding::{CompressionLevel, compress_to_vec};
    use std::io::Write;

    const LIMIT: u64 = 1 << 20;

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn zstd(bytes: &[u8]) -> Vec<u8> {
        compress_to_vec(bytes, CompressionLevel::Fastest)
    }

    /// `hello brotli` as one uncompressed meta-block (RFC 7932, section 9.2).
    const BROTLI: &[u8] = b"\x8b\x05\x80hello brotli\x03";

    #[test]
    fn undoes_every_coding_and_lists_of_them() {
        let text = "{\"input\":[]} ".repeat(500);
        let bytes = text.as_bytes();
        let mut zlib = ZlibEncoder::new(Vec::new(), Compression::default());
        zlib.write_all(bytes).unwrap();
        let mut raw = DeflateEncoder::new(Vec::new(), Compression::default());
        raw.write_all(bytes).unwrap();
        for (coding, encoded) in [
            ("", bytes.to_vec()),
            ("identity", bytes.to_vec()),
            ("GZIP", gzip(bytes)),
            ("x-gzip", gzip(bytes)),
            ("zstd", zstd(bytes)),
            ("deflate", zlib.finish().unwrap()),
            ("deflate", raw.finish().unwrap()),
            ("gzip, zstd", zstd(&gzip(bytes))),
            ("zstd ,identity, gzip", gzip(&zstd(bytes))),
        ] {
            assert_eq!(decode(coding, &encoded, LIMIT).unwrap(), bytes, "{coding}");
            assert!(matches!(
                decode(coding, &encoded, bytes.len() as u64 - 1),
                Err(DecodeError::TooLarge(_))
            ));
            assert!(
                decode(coding, &encoded, bytes.len() as u64).is_ok(),
                "{coding}"
            );
        }
        assert_eq!(decode("br", BROTLI, LIMIT).unwrap(), b"hello brotli");
        assert!(decode("gzip", b"", LIMIT).unwrap().is_empty());
    }

    #[test]
    fn says_what_is_wrong() {
        assert!(
            matches!(decode("lzma", b"x", LIMIT), Err(DecodeError::UnknownCoding(name)) if name == "lzma")
        );
        let text = "some text ".repeat(100);
        for (coding, encoded) in [
            ("gzip", gzip(text.as_bytes())),
            ("zstd", zstd(text.as_bytes())),
            ("br", BROTLI.to_vec()),
        ] {
            for length in 1..encoded.len() - 1 {
                let cut = decode(coding, &encoded[..length], LIMIT);
                assert!(
                    matches!(cut, Err(DecodeError::Malformed { .. })),
                    "{coding} cut at {length}"
                );
            }
            assert!(
                decode(coding, b"not compressed", LIMIT).is_err(),
                "{coding}"
            );
        }
    }

    #[test]
    fn a_bomb_stops_at_the_limit() {
        let inner = gzip(&vec![0; 50 << 20]);
        assert!(inner.len() < 1 << 17);
        assert!(matches!(
            decode("gzip", &inner, LIMIT),
            Err(DecodeError::TooLarge(LIMIT))
        ));
        assert!(matches!(
            decode("zstd", &zstd(&vec![0; 50 << 20]), LIMIT),
            Err(DecodeError::TooLarge(LIMIT))
        ));
    }

    #[test]
    fn opens_files_by_their_first_bytes() {
        let text = b"{\"a\":1}\n{\"b\":2}\n";
        let mut joined = zstd(&text[..8]);
        joined.extend_from_slice(b"\x50\x2a\x4d\x18\x03\x00\x00\x00abc");
        joined.extend(zstd(&text[8..]));
        for file in [
            text.to_vec(),
            gzip(text),
            [gzip(&text[..3]), gzip(&text[3..])].concat(),
            zstd(text),
            joined,
        ] {
            let mut content = Vec::new();
            open_compressed(io::Cursor::new(file))
                .unwrap()
                .read_to_end(&mut content)
                .unwrap();
            assert_eq!(content, text);
        }
        for short in [&b""[..], b"\x28", b"ab"] {
            let mut content = Vec::new();
            open_compressed(short)
                .unwrap()
                .read_to_end(&mut content)
                .unwrap();
            assert_eq!(content, short);
        }
    }

    #[test]
    fn a_cut_file_gives_what_comes_before_the_cut() {
        let text: String = (0..40_000)
            .map(|n| format!("record {}\n", n * 7919 % 65_537))
            .collect();
        for file in [gzip(text.as_bytes()), zstd(text.as_bytes())] {
            let cut = file[..file.len() / 2].to_vec();
            let mut content = Vec::new();
            let error = open_compressed(io::Cursor::new(cut))
                .unwrap()
                .read_to_end(&mut content)
                .unwrap_err();
            assert!(
                !content.is_empty() && text.as_bytes().starts_with(&content),
                "{error}"
            );
        }
    }
}
