//! Files that may be compressed, recognised by their first bytes.

use std::error::Error;
use std::io::{self, BufRead, BufReader, Read};

use flate2::bufread::GzDecoder;

use super::zstd::{BehindFrames, ZstdReader};

/// How many compressed bytes are read at once.
const CHUNK: usize = 1 << 16;

/// How a file is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Compression {
    /// zstd (RFC 8878).
    Zstd,
    /// gzip (RFC 1952).
    Gzip,
}

impl Compression {
    /// Tells by the first bytes of a file, of which four are enough.
    pub fn of(head: &[u8]) -> Option<Self> {
        if head.starts_with(&[0x28, 0xb5, 0x2f, 0xfd]) {
            Some(Self::Zstd)
        } else if head.starts_with(&[0x1f, 0x8b]) {
            Some(Self::Gzip)
        } else {
            None
        }
    }

    /// `zstd` or `gzip`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Zstd => "zstd",
            Self::Gzip => "gzip",
        }
    }
}

/// Opens a file's content, decompressed if it starts as a zstd or gzip file does.
///
/// # Errors
///
/// What reading the first bytes reports. Damage in the compressed data is reported by the returned reader, as a
/// [`DamagedCompression`], after what could be decoded before it.
pub fn open_compressed<R: Read + Send + 'static>(reader: R) -> io::Result<Box<dyn Read + Send>> {
    let mut reader = reader;
    let mut head = Vec::with_capacity(4);
    reader.by_ref().take(4).read_to_end(&mut head)?;
    let compression = Compression::of(&head);
    let whole = io::Cursor::new(head).chain(reader);
    let counted = |whole| Counted {
        source: BufReader::with_capacity(CHUNK, whole),
        position: 0,
    };
    Ok(match compression {
        Some(Compression::Zstd) => Box::new(Decompressed {
            decoder: ZstdReader::new(counted(whole)),
            given: 0,
        }),
        Some(Compression::Gzip) => Box::new(InChunks::new(Decompressed {
            decoder: GzipReader::new(counted(whole)),
            given: 0,
        })),
        None => Box::new(whole),
    })
}

/// Why a compressed file could not be read to its end. Offsets count from 0, `text` in what was decoded before.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DamagedCompression {
    /// The file ends before the compressed data does.
    #[error(
        "the {} data breaks off at byte {at}, where the file ends; {}", .coding.name(), is_lost(*.text)
    )]
    BreaksOff {
        /// How it is compressed.
        coding: Compression,
        /// Where in the file.
        at: u64,
        /// Bytes decoded before.
        text: u64,
    },
    /// The data is not what the coding demands, or has another checksum.
    #[error(
        "the {} data is damaged at or before byte {at} of the file ({source}); {}", .coding.name(), is_lost(*.text)
    )]
    Damaged {
        /// How it is compressed.
        coding: Compression,
        /// Where in the file it was noticed.
        at: u64,
        /// Bytes decoded before.
        text: u64,
        /// What the decoder says.
        source: io::Error,
    },
    /// Complete compressed data is followed by something else.
    #[error(
        "the {} data ends at byte {at} of the file and something else follows; the text in it has {text} bytes", .coding.name()
    )]
    Trailing {
        /// How it is compressed.
        coding: Compression,
        /// Where in the file.
        at: u64,
        /// Bytes decoded before.
        text: u64,
    },
}

fn is_lost(text: u64) -> String {
    match text {
        0 => "none of the text in it can be read".to_owned(),
        _ => format!("nothing can be read behind byte {text} of the text in it"),
    }
}

/// A buffered source that knows how much of it was used.
struct Counted<R> {
    source: BufReader<R>,
    position: u64,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.source.read(buffer)?;
        self.position += count as u64;
        Ok(count)
    }
}

impl<R: Read> BufRead for Counted<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.source.fill_buf()
    }

    fn consume(&mut self, count: usize) {
        self.position += count as u64;
        self.source.consume(count);
    }
}

