//! Faults in how an answer travels.

use super::fields::Reader;
use super::tree::{Tree, TreeKind};
use crate::script::fault::{BadChunk, ContentLength, FaultKind};

impl Reader<'_> {
    pub(super) fn content_length(&mut self, tree: &Tree) -> Option<ContentLength> {
        if let TreeKind::String(text) = &tree.kind {
            let signed = text.parse().ok().filter(|_| text.starts_with(['+', '-']));
            if signed.is_none() {
                let hint =
                    "write a number, or \"+5\" and \"-5\" for more and less than the body has";
                self.report(&tree.span, "`content_length` is no length", hint.to_owned());
            }
            return signed.map(ContentLength::More);
        }
        self.integer_of(tree, "content_length", 0)
            .map(ContentLength::Exactly)
    }

    pub(super) fn bad_chunk(&mut self, tree: &Tree) -> Option<FaultKind> {
        let inner = self.table(tree, "`bad_chunk`")?;
        self.check_keys(inner, &["after_event", "kind"], "`bad_chunk`");
        let words = [
            ("size", BadChunk::Size),
            ("end", BadChunk::End),
            ("longer", BadChunk::Longer),
            ("shorter", BadChunk::Shorter),
        ];
        let kind = match inner.get("kind") {
            Some(tree) => self.word(tree, "kind", &words)?,
            None => BadChunk::Size,
        };
        let after_event = self.required_count(inner, "after_event")?;
        Some(FaultKind::BadChunk { kind, after_event })
    }

    pub(super) fn chunks(&mut self, tree: &Tree) -> Option<FaultKind> {
        let (sizes, every) = match &tree.kind {
            TreeKind::Table(_) => {
                let inner = self.table(tree, "`chunks`")?;
                self.check_keys(inner, &["sizes", "every"], "`chunks`");
                (
                    inner.get("sizes").unwrap_or(tree),
                    self.duration(inner, "every"),
                )
            }
            _ => (tree, None),
        };
        let sizes = match &sizes.kind {
            TreeKind::String(_) => self
                .word(sizes, "chunks", &[("random", ())])
                .map(|()| Vec::new())?,
            _ => {
                let items = self.one_or_more(sizes);
                let sizes: Option<Vec<u32>> = items
                    .iter()
                    .map(|item| self.integer_of(item, "sizes", 1).map(|size| size as u32))
                    .collect();
                let sizes = sizes?;
                if sizes.is_empty() {
                    self.report(&tree.span, "`chunks` has no sizes", None);
                    return None;
                }
                sizes
            }
        };
        let every = every.unwrap_or_default();
        Some(FaultKind::Chunks { sizes, every })
    }

    pub(super) fn slow_head(&mut self, tree: &Tree) -> Option<FaultKind> {
        if !matches!(tree.kind, TreeKind::Table(_)) {
            let wait = self.duration_of(tree, "slow_head")?;
            return Some(FaultKind::SlowHead { wait, drip: None });
        }
        let inner = self.table(tree, "`slow_head`")?;
        self.check_keys(inner, &["wait", "bytes", "every"], "`slow_head`");
        let wait = self.duration(inner, "wait").unwrap_or_default();
        let drip = match (
            self.integer(inner, "bytes", 1),
            self.duration(inner, "every"),
        ) {
            (None, None) => None,
            (bytes, every) => Some((bytes.unwrap_or(1) as u32, every.unwrap_or_default())),
        };
        Some(FaultKind::SlowHead { wait, drip })
    }

    pub(super) fn close_frame(&mut self, tree: &Tree) -> Option<FaultKind> {
        let none = FaultKind::CloseFrame {
            code: None,
            reason: String::new(),
            after_event: None,
        };
        match &tree.kind {
            TreeKind::Bool(true) => Some(none),
            TreeKind::Number(_) => {
                let code = self.close_code(tree)?;
                Some(FaultKind::CloseFrame {
                    code: Some(code),
                    reason: String::new(),
                    after_event: None,
                })
            }
            _ => {
                let inner = self.table(tree, "`close`")?;
                self.check_keys(inner, &["code", "reason", "after_event"], "`close`");
                let code = inner.get("code").and_then(|tree| self.close_code(tree));
                let reason = self.string(inner, "reason").unwrap_or_default();
                if let Some(member) = inner.member("reason")
                    && reason.len() > 123
                {
                    self.report(
                        &member.value.span,
                        "a close frame holds 123 bytes of reason",
                        None,
                    );
                }
                Some(FaultKind::CloseFrame {
                    code,
                    reason,
                    after_event: self.count(inner, "after_event"),
                })
            }
        }
    }

    pub(super) fn close_code(&mut self, tree: &Tree) -> Option<u16> {
        let code = self.integer_of(tree, "code", 0)?;
        let code = u16::try_from(code).ok();
        if code.is_none() {
            self.report(&tree.span, "a close code is a number up to 65535", None);
        }
        code
    }
}
