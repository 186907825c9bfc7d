//! Content codings undone while the bytes come, for streams that are looked at before they end.

use std::io::{self, Write};

use flate2::write::{DeflateDecoder, MultiGzDecoder, ZlibDecoder};

use super::coding::has_zlib_header;

/// Bytes that are decoded before it is looked at how many came out; they give a thousand times as many at most.
const STEP: usize = 1 << 10;

/// Undoes one content coding piece by piece: `gzip`, `deflate` or `br`.
pub struct PushDecoder {
    decoder: Decoder,
    limit: usize,
}

enum Decoder {
    Gzip(MultiGzDecoder<Vec<u8>>),
    /// With or without zlib frame, which the first two bytes tell.
    Deflate(Vec<u8>),
    Zlib(ZlibDecoder<Vec<u8>>),
    RawDeflate(DeflateDecoder<Vec<u8>>),
    Brotli(Box<brotli_decompressor::DecompressorWriter<Vec<u8>>>),
}

impl std::fmt::Debug for PushDecoder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PushDecoder").finish_non_exhaustive()
    }
}

impl PushDecoder {
    /// A decoder for a `content-encoding`; `None` where it is none of these, or several. No push may give more than
    /// `limit` bytes.
    pub fn new(coding: &str, limit: usize) -> Option<Self> {
        let decoder = match coding.trim().to_ascii_lowercase().as_str() {
            "gzip" | "x-gzip" => Decoder::Gzip(MultiGzDecoder::new(Vec::new())),
            "deflate" => Decoder::Deflate(Vec::new()),
            "br" => {
                let decoder = brotli_decompressor::DecompressorWriter::new(Vec::new(), 4096);
                Decoder::Brotli(Box::new(decoder))
            }
            _ => return None,
        };
        Some(Self { decoder, limit })
    }

    /// Takes the next bytes and gives what they decode to.
    ///
    /// # Errors
    ///
    /// When they are not what the coding says, or give too many. The decoder is then of no further use.
    pub fn push(&mut self, bytes: &[u8]) -> io::Result<Vec<u8>> {
        let mut out = Vec::new();
        for step in bytes.chunks(STEP) {
            self.decoder.push(step)?;
            if let Some(decoded) = self.decoder.out() {
                out.append(decoded);
            }
            if out.len() > self.limit {
                let text = "the decoded bytes are too many";
                return Err(io::Error::new(io::ErrorKind::InvalidData, text));
            }
        }
        Ok(out)
    }
}

impl Decoder {
    fn push(&mut self, bytes: &[u8]) -> io::Result<()> {
        if let Decoder::Deflate(first) = self {
            first.extend_from_slice(bytes);
            if first.len() < 2 {
                return Ok(());
            }
            let first = std::mem::take(first);
            *self = match has_zlib_header(&first) {
                true => Decoder::Zlib(ZlibDecoder::new(Vec::new())),
                false => Decoder::RawDeflate(DeflateDecoder::new(Vec::new())),
            };
            return self.push(&first);
        }
        match self {
            Decoder::Gzip(decoder) => decoder.write_all(bytes).and_then(|()| decoder.flush()),
            Decoder::Zlib(decoder) => decoder.write_all(bytes).and_then(|()| decoder.flush()),
            Decoder::RawDeflate(decoder) => decoder.write_all(bytes).and_then(|()| decoder.flush()),
            Decoder::Brotli(decoder) => decoder.write_all(bytes),
            Decoder::Deflate(_) => Ok(()),
        }
    }

    fn out(&mut self) -> Option<&mut Vec<u8>> {
        match self {
            Decoder::Gzip(decoder) => Some(decoder.get_mut()),
            Decoder::Deflate(_) => None,
            Decoder::Zlib(decoder) => Some(decoder.get_mut()),
            Decoder::RawDeflate(decoder) => Some(decoder.get_mut()),
            Decoder::Brotli(decoder) => Some(decoder.get_mut()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::Compression;
    use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};

    /// What the first push decodes to, and all.
    fn decoded(coding: &str, parts: &[&[u8]]) -> (Vec<u8>, Vec<u8>) {
        let mut decoder = PushDecoder::new(coding, 1 << 20).unwrap();
        let mut all = decoder.push(parts[0]).unwrap();
        let first = all.clone();
        for part in &parts[1..] {
            all.extend(decoder.push(part).unwrap());
        }
        (first, all)
    }

    macro_rules! flushed_parts {
        ($encoder:ident) => {{
            let mut encoder = $encoder::new(Vec::new(), Compression::default());
            encoder.write_all(b"data: 1\n\n").unwrap();
            encoder.flush().unwrap();
            let first = std::mem::take(encoder.get_mut());
            encoder.write_all(b"data: 2\n\n").unwrap();
            (first, encoder.finish().unwrap())
        }};
    }

    #[test]
    fn what_was_flushed_comes_out_at_once() {
        for (coding, (first, second)) in [
            ("GZIP", flushed_parts!(GzEncoder)),
            ("deflate", flushed_parts!(ZlibEncoder)),
            ("deflate", flushed_parts!(DeflateEncoder)),
        ] {
            let (early, all) = decoded(coding, &[&first, &second]);
            assert_eq!(early, b"data: 1\n\n", "{coding}");
            assert_eq!(all, b"data: 1\n\ndata: 2\n\n", "{coding}");
            let bytes = [first, second].concat();
            let one_by_one: Vec<&[u8]> = bytes.chunks(1).collect();
            assert_eq!(decoded(coding, &one_by_one).1, all, "{coding}");
        }
        let brotli = b"\x8b\x05\x80hello brotli\x03";
        assert_eq!(decoded("br", &[brotli]).1, b"hello brotli");
        assert!(PushDecoder::new("zstd", 1).is_none());
        assert!(PushDecoder::new("gzip, br", 1).is_none());
    }

    #[test]
    fn a_bomb_and_garbage_are_errors() {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(&vec![0; 8 << 20]).unwrap();
        let bomb = encoder.finish().unwrap();
        assert!(
            PushDecoder::new("gzip", 1 << 20)
                .unwrap()
                .push(&bomb)
                .is_err()
        );
        let garbage = b"not compressed at all, not at all".repeat(10);
        for coding in ["gzip", "deflate", "br"] {
            let mut decoder = PushDecoder::new(coding, 1 << 20).unwrap();
            assert!(decoder.push(&garbage).is_err(), "{coding}");
        }
    }
}
