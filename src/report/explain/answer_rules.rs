//! Rules about the answers of an endpoint beside the recorded ones: `trace-diff send`.

use super::Rule;
use crate::report::Level;

pub(super) const RULES: &[Rule] = &[
    Rule {
        name: "answer-missing",
        level: Level::Error,
        example: "/response/status",
        means: "The endpoint closes the connection without an answer.",
        matters: "Agents take it for a failure of the network and ask again, up to 30 times.",
        expectation: "Every request is answered, if only with an error.",
    },
    Rule {
        name: "answer-timed-out",
        level: Level::Error,
        example: "/response/end",
        means: "An answer has not ended within `--timeout`.",
        matters: "Codex gives a stream up in which nothing comes for five minutes and asks again; a stream that goes on for ever \
             is waited for.",
        expectation: "`--timeout`; a model may need more than that.",
    },
    Rule {
        name: "answer-cut",
        level: Level::Error,
        example: "/response/end",
        means: "The connection ends in the middle of an answer.",
        matters: "Agents ask again, five times with Codex, and all of it is paid for again.",
        expectation: "An answer comes to its end as HTTP goes; on a WebSocket, to its last event.",
    },
    Rule {
        name: "answer-status",
        level: Level::Error,
        example: "/response/status",
        means: "A request is refused that was not refused with this status when it was recorded.",
        matters: "The agent's turn fails with it: the endpoint does not take what the agent sends.",
        expectation: "The recorded status. Where the recorded request failed for another reason, an answer is no finding.",
    },
    Rule {
        name: "answer-failed",
        level: Level::Error,
        example: "/response/events",
        means: "A response ends with `response.failed`, `response.incomplete` or `error`, and did not when it was recorded.",
        matters: "The agent asks again or ends the turn, by the code of the error.",
        expectation: "The recorded response was completed.",
    },
    Rule {
        name: "answer-empty",
        level: Level::Warning,
        example: "/response/events",
        means: "A response is completed without any item where the recorded one has some.",
        matters: "The agent ends the turn and has nothing to say.",
        expectation: "The recorded response. Codex takes items from `response.output_item.done` alone, so a server that lists them \
             only in `response.completed` delivers none.",
    },
    Rule {
        name: "answer-content-type",
        level: Level::Error,
        example: "/response/headers/content-type",
        means: "An answer is no event stream where `stream` was `true`, or no JSON where it was not.",
        matters: "Clients that go by it can't read the answer.",
        expectation: "The Responses API: `text/event-stream` for a stream, `application/json` for all else.",
    },
    Rule {
        name: "answer-unreadable",
        level: Level::Error,
        example: "/response/events/*/data/item",
        means: "Codex can't read an item, an event or the usage: a type it does not know, or a field that is missing or of another type.",
        matters: "An item that can't be read is dropped without a word: text is shown and forgotten, a call never runs. Where \
             `response.completed` can't be read, the whole request is made again.",
        expectation: "The types of fields as Codex 0.169.0 reads them, measured on it. What the recorded answers do, too, is no finding.",
    },
    Rule {
        name: "answer-event-missing",
        level: Level::Warning,
        example: "/response/events",
        means: "An item, or a response, is told without events that every recorded one of its type has. A note for events that Codex \
             passes over.",
        matters: "The user does not see the text as it comes, or a client that builds the response event by event loses it.",
        expectation: "All recorded answers have them. What an item does not have, such as a text, needs no event.",
    },
    Rule {
        name: "answer-event-unknown",
        level: Level::Note,
        example: "/response/events/*/data",
        means: "An event is none of the Responses API and stands in no recorded answer.",
        matters: "Codex passes over it; pycodex asks again where the data of an event are no JSON.",
        expectation: "The events of the Responses API.",
    },
    Rule {
        name: "answer-field-missing",
        level: Level::Warning,
        example: "/response/events/*/data/item",
        means: "Something lacks fields that every recorded one of its kind has. A note for fields that Codex does not read.",
        matters: "What is read and not there is lost, such as reasoning without `encrypted_content`, which is not sent back.",
        expectation: "All recorded answers have them.",
    },
    Rule {
        name: "answer-field-type",
        level: Level::Warning,
        example: "/response/events/*/data/item",
        means: "A field has another type than in every recorded answer. A note for fields that Codex does not read, or reads all the same.",
        matters: "A strict reader gives up at it.",
        expectation: "The types in the recorded answers.",
    },
    Rule {
        name: "answer-field-added",
        level: Level::Note,
        example: "/response/events/*/data/item",
        means: "Something has fields that no recorded one of its kind has and Codex does not read.",
        matters: "Agents drop them: they do not come back with the next request.",
        expectation: "The recorded answers.",
    },
    Rule {
        name: "answer-header-missing",
        level: Level::Note,
        example: "/response/headers",
        means: "The head lacks fields that Codex reads and every recorded answer has.",
        matters: "Limits are not shown, the list of models is not fetched again, requests of one turn may go to different machines.",
        expectation: "The recorded answers.",
    },
    Rule {
        name: "answer-call-id-reused",
        level: Level::Error,
        example: "/response/events/*/data/item/call_id",
        means: "A call has the id of a call in an earlier answer.",
        matters: "In a session both stand in the history, and outputs can't be told apart.",
        expectation: "The Responses API: an id for each call. Answers to the same request again may repeat theirs.",
    },
    Rule {
        name: "answer-no-websocket",
        level: Level::Note,
        example: "/response/status",
        means: "The endpoint opens no WebSocket where the recorded one did; its requests were sent over HTTP, each with its whole history.",
        matters: "Codex does the same when it is told so with 426, and sends all of the history with each request.",
        expectation: "The recorded handshake.",
    },
];
