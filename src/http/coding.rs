//! Content codings of bodies undone, with a limit on the decoded size.

use std::io::{self, Read};

use flate2::bufread::{DeflateDecoder, MultiGzDecoder, ZlibDecoder};

use super::zstd::ZstdReader;

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
pub(super) fn has_zlib_header(bytes: &[u8]) -> bool {
    matches!(bytes, [method, flags, ..]
        if method & 0x0f == 8 && (u16::from(*method) << 8 | u16::from(*flags)) % 31 == 0)
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
}
