//! The beginning of a page, with the policy that allows what is in it and nothing else.

use std::io::{self, Write};

use super::parts::escaped;

/// Something of ours that stands in a page.
#[derive(Debug, Clone, Copy)]
pub(in crate::report) struct Asset {
    pub(in crate::report) text: &'static str,
    /// SHA-256 of the text in base64, by which the page's policy allows it.
    pub(in crate::report) digest: &'static str,
}

/// The style of all pages.
pub(in crate::report) const STYLE: Asset = Asset {
    text: include_str!("page.css"),
    digest: "nU244GwfUySXmm6IrLZuTBhryDfLO3uQNXHn7r1LwTY=",
};

/// Writes everything up to `<body>`; `title` is plain text.
pub(in crate::report) fn write_head(
    title: &str,
    styles: &[Asset],
    script: Option<Asset>,
    out: &mut impl Write,
) -> io::Result<()> {
    let digests = styles
        .iter()
        .map(|style| format!(" 'sha256-{}'", style.digest));
    let digests: String = digests.collect();
    let script = script.map_or(String::new(), |script| {
        format!(" script-src 'sha256-{}';", script.digest)
    });
    let title = escaped(title);
    write!(
        out,
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src{digests};{script} \
         base-uri 'none'; form-action 'none'\">\n\
         <meta name=\"referrer\" content=\"no-referrer\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>trace-diff: {title}</title>\n"
    )?;
    for style in styles {
        writeln!(out, "<style>{}</style>", style.text)?;
    }
    writeln!(out, "</head>\n<body>")
}
