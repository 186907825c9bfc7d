//! The report as JSON.

use std::io::{self, Write};

use serde::Serialize;

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

/// An outline with what contracts say of it.
#[derive(Serialize)]
struct Checked<'a> {
    #[serde(flatten)]
    outline: &'a Outline,
    check: &'a Report,
}

/// Writes an outline as [`render_session_json`] does, with a report under `check`.
///
/// # Errors
///
/// When writing fails.
pub fn render_checked_session_json(
    outline: &Outline,
    check: &Report,
    out: &mut impl Write,
) -> io::Result<()> {
    serde_json::to_writer_pretty(&mut *out, &Checked { outline, check })?;
    out.write_all(b"\n")
}
