//! Rules about how the history of a thread grows.

use super::Rule;
use crate::report::Level;

pub(super) const RULES: &[Rule] = &[
    Rule {
        name: "history-rewritten",
        level: Level::Error,
        example: "/request/body/input/*",
        means: "An item that an earlier request of the thread sent is gone or moved, or a new one stands before it.",
        matters: "The model reads another conversation than it took part in: a lost message of the user, or context that was not there \
             when it answered.",
        expectation: "Each input of Codex 0.115.0–0.169.0 and python-codex 0.1.2–0.5.1 begins with the whole input before it, over \
             restarts too. Only compaction, rollback and revert shorten it, and these are known by their summary, or because the \
             last message of the user and all that came of it are gone.",
    },
    Rule {
        name: "reasoning-dropped",
        level: Level::Error,
        example: "/request/body/input",
        means: "A reasoning item that was sent before is not sent any more.",
        matters: "The model loses what it had thought, which makes it slower and worse, and the API refuses a call whose reasoning \
             item is missing for some models.",
        expectation: "Codex 0.137.0 and python-codex 0.1.13 send reasoning items back in every later request until a compaction.",
    },
    Rule {
        name: "item-id-changed",
        level: Level::Warning,
        example: "/request/body/input/*/id",
        means: "An item is sent with another id than before, or without the one that it had.",
        matters: "Who joins requests by the ids of items loses it; the text of the prompt differs, and its cache is lost.",
        expectation: "Codex from 0.153 on sends ids, its own and the server's, and keeps them over turns and resumes; up to 0.137 it sends \
             none at all. python-codex 0.5.1 sends those of the server.",
    },
    Rule {
        name: "prompt-cache-broken",
        level: Level::Warning,
        example: "/request/body/input/*",
        means: "A request does not begin with the bytes of the one before it; the message says where they part and how many bytes are \
             sent anew because of it.",
        matters: "Prompts are cached by their beginning: all behind the first differing byte is read again, at full price and full wait.",
        expectation: "Inputs of Codex 0.115.0–0.169.0 and python-codex 0.1.2–0.5.1 extend each other byte for byte until a compaction or \
             rollback. Sizes are bytes of the items as JSON.",
    },
    Rule {
        name: "instructions-changed",
        level: Level::Warning,
        example: "/request/body/instructions",
        means: "The instructions differ from those of the request before, with the same model.",
        matters: "They stand before the whole conversation, so nothing of it is cached any more; and the model is told something else in \
             the middle of its work.",
        expectation: "Instructions are constant within a thread (Codex 0.115.0–0.153.4, python-codex 0.1.2–0.5.1). What changes is told by messages.",
    },
    Rule {
        name: "tools-changed",
        level: Level::Warning,
        example: "/request/body/tools",
        means: "The tools differ from those of the request before, with the same model.",
        matters: "Tools stand before the whole conversation, so nothing of it is cached any more; and the history may hold calls of a \
             tool that is gone.",
        expectation: "Tools are constant within a thread (Codex 0.115.0–0.169.0, python-codex 0.1.2–0.5.1). A compaction request may have none.",
    },
];
