//! The report as JSON.

use std::io::{self, Write};

use crate::outline::Outline;

use super::Report;

/// Writes the report as indented JSON with a newline at its end; equal reports give equal bytes.
///
/// # Errors
///
/// When writing fails.
pub fn render_json(report: &Report, out: &mut impl Write) -> io::Result<()> {
    serde_json::to_writer_pretty(&mut *out, report)?;
    out.write_all(b"\n")
}

/// Writes an outline as indented JSON with a newline at its end; equal outlines give equal bytes.
///
/// # Errors
///
/// When writing fails.
pub fn render_session_json(outline: &Outline, out: &mut impl Write) -> io::Result<()> {
    serde_json::to_writer_pretty(&mut *out, outline)?;
    out.write_all(b"\n")
}
