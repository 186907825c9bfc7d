//! Rules about what was sent and delivered against what is on disk.

use super::Rule;
use crate::report::Level;

pub(super) const RULES: &[Rule] = &[
    Rule {
        name: "rollout-input-missing",
        level: Level::Error,
        example: "/request/body/input",
        means: "An item of the history that the rollout makes was not sent.",
        matters: "The model does not see what the session holds: it forgets, or sees another conversation after the next \
             resume than it saw live.",
        expectation: "The rollout is what a resume rebuilds the history from. Seen with every request of Codex \
             0.115.0–0.169.0 and python-codex 0.1.13–0.5.1: the input is the history as of one point of the file.",
    },
    Rule {
        name: "rollout-input-added",
        level: Level::Error,
        example: "/request/body/input/*",
        means: "A request sends an item that the rollout does not have.",
        matters: "A resumed or forked session will lack it, and the prompt cache is lost there.",
        expectation: "As for `rollout-input-missing`. Never on disk, and no finding: base instructions that are only in the \
             prompt (Codex 0.153 with lite models, 0.169), contexts that python-codex builds for each request, outputs \
             `aborted` for calls without one, what asks for a compaction.",
    },
    Rule {
        name: "rollout-input-changed",
        level: Level::Error,
        example: "/request/body/input/*",
        means: "An item is sent otherwise than it stands in the rollout.",
        matters: "A resume sends another text than the session did: the model sees other words, and the prompt cache is \
             lost from there on.",
        expectation: "As for `rollout-input-missing`. Members that versions drop on the way (ids up to 0.137, `status`, \
             `annotations`, `logprobs`) count where both have them; outputs may be cut in the middle, or be the text of \
             what is JSON on disk (up to 0.125).",
    },
    Rule {
        name: "rollout-input-order",
        level: Level::Error,
        example: "/request/body/input/*",
        means: "An item is sent at another place than it has in the rollout.",
        matters: "The model reads the conversation in another order than a resume will show it.",
        expectation: "The order of records in the file is the order of the history, in every version of Codex.",
    },
    Rule {
        name: "rollout-delivery-missing",
        level: Level::Error,
        example: "/response/events/*/data/item",
        means: "A response that was completed delivered an item that the rollout does not have.",
        matters: "The answer or call is lost for every resume; a call's output then is an orphan and dropped too.",
        expectation: "Codex 0.115.0–0.169.0 and python-codex 0.1.13–0.5.1 write every item of a completed response that they \
             can read. Items of a response that broke off may be there or not.",
    },
    Rule {
        name: "rollout-delivery-changed",
        level: Level::Error,
        example: "/response/events/*/data/item",
        means: "An item stands otherwise in the rollout than a response delivered it.",
        matters: "From the next request on the model is shown something that it did not say, such as other arguments of a \
             call.",
        expectation: "Agents keep texts, names, arguments and call ids byte for byte, in all versions seen.",
    },
    Rule {
        name: "rollout-item-invented",
        level: Level::Error,
        example: "/response",
        means: "The rollout has an item of the model that no response of the capture delivered.",
        matters: "The model is shown words or calls that are not its own; or the capture lacks a response.",
        expectation: "Only turns that have a request in the capture are looked at, and in a damaged capture it is a note.",
    },
    Rule {
        name: "rollout-compaction-changed",
        level: Level::Error,
        example: "/request/body/input/*",
        means: "The record of a compaction does not hold what was delivered before it or is sent after it.",
        matters: "A resume goes on from the record alone: everything before it is read no more, so what is wrong in it \
             can't be repaired.",
        expectation: "The replacement history is what the next request sends, without base instructions, and holds the \
             summary or the `compaction` item that the response delivered (Codex 0.115.0–0.169.0, local and remote; \
             python-codex 0.1.13–0.5.1).",
    },
    Rule {
        name: "rollout-usage-changed",
        level: Level::Error,
        example: "/response/events/*/data/response/usage",
        means: "The rollout has other numbers of tokens than the response told of.",
        matters: "When to compact is decided by them, and what is shown as used is wrong.",
        expectation: "`token_usage_record` since Codex 0.153, the last `token_count` event before. python-codex keeps none.",
    },
    Rule {
        name: "rollout-usage-missing",
        level: Level::Warning,
        example: "/response/events/*/data/response/usage",
        means: "The rollout has no record of the tokens of a completed response.",
        matters: "Sums over the thread are too small after a resume.",
        expectation: "Codex 0.153 and later write a `token_usage_record` for each completed response, compactions included.",
    },
    Rule {
        name: "rollout-id-changed",
        level: Level::Error,
        example: "/request/headers/x-codex-turn-metadata",
        means: "A request names another thread, session, turn or context window than the rollout.",
        matters: "What belongs together on the server's side and on disk can't be found together; a cache key that is \
             wrong costs the cache.",
        expectation: "`x-codex-turn-metadata` and the records of the same turn agree in Codex 0.115.0–0.169.0.",
    },
    Rule {
        name: "rollout-lineage-broken",
        level: Level::Warning,
        example: "",
        means: "A rollout goes on from another file that is missing, damaged or not what it should be.",
        matters: "The history begins with what that file holds, so all of it is missing or doubtful here.",
        expectation: "Codex 0.153 and later do not copy what a fork or a revert inherits; `history_base` names the file and \
             its end.",
    },
    Rule {
        name: "rollout-missing",
        level: Level::Note,
        example: "",
        means: "A thread of the capture has no rollout among those that were named.",
        matters: "Nothing of it was compared with the disk.",
        expectation: "Sub-agents of python-codex, reviews and memory requests leave none; else the file was not named.",
    },
    Rule {
        name: "rollout-unused",
        level: Level::Note,
        example: "",
        means: "A rollout was named of whose thread the capture has no request.",
        matters: "It was not compared with anything.",
        expectation: "A session that was recorded in another capture, or one that never asked the model.",
    },
    Rule {
        name: "rollout-not-compared",
        level: Level::Note,
        example: "/request",
        means: "A request could not be compared with the rollout, or is of a kind that leaves nothing on disk.",
        matters: "Nothing is known of it.",
        expectation: "Over a WebSocket a request goes on from a response; without that in the capture its input is not \
             known. Requests that warm up a connection are never on disk.",
    },
];
