//! Rules about compactions: when they come, how they are asked for, what is left behind them.

use super::Rule;
use crate::report::Level;

pub(super) const RULES: &[Rule] = &[
    Rule {
        name: "compaction-missing",
        level: Level::Error,
        example: "/request/body/input",
        means: "A request is sent without a compaction before it, though one was due, and none follows.",
        matters: "The history grows until the model refuses it, and the session can't go on.",
        expectation: "Codex 0.125.0–0.169.0 and python-codex 0.1.13–0.5.1 compact before the next request once `usage.total_tokens` \
             reaches the limit, in the middle of a turn, too, but not behind its last answer; Codex also before the turn that \
             follows one which was too long for the model, python-codex in the same turn, once. The limit is that of the \
             profile (`[compaction] limit`), else at most what another automatic compaction of the thread came at.",
    },
    Rule {
        name: "compaction-late",
        level: Level::Error,
        example: "/request/body/input",
        means: "A request is sent without a compaction before it, though one was due; it comes later.",
        matters: "The requests in between may be refused as too long, and cost what the compaction was to save.",
        expectation: "As for `compaction-missing`.",
    },
    Rule {
        name: "compaction-early",
        level: Level::Warning,
        example: "",
        means: "A compaction comes by itself though fewer tokens than the limit were reported, or in a turn that was too long for the \
             model, where this agent ends such a turn.",
        matters: "The model forgets more than it has to, and each compaction costs a request. Who is told that the turn failed can decide \
             what is to be forgotten.",
        expectation: "The limit of the profile, `[compaction] limit`. Codex adds an estimate of 4 bytes for each token of what came since \
             the last report (0.125.0–0.169.0: 19,500 tokens and a long output pass a limit of 20,000), of which twice as much \
             is allowed here; python-codex adds nothing (0.3.3, 0.5.1). After `context_length_exceeded` Codex ends the turn, and compacts \
             before the next one (0.115.0–0.169.0); python-codex compacts in the same turn, once (0.1.13–0.5.1).",
    },
    Rule {
        name: "compaction-doubled",
        level: Level::Error,
        example: "",
        means: "What a compaction left is compacted again in the same turn, without a request in between.",
        matters: "A summary of a summary: what the user said last may be all that is left. It can go on without an end when the response to \
             the compaction itself is taken for the length of the new history.",
        expectation: "Codex 0.169.0 goes on with the turn though the response to the compaction reported more tokens than the limit. \
             `/compact` twice is of two turns.",
    },
    Rule {
        name: "compaction-form",
        level: Level::Error,
        example: "",
        means: "A compaction is asked for in a form that the agent does not have, or in another one than the request says.",
        matters: "The server answers in the form that it was asked in: a body, a `compaction` item, or a message.",
        expectation: "A provider named OpenAI is asked by `POST /responses/compact` (Codex 0.115.0–0.137.0) or by a `compaction_trigger` \
             (0.153.4, 0.169.0), any other by a prompt for a summary; python-codex always by a prompt. From 0.137.0 on \
             `compaction.implementation` of the turn metadata says which.",
    },
    Rule {
        name: "compaction-prompt",
        level: Level::Error,
        example: "/request/body/input/*",
        means: "What asks for a compaction is not the last item, or is not as bare as it should be.",
        matters: "The model answers what stands last: it goes on with the task instead of summing it up, or the server finds no trigger.",
        expectation: "Codex 0.153.4 and 0.169.0 end with exactly `{\"type\": \"compaction_trigger\"}`; a local compaction ends with the \
             prompt as a user message without an id, as it is not part of the history (0.115.0–0.169.0, python-codex 0.1.13–0.5.1).",
    },
    Rule {
        name: "compaction-tools",
        level: Level::Error,
        example: "/request/body/tools",
        means: "A request for a summary offers tools, or one for a remote compaction not those of the turn.",
        matters: "A model that has tools may call one instead of summing up; one that is to compact for later needs to know them.",
        expectation: "`tools` is `[]` in a local compaction, and absent for models that have their tools in the input (Codex \
             0.115.0–0.169.0, python-codex 0.1.13–0.5.1); in a remote one it is that of the turn (Codex 0.115.0–0.169.0).",
    },
    Rule {
        name: "compaction-parallel-calls",
        level: Level::Warning,
        example: "/request/body/parallel_tool_calls",
        means: "A request for a summary allows parallel calls, or one for a remote compaction says otherwise than the turn.",
        matters: "There is nothing to call; some servers refuse the setting without tools.",
        expectation: "`parallel_tool_calls` is false in a local compaction (Codex 0.115.0–0.169.0, python-codex 0.1.13–0.5.1) and as in the \
             turn in a remote one.",
    },
    Rule {
        name: "compaction-model",
        level: Level::Error,
        example: "/request/body/model",
        means: "A compaction asks another model than the one that the history is of.",
        matters: "What is encrypted for one model can't be read by another, and a smaller window may not hold the history.",
        expectation: "Codex 0.169.0 compacts with the old model before it changes to one that can't read its compactions \
             (`comp_hash_changed`) or that has less room (`model_downshift`), and asks the new one afterwards. A compaction because of the \
             limit may ask the model of the new turn.",
    },
    Rule {
        name: "compaction-history-cut",
        level: Level::Error,
        example: "/request/body/input",
        means: "The first request for a compaction lacks an item of the history, while later ones are there.",
        matters: "What is missing is in no summary, and after the compaction nobody knows of it.",
        expectation: "Codex 0.115.0–0.169.0 and python-codex 0.1.13–0.5.1 send the whole history first, and less only after the model found it \
             too long.",
    },
    Rule {
        name: "compaction-not-applied",
        level: Level::Error,
        example: "/request/body/input/*",
        means: "The request behind a compaction sends the history of before it.",
        matters: "The compaction was in vain: the history is as long as it was, and the next request asks for a compaction again.",
        expectation: "Codex 0.115.0–0.169.0 and python-codex 0.1.13–0.5.1 replace the history at once. A rollback over the compaction, and an agent \
             that was stopped before it was written down, are no violation.",
    },
    Rule {
        name: "compaction-summary-missing",
        level: Level::Error,
        example: "/request/body/input",
        means: "The summary, or the `compaction` item, is not in the request behind the compaction.",
        matters: "The model has lost everything but what the user said.",
        expectation: "Codex and python-codex send the text of the last message of the response behind the words \"Another language model started \
             to solve this problem\", as a user message; of a remote compaction the `compaction` item as it was delivered. Without a \
             message Codex takes the last answer before (0.125.0–0.169.0), and python-codex ends the turn (0.3.3, 0.5.1).",
    },
    Rule {
        name: "compaction-summary-altered",
        level: Level::Error,
        example: "/request/body/input/*",
        means: "What stands in the place of the summary is not what the response delivered, or more than that.",
        matters: "The model goes on from something that nobody told it, or can't read its own compaction.",
        expectation: "As for `compaction-summary-missing`. Codex 0.115.0–0.169.0 and python-codex 0.1.13 end the message with the summary; \
             python-codex 0.3.3 and 0.5.1 add where the session's file is, which their profile allows (`ends_with_summary`).",
    },
    Rule {
        name: "compaction-summary-misplaced",
        level: Level::Error,
        example: "/request/body/input/*",
        means: "The summary stands before messages of the user that it sums up.",
        matters: "The model takes old wishes of the user for new ones and does their work again.",
        expectation: "The summary is the last item of what a compaction leaves, behind all user messages that stay and before the new one \
             (Codex 0.115.0–0.169.0, python-codex 0.1.13).",
    },
    Rule {
        name: "compaction-user-message-lost",
        level: Level::Error,
        example: "/request/body/input",
        means: "A message of the user is gone after the compaction, though there was room for it.",
        matters: "The model knows what the user wants only from the summary, in its own words.",
        expectation: "Codex 0.115.0–0.169.0 and python-codex 0.1.13 keep what the user said, the newest messages first: up to 20,000 tokens of 4 bytes \
             in a local compaction, 64,000 in a remote one (0.153.4, 0.169.0, measured); the one that passes is cut in its middle. \
             Images are left out of a local one. python-codex from 0.3 on keeps none, and `/responses/compact` says itself what stays.",
    },
    Rule {
        name: "compaction-user-message-altered",
        level: Level::Error,
        example: "/request/body/input/*",
        means: "A message of the user has other words after the compaction.",
        matters: "The model is told what the user did not say.",
        expectation: "As for `compaction-user-message-lost`: texts stay as they are, and only ids may be new (Codex 0.153.4).",
    },
    Rule {
        name: "compaction-user-message-moved",
        level: Level::Error,
        example: "/request/body/input/*",
        means: "Messages of the user stand in another order after the compaction.",
        matters: "A later wish takes back an earlier one; in the other order it is the other way round.",
        expectation: "As for `compaction-user-message-lost`: in the order in which they were said.",
    },
    Rule {
        name: "compaction-budget-exceeded",
        level: Level::Warning,
        example: "/request/body/input/*",
        means: "A message of the user is still there after the compaction, though newer ones take all the room for them.",
        matters: "The compacted history is longer than it should be, and the next compaction comes sooner, or at once.",
        expectation: "As for `compaction-user-message-lost`. What can't be decided, as a token is estimated by bytes here and by characters there, \
             is allowed.",
    },
    Rule {
        name: "compaction-item-survived",
        level: Level::Error,
        example: "/request/body/input/*",
        means: "An item that the summary stands for is still there: an answer, reasoning, a call, an output, an earlier summary, the prompt.",
        matters: "The history stays long, and halves of calls and outputs, or reasoning without its call, are refused by the API.",
        expectation: "Behind a compaction Codex 0.115.0–0.169.0 and python-codex 0.1.13 send user messages, context and the summary, nothing else; \
             python-codex from 0.3 on no user messages either. What `/responses/compact` delivers is allowed.",
    },
    Rule {
        name: "compaction-context-missing",
        level: Level::Error,
        example: "/request/body/input",
        means: "The developer's context or the environment context is gone after the compaction.",
        matters: "The model no longer knows its permissions, its skills, or where it works.",
        expectation: "Codex 0.115.0–0.169.0 puts fresh context into the history, python-codex builds it for each request. Between two compactions in \
             a row there may be none.",
    },
    Rule {
        name: "compaction-context-misplaced",
        level: Level::Warning,
        example: "/request/body/input/*",
        means: "Context stands elsewhere after the compaction than this agent puts it.",
        matters: "What stands last is read as the newest; the prompt cache differs from that of the agent that is followed.",
        expectation: "Before a turn: behind the summary up to Codex 0.153.4, before the last user message that stayed in 0.169.0. In a turn: before \
             that message in all versions (measured with two turns: an earlier message stands before the context). python-codex: \
             before everything.",
    },
    Rule {
        name: "compaction-window",
        level: Level::Error,
        example: "/request/headers/x-codex-window-id",
        means: "The context window is not the next one behind a compaction, or it is another one without.",
        matters: "Who keeps state for a window, such as a cache or a budget, mixes what came before with what came after.",
        expectation: "`x-codex-window-id` is `<thread>:<n>`, and n is one more behind each compaction that is done; the request for it still has the old \
             one (Codex 0.125.0–0.169.0). `context_window_id` of the turn metadata is another one then (0.153.4, 0.169.0).",
    },
    Rule {
        name: "compaction-overflow-retry",
        level: Level::Error,
        example: "/request/body/input/*",
        means: "A compaction that was too long for the model is tried again otherwise than by leaving out what comes next.",
        matters: "The same request fails again; leaving out too much, or half of a call, loses more than the model demands.",
        expectation: "After `context_length_exceeded` Codex 0.115.0–0.169.0 leaves out the first item of the history, with its output or call, never \
             the base instructions, and so on until it is accepted or one item is left; python-codex 0.1.13–0.5.1 the oldest output with \
             its call. A remote compaction is not tried again (Codex 0.153.4, 0.169.0).",
    },
    Rule {
        name: "compaction-overflow-given-up",
        level: Level::Error,
        example: "",
        means: "A compaction that was too long for the model is given up, though something could be left out.",
        matters: "The session is stuck: every further turn begins with the same compaction.",
        expectation: "As for `compaction-overflow-retry`.",
    },
    Rule {
        name: "compaction-failure-ignored",
        level: Level::Error,
        example: "",
        means: "The turn goes on though its compaction failed, or delivered no or several `compaction` items.",
        matters: "The model goes on with a history that is too long, or with one of two that contradict each other.",
        expectation: "Codex ends the turn, and the next one begins with a compaction (0.125.0–0.169.0; \"expected exactly one compaction output item\" \
             0.153.4, 0.169.0). So does python-codex (0.3.3, 0.5.1), for an empty summary, too.",
    },
];
