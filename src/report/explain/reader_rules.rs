//! Rules about what could not be read.

use super::Rule;
use crate::report::Level;

pub(super) const RULES: &[Rule] = &[
    Rule {
        name: "reader-truncated",
        level: Level::Error,
        example: "",
        means: "The file ends inside a record.",
        matters: "What the record would have said is missing; all before it is used.",
        expectation: "The recorder was stopped or the disk was full. Capture formats are appended to record by \
             record.",
    },
    Rule {
        name: "reader-torn",
        level: Level::Error,
        example: "",
        means: "A record in the middle of the file is broken off.",
        matters: "It is left out; reading goes on at the next complete record.",
        expectation: "A writer that died and another that went on in the same file, or two writers at once.",
    },
    Rule {
        name: "reader-headless",
        level: Level::Error,
        example: "",
        means: "A record lacks its beginning.",
        matters: "It is left out; reading goes on at the next complete record.",
        expectation: "A file that was cut at its front, or two writers at once.",
    },
    Rule {
        name: "reader-garbage",
        level: Level::Error,
        example: "",
        means: "There are bytes that are no JSON.",
        matters: "They are left out; if they were a record once, it is missing.",
        expectation: "Log lines or other programs' output in the file, or damage.",
    },
    Rule {
        name: "reader-nul",
        level: Level::Error,
        example: "",
        means: "There is a run of NUL bytes.",
        matters: "What was to be written there is missing.",
        expectation: "File systems leave such runs after a crash, where space was reserved and not written.",
    },
    Rule {
        name: "reader-invalid-utf8",
        level: Level::Error,
        example: "",
        means: "A record holds bytes that are no UTF-8.",
        matters: "It is left out: its text would have to be guessed.",
        expectation: "RFC 8259, section 8.1: JSON is UTF-8.",
    },
    Rule {
        name: "reader-bom",
        level: Level::Warning,
        example: "",
        means: "There is a byte order mark.",
        matters: "Nothing is lost; other readers refuse the file.",
        expectation: "RFC 8259, section 8.1, forbids to write one. Files joined with `cat` have them in the middle.",
    },
    Rule {
        name: "reader-stray-closer",
        level: Level::Error,
        example: "",
        means: "There is a closing bracket without an opening one.",
        matters: "It may be the end of a record whose beginning is missing.",
        expectation: "Damage, or a hand-made edit.",
    },
    Rule {
        name: "reader-incomplete-exchange",
        level: Level::Error,
        example: "",
        means: "A request has no response in the capture, or the other way round.",
        matters: "What was recorded is compared; the rest is taken as not recorded.",
        expectation: "The recorder was stopped while the exchange was going on.",
    },
    Rule {
        name: "reader-unknown-version",
        level: Level::Error,
        example: "",
        means: "The file says that it is of a version that this program does not know.",
        matters: "Records whose meaning is unknown are not used.",
        expectation: "A newer program wrote it; use that one or a newer trace-diff.",
    },
    Rule {
        name: "reader-damaged-compression",
        level: Level::Error,
        example: "",
        means: "A compressed file or body could not be decompressed to its end.",
        matters: "What came out before the damage is used.",
        expectation: "The file was cut, or the recorder stopped before it finished the compressed stream.",
    },
];