/// A decoder whose errors can be told from those of the file.
trait Decoder: Read {
    const CODING: Compression;

    /// How many bytes of the file it has used.
    fn position(&self) -> u64;
}

impl<R: Read> Decoder for ZstdReader<Counted<R>> {
    const CODING: Compression = Compression::Zstd;

    fn position(&self) -> u64 {
        self.source().position
    }
}

/// Decodes gzip members one after the other.
struct GzipReader<R> {
    /// `None` behind the last member.
    member: Option<GzDecoder<Counted<R>>>,
    length: u64,
}

impl<R: Read> GzipReader<R> {
    fn new(source: Counted<R>) -> Self {
        Self {
            member: Some(GzDecoder::new(source)),
            length: 0,
        }
    }
}

impl<R: Read> Read for GzipReader<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while let Some(member) = &mut self.member {
            let count = member.read(buffer)?;
            if count > 0 || buffer.is_empty() {
                return Ok(count);
            }
            let source = member.get_mut();
            self.length = source.position;
            match source.fill_buf()?.first() {
                None => self.member = None,
                Some(0x1f) => {
                    let source = self.member.take().map(GzDecoder::into_inner);
                    self.member = source.map(GzDecoder::new);
                }
                Some(_) => return Err(io::Error::new(io::ErrorKind::InvalidData, BehindFrames)),
            }
        }
        Ok(0)
    }
}

impl<R: Read> Decoder for GzipReader<R> {
    const CODING: Compression = Compression::Gzip;

    fn position(&self) -> u64 {
        let member = self.member.as_ref();
        member.map_or(self.length, |member| member.get_ref().position)
    }
}

/// What a decoder gives, and why it gives no more.
struct Decompressed<D> {
    decoder: D,
    given: u64,
}

impl<D: Decoder> Read for Decompressed<D> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.decoder.read(buffer) {
            Ok(count) => {
                self.given += count as u64;
                Ok(count)
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Err(error),
            Err(error) if is_of_system(&error) => Err(error),
            Err(source) => {
                let (coding, at, text) = (D::CODING, self.decoder.position(), self.given);
                let damage = if is_behind_frames(&source) {
                    DamagedCompression::Trailing { coding, at, text }
                } else if breaks_off(&source) {
                    DamagedCompression::BreaksOff { coding, at, text }
                } else {
                    DamagedCompression::Damaged {
                        coding,
                        at,
                        text,
                        source,
                    }
                };
                Err(io::Error::new(io::ErrorKind::InvalidData, damage))
            }
        }
    }
}

/// Whether the file itself can't be read, whatever is in it.
fn is_of_system(error: &io::Error) -> bool {
    causes(error).any(|cause| {
        let error = cause.downcast_ref::<io::Error>();
        error.is_some_and(|error| error.raw_os_error().is_some())
    })
}

fn is_behind_frames(error: &io::Error) -> bool {
    error
        .get_ref()
        .is_some_and(|inner| inner.is::<BehindFrames>())
}

/// Whether bytes were wanted where there were no more.
fn breaks_off(error: &io::Error) -> bool {
    causes(error).any(|cause| {
        let error = cause.downcast_ref::<io::Error>();
        error.is_some_and(|error| error.kind() == io::ErrorKind::UnexpectedEof)
    })
}

