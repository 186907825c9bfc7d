//! Where the bytes of a rollout come from, more than once.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::http::{Compression, open_compressed};

/// The bytes of one rollout, which can be read from the start again and in parts.
///
/// A rollout of any size is read in passes, so that only what is shown is held in memory. Files compressed with zstd
/// or gzip are decompressed in each pass.
#[derive(Debug, Clone)]
pub struct RolloutSource {
    /// The path as the user gave it, or a name such as `-`.
    pub path: PathBuf,
    bytes: Bytes,
}

#[derive(Debug, Clone)]
enum Bytes {
    Plain,
    Compressed(Compression),
    Memory(Arc<[u8]>),
}

impl RolloutSource {
    /// A file, compressed or not, which is found out by its first bytes.
    ///
    /// # Errors
    ///
    /// When the file can't be opened or read.
    pub fn file(path: &Path) -> io::Result<Self> {
        let mut start = Vec::new();
        File::open(path)?.take(4).read_to_end(&mut start)?;
        Ok(Self {
            path: path.to_owned(),
            bytes: Compression::of(&start).map_or(Bytes::Plain, Bytes::Compressed),
        })
    }

    /// Bytes that are in memory already and not compressed, with the name to show for them.
    pub fn memory(name: impl Into<PathBuf>, bytes: impl Into<Arc<[u8]>>) -> Self {
        Self {
            path: name.into(),
            bytes: Bytes::Memory(bytes.into()),
        }
    }

    /// How the file itself is compressed, if it is.
    pub fn compression(&self) -> Option<Compression> {
        match self.bytes {
            Bytes::Compressed(compression) => Some(compression),
            Bytes::Plain | Bytes::Memory(_) => None,
        }
    }

    /// What is wrong with the name of a rollout whose bytes are compressed otherwise than it tells, as a sentence.
    pub fn misnomer(&self) -> Option<String> {
        let name = self.path.file_name()?.to_str()?;
        misnomer(name, self.compression())
    }

    /// Reads from the start, decompressed.
    ///
    /// # Errors
    ///
    /// When the file can't be opened.
    pub fn open(&self) -> io::Result<Box<dyn Read + Send>> {
        match &self.bytes {
            Bytes::Plain => Ok(Box::new(File::open(&self.path)?)),
            Bytes::Compressed(_) => open_compressed(File::open(&self.path)?),
            Bytes::Memory(bytes) => Ok(Box::new(io::Cursor::new(Arc::clone(bytes)))),
        }
    }

    /// The text of one span, as [`read_spans`](Self::read_spans) gives it.
    ///
    /// # Errors
    ///
    /// When reading fails, or the file ends before the span does.
    pub fn read_span(&self, span: Range<u64>) -> io::Result<String> {
        let mut found = String::new();
        self.read_spans(std::slice::from_ref(&span), |_, text| found = text)?;
        Ok(found)
    }

    /// Hands the text of each span to `visit`; spans are ascending and may overlap.
    ///
    /// Seeks in a plain file, reads a compressed one from its start to the last span. Bytes that are not UTF-8 are
    /// replaced; in the spans of records there are none.
    ///
    /// # Errors
    ///
    /// When reading fails, or the file ends before the last span: it was cut since its index was made.
    pub fn read_spans(
        &self,
        spans: &[Range<u64>],
        mut visit: impl FnMut(usize, String),
    ) -> io::Result<()> {
        let mut give = |at, bytes: Vec<u8>| {
            let text = String::from_utf8(bytes)
                .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned());
            visit(at, text);
        };
        match &self.bytes {
            Bytes::Memory(bytes) => {
                let mut cursor = io::Cursor::new(bytes);
                read_by_seeking(&mut cursor, spans, &mut give)
            }
            Bytes::Plain => {
                let mut file = File::open(&self.path)?;
                read_by_seeking(&mut file, spans, &mut give)
            }
            Bytes::Compressed(_) => read_by_skipping(&mut self.open()?, spans, &mut give),
        }
    }
}

/// How Codex takes a file of this name to be compressed (measured with 0.169.0).
pub(super) fn expected_compression(name: &str) -> Option<Compression> {
    name.ends_with(".zst").then_some(Compression::Zstd)
}

/// What is wrong with a file name that begins as those of rollouts do and tells another compression.
pub(super) fn misnomer(name: &str, compression: Option<Compression>) -> Option<String> {
    if !name.starts_with("rollout-") || compression == expected_compression(name) {
        return None;
    }
    let end = match name.rsplit_once(".jsonl") {
        Some((_, "")) => ".jsonl",
        Some((_, ".zst")) => ".jsonl.zst",
        _ => return None,
    };
    let bytes = match compression {
        Some(Compression::Zstd) => "compressed with zstd",
        Some(Compression::Gzip) => "compressed with gzip",
        None => "not compressed",
    };
    Some(format!(
        "the name ends in {end}, but the file is {bytes}: Codex refuses it"
    ))
}

fn read_by_seeking(
    source: &mut (impl Read + Seek),
    spans: &[Range<u64>],
    give: &mut impl FnMut(usize, Vec<u8>),
) -> io::Result<()> {
    for (at, span) in spans.iter().enumerate() {
        source.seek(SeekFrom::Start(span.start))?;
        give(at, read_exactly(source, span)?);
    }
    Ok(())
}

fn read_by_skipping(
    source: &mut impl Read,
    spans: &[Range<u64>],
    give: &mut impl FnMut(usize, Vec<u8>),
) -> io::Result<()> {
    let mut position = 0;
    let mut last: (Range<u64>, Vec<u8>) = (0..0, Vec::new());
    for (at, span) in spans.iter().enumerate() {
        let mut bytes = Vec::new();
        if span.start < position {
            let from = (span.start - last.0.start) as usize;
            let until = (span.end.min(last.0.end) - last.0.start) as usize;
            bytes.extend_from_slice(last.1.get(from..until).unwrap_or_default());
        } else {
            io::copy(
                &mut source.by_ref().take(span.start - position),
                &mut io::sink(),
            )?;
            position = span.start;
        }
        if span.end > position {
            bytes.extend(read_exactly(source, &(position..span.end))?);
            position = span.end;
        }
        last = (span.clone(), bytes.clone());
        give(at, bytes);
    }
    Ok(())
}

fn read_exactly(source: &mut impl Read, span: &Range<u64>) -> io::Result<Vec<u8>> {
    let length = span.end - span.start;
    let mut bytes = Vec::new();
    source.by_ref().take(length).read_to_end(&mut bytes)?;
    if (bytes.len() as u64) < length {
        let message = "the file is shorter than it was a moment ago";
        return Err(io::Error::new(io::ErrorKind::UnexpectedEof, message));
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_spans_by_seeking_and_by_skipping() {
        let bytes = b"0123456789";
        let spans = [1..3, 3..4, 6..10, 7..9];
        let expect = ["12", "3", "6789", "78"];
        let mut found = Vec::new();
        RolloutSource::memory("m", bytes.to_vec())
            .read_spans(&spans, |_, text| found.push(text))
            .unwrap();
        assert_eq!(found, expect);
        found.clear();
        read_by_skipping(&mut &bytes[..], &spans, &mut |_, bytes| {
            found.push(String::from_utf8(bytes).unwrap());
        })
        .unwrap();
        assert_eq!(found, expect);
    }

    #[test]
    fn says_when_the_file_was_cut() {
        let source = RolloutSource::memory("m", b"0123".to_vec());
        assert!(source.read_spans(&[0..2, 2..9], |_, _| {}).is_err());
    }
}
