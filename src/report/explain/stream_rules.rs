//! Rules about the events of a response: the server's side.

use super::Rule;
use crate::report::Level;

pub(super) const RULES: &[Rule] = &[
    Rule {
        name: "stream-event-order",
        level: Level::Error,
        example: "/response/events/*/data",
        means: "An event stands where the Responses API does not send it: `response.created` behind others, a part behind the \
             end of its item, a `sequence_number` that does not go up.",
        matters: "Clients that build the response event by event lose it or stop; clients that only read finished items do \
             not notice.",
        expectation: "The Responses API: created, then items one by one, each added, filled and done, then the end. Unknown \
             events may stand anywhere.",
    },
    Rule {
        name: "stream-end-missing",
        level: Level::Error,
        example: "/response/events",
        means: "A stream came to its end as HTTP goes and has no terminal event.",
        matters: "Agents take the response for broken and ask again: five times with Codex, and all of it is paid for again.",
        expectation: "A stream ends with `response.completed`, `response.failed` or `response.incomplete`. A stream that the \
             network cut is not meant.",
    },
    Rule {
        name: "stream-end-doubled",
        level: Level::Error,
        example: "/response/events/*/data",
        means: "A response ends twice.",
        matters: "Agents read no further than the first end: what the second says, such as another usage, is lost.",
        expectation: "One terminal event. Codex 0.169.0 does not read what follows `response.completed`.",
    },
    Rule {
        name: "stream-event-after-end",
        level: Level::Error,
        example: "/response/events/*/data",
        means: "An event that belongs to the response comes behind its end.",
        matters: "Agents stop reading at the end, so an item that comes behind it is lost.",
        expectation: "The terminal event is the last one. Events of unknown types and `[DONE]` may follow.",
    },
    Rule {
        name: "stream-id-changed",
        level: Level::Error,
        example: "/response/events/*/data/response/id",
        means: "The id of a response is missing at its end, or differs between its events.",
        matters: "Codex can't read a `response.completed` without an id and asks again; over a WebSocket the next request \
             names the wrong response.",
        expectation: "One id per response. Codex 0.169.0 requires it in `response.completed`.",
    },
    Rule {
        name: "stream-item-unfinished",
        level: Level::Error,
        example: "/response/events/*/data",
        means: "An item was added, and the response was completed without its `response.output_item.done`.",
        matters: "`output_item.done` is all that agents put into their history: the text was shown and is forgotten, a call is \
             never run.",
        expectation: "Every item that is added is done before `response.completed`.",
    },
    Rule {
        name: "stream-item-doubled",
        level: Level::Error,
        example: "/response/events/*/data",
        means: "One item is done twice.",
        matters: "Agents take both into their history; a call runs twice.",
        expectation: "One `response.output_item.done` for each item.",
    },
    Rule {
        name: "stream-index",
        level: Level::Error,
        example: "/response/events/*/data/output_index",
        means: "`output_index` or `item_id` of an event does not lead to its item, or items are not counted from 0.",
        matters: "Clients put texts of several items together wrongly, or stop at an item that they do not know.",
        expectation: "The Responses API: items are counted in the order in which they are added, and events about an item \
             repeat its index and id. Servers that only send finished items are not asked for it.",
    },
    Rule {
        name: "stream-delta-sum",
        level: Level::Error,
        example: "/response/events/*/data/item/arguments",
        means: "The deltas of a text or of arguments do not add up to what the finished item holds.",
        matters: "The user sees other words than the model will be shown; arguments run otherwise than they were streamed.",
        expectation: "The Responses API: the `.done` events and the item hold the sum of the deltas.",
    },
    Rule {
        name: "stream-output-differs",
        level: Level::Error,
        example: "/response/events/*/data/response/output",
        means: "The list of items in the terminal event is another one than that of the items that were done.",
        matters: "Clients that read the end alone see another response than those that read the stream.",
        expectation: "The Responses API: `response.output` lists the items of the stream. An empty or missing list is no finding.",
    },
    Rule {
        name: "stream-usage-missing",
        level: Level::Warning,
        example: "/response/events/*/data/response/usage",
        means: "A response was completed without usage.",
        matters: "Codex then counts nothing: it never compacts by itself, and runs into the limit of the model.",
        expectation: "`usage` in `response.completed`; a request that only warms up a connection has none.",
    },
];