/// An error and what caused it, the error inside an I/O error included.
fn causes<'e>(error: &'e io::Error) -> impl Iterator<Item = &'e (dyn Error + 'static)> {
    let inner = error.get_ref().map(|inner| inner as &(dyn Error + 'static));
    let behind = std::iter::successors(inner, |&cause| cause.source());
    std::iter::once(error as &(dyn Error + 'static)).chain(behind)
}

/// Asks for the same number of bytes each time, however many are wanted: what a gzip decoder gives before damage depends
/// on that, and a file that is read twice has to be the same.
struct InChunks<R> {
    source: R,
    chunk: Vec<u8>,
    used: usize,
    filled: usize,
}

impl<R: Read> InChunks<R> {
    fn new(source: R) -> Self {
        Self {
            source,
            chunk: vec![0; CHUNK],
            used: 0,
            filled: 0,
        }
    }
}

impl<R: Read> Read for InChunks<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.used == self.filled {
            self.filled = self.source.read(&mut self.chunk)?;
            self.used = 0;
        }
        let count = buffer.len().min(self.filled - self.used);
        buffer[..count].copy_from_slice(&self.chunk[self.used..self.used + count]);
        self.used += count;
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::Compression;
    use flate2::write::GzEncoder;
    use ruzstd::encoding::{CompressionLevel, compress_to_vec};
    use std::io::Write;

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn zstd(bytes: &[u8]) -> Vec<u8> {
        compress_to_vec(bytes, CompressionLevel::Fastest)
    }

    /// What comes out of a file, and why no more.
    fn read(file: Vec<u8>) -> (Vec<u8>, Option<DamagedCompression>) {
        let mut content = Vec::new();
        let mut reader = open_compressed(io::Cursor::new(file)).unwrap();
        let outcome = reader.read_to_end(&mut content);
        let damage = outcome.err().map(|error| error.downcast().unwrap());
        (content, damage)
    }

    fn long_text() -> Vec<u8> {
        let records = (0..40_000).map(|n| format!("record {}\n", n * 7919 % 65_537));
        records.collect::<String>().into_bytes()
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
            let (content, damage) = read(file);
            assert_eq!(content, text);
            assert!(damage.is_none());
        }
        for short in [&b""[..], b"\x28", b"ab"] {
            assert_eq!(read(short.to_vec()).0, short);
        }
    }

    #[test]
    fn a_cut_file_gives_what_comes_before_the_cut() {
        let text = long_text();
        for file in [gzip(&text), zstd(&text)] {
            for cut in [5, 20, file.len() / 3, file.len() / 2, file.len() - 1] {
                let (content, damage) = read(file[..cut].to_vec());
                assert!(text.starts_with(&content));
                assert!(cut <= 20 || !content.is_empty(), "{cut}");
                match damage {
                    Some(DamagedCompression::BreaksOff { at, text, .. }) => {
                        assert_eq!((at, text), (cut as u64, content.len() as u64));
                    }
                    other => panic!("cut at {cut}: {other:?}"),
                }
            }
        }
    }

    #[test]
    fn damage_is_told_from_what_follows_complete_data() {
        let text = long_text();
        for file in [gzip(&text), zstd(&text)] {
            let (content, damage) = read([&file[..], b"{\"a\":1}\n"].concat());
            assert!(content == text);
            let at = file.len() as u64;
            let length = text.len() as u64;
            assert!(
                matches!(damage, Some(DamagedCompression::Trailing { at: a, text: t, .. }) if a == at && t == length),
                "{damage:?}"
            );
            let mut flipped = file.clone();
            // Of gzip the checksum stands before the length, of zstd at the end.
            let checksum = file.len() - if file[0] == 0x1f { 6 } else { 2 };
            flipped[checksum] ^= 1;
            let (content, damage) = read(flipped);
            assert!(content == text);
            assert!(
                matches!(damage, Some(DamagedCompression::Damaged { text, .. }) if text == length),
                "{damage:?}"
            );
        }
    }

    #[test]
    fn what_is_read_before_damage_does_not_depend_on_how_it_is_read() {
        let text = long_text();
        for mut file in [gzip(&text), zstd(&text)] {
            let middle = file.len() / 2;
            file[middle..middle + 50].fill(0xff);
            let (whole, damage) = read(file.clone());
            assert!(damage.is_some());
            let mut reader = open_compressed(io::Cursor::new(file)).unwrap();
            let mut pieces = Vec::new();
            let mut piece = [0; 777];
            while let Ok(count @ 1..) = reader.read(&mut piece) {
                pieces.extend_from_slice(&piece[..count]);
            }
            assert!(whole == pieces, "{} {}", whole.len(), pieces.len());
        }
    }
}
