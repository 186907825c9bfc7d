//! mitmproxy flow files: flows one after the other, each a typed netstring.

use std::ops::Range;

use super::super::{Capture, CaptureKind, CaptureProblem};
use super::mitmproxy_flow::FlowReader;
use super::tnetstring::{Tnet, TnetError, dict_end, parse_cut_dict, parse_tnet};

/// Whether a file that begins with these bytes is a mitmproxy flow file: a netstring that holds a dictionary with a
/// text as its first key.
pub fn detect_mitmproxy(head: &[u8]) -> bool {
    let length = |bytes: &[u8]| {
        let digits = bytes.iter().take_while(|b| b.is_ascii_digit()).count();
        (1..=12)
            .contains(&digits)
            .then_some(digits)
            .filter(|&digits| bytes.get(digits) == Some(&b':'))
    };
    length(head).is_some_and(|outer| {
        let inner = &head[outer + 1..];
        length(inner).is_some()
            && matches!(
                parse_tnet(inner, 0),
                Ok((Tnet::Text(_) | Tnet::Bytes(_), _))
            )
    })
}

/// Reads a flow file (those of mitmproxy 1 to 11 have this form). Damage costs the flows that it is in and no others.
pub fn read_mitmproxy(path: &str, bytes: &[u8]) -> Capture {
    let mut reader = Reader {
        path,
        bytes,
        flows: FlowReader::new(path),
        budget: bytes.len().saturating_mul(16),
    };
    let mut at = 0;
    while at < bytes.len() {
        at = reader.read_flow(at);
    }
    Capture {
        path: path.to_owned(),
        kind: CaptureKind::Mitmproxy,
        exchanges: reader.flows.exchanges,
        problems: reader.flows.problems,
    }
}

struct Reader<'a> {
    path: &'a str,
    bytes: &'a [u8],
    flows: FlowReader<'a>,
    /// Bytes that the search for the next flow behind damage may still look at: it keeps reading linear.
    budget: usize,
}

impl Reader<'_> {
    /// Reads the flow at `start`, or reports why it can't be read; gives the place to go on.
    fn read_flow(&mut self, start: usize) -> usize {
        let error = match parse_tnet(self.bytes, start) {
            Ok((flow, end)) => {
                self.flows.read(&flow, start as u64..end as u64);
                return end;
            }
            Err(error) => error,
        };
        // The length may still be right though something inside is not.
        let end = dict_end(self.bytes, start)
            .ok()
            .filter(|&end| end == self.bytes.len() || is_flow(self.bytes, end));
        let next = end.or_else(|| self.next_flow(start + 1));
        let to = next.unwrap_or(self.bytes.len());
        match error {
            TnetError::Truncated if next.is_none() => {
                let what_is_left = self.take_cut_flow(start);
                self.problem(
                    start..to,
                    "truncated",
                    format!(
                        "the file ends inside the flow that begins at byte {start}; {what_is_left}"
                    ),
                );
            }
            TnetError::Malformed(at) if at > start => self.problem(
                start..to,
                "torn",
                format!("the flow at byte {start} is broken at byte {at} and is lost"),
            ),
            _ => self.problem(
                start..to,
                if start == 0 && next.is_none() {
                    "garbage"
                } else {
                    "torn"
                },
                format!("the bytes from {start} to {to} are no mitmproxy flow"),
            ),
        }
        to
    }

    /// Takes what is complete of a flow that the file ends in, if its request is; says what that is.
    fn take_cut_flow(&mut self, start: usize) -> &'static str {
        match parse_cut_dict(self.bytes, start) {
            Some(flow) if flow.get("request").is_some() => {
                self.flows
                    .read(&flow, start as u64..self.bytes.len() as u64);
                "its request and response are complete and are used"
            }
            _ => "that flow is lost",
        }
    }

    /// The next place from which on a whole flow stands.
    fn next_flow(&mut self, from: usize) -> Option<usize> {
        let mut at = from;
        loop {
            let rest = self.bytes.get(at..)?;
            at += rest.iter().position(u8::is_ascii_digit)?;
            if let Ok(end) = dict_end(self.bytes, at) {
                self.budget = self.budget.checked_sub(end - at)?;
                if is_flow(self.bytes, at) {
                    return Some(at);
                }
            }
            // A flow's length has no leading part of its own: `123:` is tried at 1, 2 and 3, as any may be cut off.
            at += 1;
        }
    }

    fn problem(&mut self, span: Range<usize>, kind: &str, message: String) {
        self.flows.problems.push(CaptureProblem {
            path: self.path.to_owned(),
            span: span.start as u64..span.end as u64,
            kind: kind.to_owned(),
            message,
        });
    }
}

/// Whether a whole flow stands here. Dictionaries inside of a flow have no `version` beside a `type`, so that a part of
/// a broken flow is not taken for one.
fn is_flow(bytes: &[u8], at: usize) -> bool {
    parse_tnet(bytes, at)
        .is_ok_and(|(flow, _)| flow.get("type").is_some() && flow.get("version").is_some())
}
