//! Opening what the user names: files, standard input, compressed or not.

use std::fs::File;
use std::io::{self, BufReader, Cursor, Read};
use std::path::Path;

use anyhow::Context;
use flate2::read::MultiGzDecoder;
use ruzstd::decoding::StreamingDecoder;

use crate::exit::Failure;

/// Enough to recognise a compressed file.
const MAGIC: usize = 4;

/// Opens a file for one pass; `-` is standard input. gzip and zstd are recognised by content and read transparently.
pub(crate) fn open(path: &Path) -> Result<Box<dyn Read>, Failure> {
    if path.as_os_str() == "-" {
        return decoded(io::stdin().lock())
            .context("failed to read standard input")
            .map_err(Failure::new);
    }
    let what = || format!("failed to read {}", path.display());
    let file = File::open(path).with_context(what).map_err(|error| {
        Failure::new(error).with_hint("check the path, or use - for standard input")
    })?;
    if file.metadata().is_ok_and(|metadata| metadata.is_dir()) {
        return Err(
            Failure::new(anyhow::anyhow!("{} is a directory", path.display()))
                .with_hint("name the files in it"),
        );
    }
    decoded(file).with_context(what).map_err(Failure::new)
}

fn decoded(mut source: impl Read + 'static) -> io::Result<Box<dyn Read>> {
    let mut magic = Vec::with_capacity(MAGIC);
    source.by_ref().take(MAGIC as u64).read_to_end(&mut magic)?;
    let is_gzip = magic.starts_with(&[0x1f, 0x8b]);
    let is_zstd = magic.starts_with(&[0x28, 0xb5, 0x2f, 0xfd]);
    let whole = Cursor::new(magic).chain(source);
    Ok(if is_gzip {
        Box::new(MultiGzDecoder::new(whole))
    } else if is_zstd {
        Box::new(ZstdFrames::new(BufReader::new(whole))?)
    } else {
        Box::new(whole)
    })
}

/// All frames of a zstd file, one behind the other.
struct ZstdFrames<R: io::BufRead> {
    /// `None` at the end of the file.
    frame: Option<StreamingDecoder<R, ruzstd::decoding::FrameDecoder>>,
}

impl<R: io::BufRead> ZstdFrames<R> {
    fn new(source: R) -> io::Result<Self> {
        let frame = StreamingDecoder::new(source).map_err(io::Error::other)?;
        Ok(Self { frame: Some(frame) })
    }
}

impl<R: io::BufRead> Read for ZstdFrames<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while let Some(frame) = &mut self.frame {
            let count = frame.read(buffer)?;
            if count > 0 || buffer.is_empty() {
                return Ok(count);
            }
            let mut source = self.frame.take().map(StreamingDecoder::into_inner);
            if let Some(source) =
                source.take_if(|source| source.fill_buf().map_or(true, |rest| !rest.is_empty()))
            {
                self.frame = Some(StreamingDecoder::new(source).map_err(io::Error::other)?);
            }
        }
        Ok(0)
    }
}
