//! Files of capture formats that are directories: one JSON value each.

use crate::json::Value;

use super::super::place::Lines;
use super::super::salvage::salvage;
use super::super::{CaptureProblem, FilePlace};

/// One file of a capture that is a directory, decompressed.
#[derive(Debug, Clone)]
pub struct Member {
    /// Path of the file.
    pub path: String,
    /// Its content.
    pub bytes: Vec<u8>,
}

impl Member {
    /// The file name without directories.
    pub(super) fn file_name(&self) -> &str {
        self.path.rsplit(['/', '\\']).next().unwrap_or(&self.path)
    }

    /// The number that the file name begins with.
    pub(super) fn number(&self) -> Option<u64> {
        let name = self.file_name();
        let digits = name.bytes().take_while(u8::is_ascii_digit).count();
        name[..digits].parse().ok()
    }

    /// Where the value of this file stands.
    pub(super) fn place(&self) -> FilePlace {
        Lines::new().place(&self.path, &self.bytes, 0)
    }

    /// A problem that concerns this file from a byte on.
    pub(super) fn problem(&self, from: usize, kind: &str, message: String) -> CaptureProblem {
        CaptureProblem {
            path: self.path.clone(),
            span: from as u64..self.bytes.len() as u64,
            kind: kind.to_owned(),
            message,
        }
    }

    /// The JSON value of the file; of a broken one, the members before the damage. `may_stay` is as for [`salvage`].
    pub(super) fn value(
        &self,
        problems: &mut Vec<CaptureProblem>,
        may_stay: impl Fn(&[&str]) -> bool,
    ) -> Option<Value> {
        let text = super::super::records::valid_prefix(&self.bytes);
        let error = match Value::parse(text) {
            Ok(value) if text.len() == self.bytes.len() => return Some(value),
            Ok(_) => None,
            Err(error) => Some(error),
        };
        let at = error.map_or(text.len(), |error| error.offset);
        let what = error.map_or_else(
            || format!("bytes that are not UTF-8 at byte {at}"),
            |error| error.to_string(),
        );
        let salvaged = salvage(&text[..at.min(text.len())], may_stay);
        let meaning = match &salvaged {
            Some(salvaged) => format!("what stands before byte {} is used", salvaged.used),
            None => "nothing of the file can be used".to_owned(),
        };
        let kind = if at >= self.bytes.len() {
            "truncated"
        } else {
            "torn"
        };
        problems.push(self.problem(at.min(self.bytes.len()), kind, format!("{what}; {meaning}")));
        salvaged.map(|salvaged| salvaged.value)
    }
}
