//! Secrets never reach a report.

use crate::capture::{Capture, Headers, Redactor};

use super::Finding;

/// Replaces secrets in what a report says by `<secret 1>`, `<secret 2>`, ….
pub(super) struct Mask {
    redactor: Redactor,
}

impl Mask {
    /// Learns the secrets that stand in the headers of captures, to know them elsewhere.
    pub(super) fn new(captures: &[&Capture]) -> Self {
        let mut redactor = Redactor::new();
        let mut learn = |headers: Option<&Headers>| {
            for header in headers.iter().flat_map(|headers| headers.list.iter()) {
                redactor.header(&header.name, &header.value);
            }
        };
        for exchange in captures.iter().flat_map(|capture| &capture.exchanges) {
            learn(exchange.request.headers.as_option());
            learn(exchange.response.headers.as_option());
        }
        Self { redactor }
    }

    /// A text without its secrets.
    pub(super) fn text(&mut self, text: &str) -> String {
        self.redactor.excerpt(text)
    }

    /// Takes the secrets out of all that a finding says.
    pub(super) fn finding(&mut self, finding: &mut Finding) {
        finding.message = self.redactor.excerpt(&finding.message);
        for subject in [&mut finding.subject, &mut finding.beside] {
            let named = subject.take();
            *subject = named.map(|named| named.map(|text| self.redactor.excerpt(text)));
        }
        let values = [&mut finding.baseline, &mut finding.candidate];
        for text in values.into_iter().flatten().chain(&mut finding.detail) {
            *text = self.redactor.excerpt(text);
        }
    }
}
