//! What goes to standard output.

use std::io::{self, Write};

use anyhow::Context;

use crate::exit::{Outcome, Status};

/// Writes a text that is at hand as a whole; the command is then done, with nothing found.
pub(crate) fn write(text: &[u8]) -> Outcome {
    let mut out = io::stdout().lock();
    out.write_all(text)
        .and_then(|()| out.flush())
        .context("failed to write to standard output")?;
    Ok(Status::Clean)
}
