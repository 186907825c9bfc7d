//! What an answer calls itself and its items: the same in every run of a script.

use base64::Engine;
use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::StepId;

/// The time that responses of a script bear, so that they are the same in every run: 2026-09-21.
const CREATED_AT: u64 = 1_790_000_000;

/// Stands for the number in [`Names::open`]: a character that nobody else uses.
pub(super) const OPEN_NUMBER: char = '\u{e000}';
/// Stands for the time in [`Names::open`].
pub(super) const OPEN_TIME: &str = "18446744073709551615";

/// The names of one answer.
#[derive(Debug, Clone)]
pub(super) struct Names {
    /// `0003` for step 3, `0003_2` when it answers for the second time.
    number: String,
    /// Counts answers for what must only be plausible.
    ordinal: u64,
}

impl Names {
    /// The names of the `count`-th answer (from 1) of a part of a script.
    pub(super) fn new(step: StepId, count: u32) -> Self {
        let (prefix, ordinal) = match step {
            StepId::Step(index) => ("", index as u64 + 1),
            StepId::Default(index) => ("d", index as u64 + 1),
            StepId::BuiltIn => ("b", 0),
            StepId::Refused => ("r", 0),
            StepId::Violation => ("v", 0),
        };
        let mut number = match ordinal {
            0 => prefix.to_owned(),
            ordinal => format!("{prefix}{ordinal:04}"),
        };
        if ordinal == 0 || count > 1 {
            number.push_str(&format!("{}{count}", if ordinal == 0 { "" } else { "_" }));
        }
        Self {
            number,
            ordinal: ordinal + u64::from(count) - 1,
        }
    }

    /// Names in which number and time are left open.
    pub(super) fn open() -> Self {
        Self {
            number: OPEN_NUMBER.to_string(),
            ordinal: u64::MAX - CREATED_AT,
        }
    }

    /// What tells its names from those of other answers.
    pub(super) fn number(&self) -> &str {
        &self.number
    }

    pub(super) fn response_id(&self) -> String {
        format!("resp_{}", self.number)
    }

    pub(super) fn request_id(&self) -> String {
        format!("req_{}", self.number)
    }

    /// The id of an item by its type and its place in the output, from 0.
    pub(super) fn item_id(&self, kind: &str, index: usize) -> String {
        // Prefixes as the API's own (codex-facts, section 2: ids of codex 0.169.0).
        let prefix = match kind {
            "message" => "msg",
            "reasoning" => "rs",
            "function_call" => "fc",
            "custom_tool_call" => "ctc",
            "local_shell_call" => "lsh",
            "web_search_call" => "ws",
            "image_generation_call" => "ig",
            "tool_search_call" => "tsc",
            "compaction" | "context_compaction" | "compaction_summary" => "cmp",
            "additional_tools" => "at",
            _ => "item",
        };
        format!("{prefix}_{}_{}", self.number, index + 1)
    }

    pub(super) fn call_id(&self, index: usize) -> String {
        format!("call_{}_{}", self.number, index + 1)
    }

    pub(super) fn created_at(&self) -> u64 {
        CREATED_AT + self.ordinal
    }
}

/// A text that looks like encrypted content; the same for the same id.
pub(super) fn encrypted(id: &str) -> String {
    const WORDS: u64 = 12;
    let bytes: Vec<u8> = (0..WORDS)
        .flat_map(|word| xxh3_64_with_seed(id.as_bytes(), word).to_be_bytes())
        .collect();
    let text = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(bytes);
    format!("gAAAAAB{text}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_tell_steps_and_repeats_apart() {
        let check = |step, count, id: &str| {
            assert_eq!(Names::new(step, count).response_id(), id);
        };
        check(StepId::Step(2), 1, "resp_0003");
        check(StepId::Step(2), 2, "resp_0003_2");
        check(StepId::Default(0), 1, "resp_d0001");
        check(StepId::BuiltIn, 1, "resp_b1");
        check(StepId::BuiltIn, 12, "resp_b12");
        let names = Names::new(StepId::Step(0), 1);
        assert_eq!(names.item_id("function_call", 1), "fc_0001_2");
        assert_eq!(names.call_id(1), "call_0001_2");
        assert_eq!(encrypted("rs_1"), encrypted("rs_1"));
        assert_ne!(encrypted("rs_1"), encrypted("rs_2"));
    }
}
