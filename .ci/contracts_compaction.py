"""When and how codex 0.169.0 compacts, and what is left of the history."""

import json

from contract import Contract, Failure, Wrong
from contracts_retry import FEWER_ROUNDS, MORE_ROUNDS, posts, script

LIMIT = "model_auto_compact_token_limit = 20000|"
OPENAI = '|name = "OpenAI"'
LIMIT_OPENAI = LIMIT + OPENAI[1:]
LIMITED = ("compaction.limit = 20000",)
TWO = (("First thing.",), ("Second thing.",))
MANUAL = (("First thing.", "/compact", "Second thing."),)

# About 5,000, 1,000, 9,000 and 9,000 tokens: the first has to be cut when 20,000 stay, the second to go when 10,000 do.
LONG = ((*(f"Thing {count}. {'word ' * count}" for count in (4000, 800, 7200, 7201)), "Last thing."),)

MUCH, LITTLE = "usage = 50000", "usage = 3000"
COMPACTION = 'when = { kind = "compaction" }'
SUMMARY = f'{COMPACTION}\nreply = "SUMMARY: so far."\n{LITTLE}'
ITEM = f'{COMPACTION}\nreply = [{{ compaction = "gAAAAAfake" }}]\n{LITTLE}'
OVER_LIMIT = f'{COMPACTION}\nfault = {{ failed = "context_length_exceeded" }}'
CALL = 'reply = [{ call = "exec_command", arguments = { cmd = "printf one" }, id = "call_1" }]'
FIRST, SECOND = 'reply = "First answer."', f'reply = "Second answer."\n{LITTLE}'

MID_TURN = script(f"{CALL}\n{MUCH}", SUMMARY, SECOND)
PRE_TURN = script(f"{FIRST}\n{MUCH}", SUMMARY, SECOND)
MID_TURN_REMOTE = script(f"{CALL}\n{MUCH}", ITEM, SECOND)
PRE_TURN_REMOTE = script(f"{FIRST}\n{MUCH}", ITEM, SECOND)


def wrong(value, *rules):
    return Wrong(set(rules), (value,))


def of_kind(records, kind):
    """The requests to the model of a kind."""
    return [one for one in posts(records) if metadata(one)["request_kind"] == kind]


def metadata(request):
    return json.loads(dict(map(tuple, request["headers"]))["x-codex-turn-metadata"])


def compactions(records):
    return of_kind(records, "compaction")


def input_of(request):
    return request["body"]["json"]["input"]


def with_metadata(request, change):
    """Changes the turn metadata in all its places."""
    told = metadata(request)
    change(told)
    text = json.dumps(told, separators=(",", ":"))
    request["headers"] = [[name, text if name == "x-codex-turn-metadata" else value] for name, value in request["headers"]]
    request["body"]["json"]["client_metadata"]["x-codex-turn-metadata"] = text


def other_implementation(records):
    with_metadata(compactions(records)[0], lambda told: told["compaction"].update(implementation="responses_compact"))


def with_tools(records):
    compactions(records)[0]["body"]["json"]["tools"] = posts(records)[0]["body"]["json"]["tools"]


def prompt_with_id(records):
    input_of(compactions(records)[0])[-1]["id"] = "msg_01a1fe00-0000-7000-8000-000000000001"


def trigger_first(records):
    items = input_of(compactions(records)[0])
    items.insert(1, items.pop())


def answer_survives(records):
    delivered = {"type": "message", "role": "assistant", "id": "msg_0001_1", "status": "completed"}
    content = [{"type": "output_text", "text": "First answer.", "annotations": []}]
    input_of(posts(records)[-1]).insert(3, {**delivered, "content": content})


def orphan(records):
    output = {"type": "function_call_output", "call_id": "call_1", "output": "one"}
    input_of(posts(records)[-1]).insert(3, {**output, "id": "fco_01a1fe00-0000-7000-8000-000000000002"})


def same_window(records):
    before, after = posts(records)[0], posts(records)[-1]
    old, new = metadata(before), metadata(after)
    for name in ("window_id", "context_window_id"):
        replace(after, new[name], old[name])
    with_metadata(after, lambda told: told.update(window_number=old["window_number"]))


def replace(request, old, new):
    request["headers"] = [[name, value.replace(old, new)] for name, value in request["headers"]]
    told = request["body"]["json"]["client_metadata"]
    told.update({name: value.replace(old, new) for name, value in told.items()})


def compacted(records):
    return next(one for one in records if one["type"] == "compacted")


def other_replacement(records):
    compacted(records)["payload"]["replacement_history"][-1]["content"][0]["text"] = "Something else."


def record_missing(records):
    records.remove(compacted(records))


# What is not recorded stands in no rollout: neither what is new nor that the old is gone.
UNRECORDED = {"rollout-id-changed", "rollout-input-added", "rollout-input-changed", "rollout-input-missing"}


def goes_on(records):
    """Behind the compaction that failed the turn asks with the old history."""
    first, failed = posts(records)[0], compactions(records)[-1]
    turn = [{**one, "exchange": 1000} for one in records if one.get("exchange") == first["exchange"]]
    told, new = metadata(first), metadata(failed)
    text = json.dumps(turn[0])
    for name in ("turn_id", "root_turn_id", "turn_started_at_unix_ms"):
        text = text.replace(str(told[name]), str(new[name]))
    turn[0] = json.loads(text)
    del turn[0]["at_ms"]
    records += turn


def other_model(records):
    compactions(records)[0]["body"]["json"]["model"] = posts(records)[-1]["body"]["json"]["model"]


def says(trigger, reason, implementation, phase):
    """A check that the request for a compaction says this of itself."""

    def check(run):
        for request in compactions(run.records()):
            told = metadata(request)["compaction"]
            expected = {"trigger": trigger, "reason": reason, "implementation": implementation, "phase": phase}
            if {name: told.get(name) for name in expected} != expected:
                raise Failure(f"the compaction says {told}, expected {expected}")

    return check


def compacted_times(count):
    """A check that the rollouts have so many records of a compaction."""

    def check(run):
        lines = "".join(path.read_text() for path in run.rollouts()).splitlines()
        if (found := sum(json.loads(line)["type"] == "compacted" for line in lines)) != count:
            raise Failure(f"the rollout has {found} compacted records, not {count}")

    return check


def doubled(records):
    """The compaction is made again at once."""
    first = compactions(records)[0]
    number = first["exchange"]
    again = [{**one, "exchange": 1000} for one in records if one.get("exchange") == number]
    last = max(at for at, one in enumerate(records) if one.get("exchange") == number)
    records[last + 1 : last + 1] = again


CONTRACTS = (
    Contract(
        "trigger point", "mid-turn", MID_TURN,
        (
            wrong("compaction.limit = 60000", "compaction-early"),
            wrong('compaction.context_in_turn = "behind-summary"', "compaction-context-misplaced"),
        ),
        "Second answer.", code=0, options=LIMIT, profile=LIMITED,
    ),
    Contract(
        "trigger point", "pre-turn, in another process", PRE_TURN,
        (wrong("compaction.limit = 60000", "compaction-early"),),
        "Second answer.", code=0, processes=TWO, options=LIMIT, profile=LIMITED,
    ),
    Contract(
        "trigger point", "not reached", script(f"{CALL}\nusage = 15000", f"{FIRST}\nusage = 15100", SECOND),
        (wrong("compaction.limit = 10000", "compaction-missing"),),
        "Second answer.", code=0, processes=TWO, options=LIMIT, profile=LIMITED,
    ),
    Contract(
        "trigger point", "not on the last answer", script(f"{FIRST}\n{MUCH}"),
        (wrong("limits.requests = 0", "retry-storm"),), "First answer.", code=0, options=LIMIT, profile=LIMITED,
    ),
    Contract(
        "phase, reason, implementation", "local, mid-turn", MID_TURN, (Wrong({"compaction-form"}, capture=other_implementation),),
        "Second answer.", code=0, options=LIMIT, profile=LIMITED, also=says("auto", "context_limit", "responses", "mid_turn"),
    ),
    Contract(
        "phase, reason, implementation", "remote, mid-turn", MID_TURN_REMOTE,
        (
            Wrong({"compaction-form"}, capture=other_implementation),
            wrong('compaction.remote = "none"', "compaction-form"),
            wrong('compaction.remote = "compact-endpoint"', "compaction-form"),
        ),
        "Second answer.", code=0, options=LIMIT_OPENAI, profile=LIMITED,
        also=says("auto", "context_limit", "responses_compaction_v2", "mid_turn"),
    ),
    Contract(
        "phase, reason, implementation", "remote, on request", script(FIRST, ITEM, SECOND),
        (wrong('compaction.remote = "none"', "compaction-form"),), "Second answer.", code=0, processes=MANUAL, options=OPENAI,
        also=says("manual", "user_requested", "responses_compaction_v2", "standalone_turn"),
    ),
    Contract(
        "local request shape", "on request", script(FIRST, SUMMARY, SECOND),
        (Wrong({"compaction-tools"}, capture=with_tools), Wrong({"compaction-prompt"}, capture=prompt_with_id)),
        "Second answer.", code=0, processes=MANUAL,
    ),
    Contract(
        "v2 request shape", "pre-turn", PRE_TURN_REMOTE, (Wrong({"compaction-prompt", "item-id-missing"}, capture=trigger_first),),
        "Second answer.", code=0, processes=TWO, options=LIMIT_OPENAI, profile=LIMITED,
    ),
    Contract(
        "history replaced", "local", PRE_TURN,
        (
            wrong("compaction.keeps_user_messages = false", "compaction-item-survived"),
            wrong('compaction.context = "behind-summary"', "compaction-context-misplaced"),
            Wrong({"compaction-item-survived"}, capture=answer_survives),
        ),
        "Second answer.", code=0, processes=TWO, options=LIMIT, profile=LIMITED,
    ),
    Contract(
        "history replaced", "remote", PRE_TURN_REMOTE,
        (
            wrong('compaction.context = "behind-summary"', "compaction-context-misplaced"),
            Wrong({"compaction-item-survived"}, capture=answer_survives),
        ),
        "Second answer.", code=0, processes=TWO, options=LIMIT_OPENAI, profile=LIMITED,
    ),
    Contract(
        "pairing survives", "mid-turn", MID_TURN, (Wrong({"output-without-call"}, capture=orphan),),
        "Second answer.", code=0, options=LIMIT, profile=LIMITED,
    ),
    Contract(
        "window bump", "mid-turn", MID_TURN, (Wrong({"compaction-window"}, capture=same_window),),
        "Second answer.", code=0, options=LIMIT, profile=LIMITED,
    ),
    Contract(
        "idempotent record", "mid-turn", MID_TURN,
        (Wrong({"rollout-compaction-changed"}, rollout=other_replacement), Wrong(UNRECORDED, rollout=record_missing)),
        "Second answer.", code=0, options=LIMIT, profile=LIMITED,
    ),
    Contract(
        "resume equivalence", "local", script(f"{CALL}\n{MUCH}", SUMMARY, FIRST, SECOND),
        (Wrong({"rollout-compaction-changed"}, rollout=other_replacement),),
        "Second answer.", code=0, processes=TWO, options=LIMIT, profile=LIMITED,
    ),
    Contract(
        "resume equivalence", "remote", script(f"{CALL}\n{MUCH}", ITEM, FIRST, SECOND),
        (Wrong(UNRECORDED, rollout=record_missing),),
        "Second answer.", code=0, processes=TWO, options=LIMIT_OPENAI, profile=LIMITED,
    ),
    Contract(
        "over-limit local", "two requests", script(f"{FIRST}\n{MUCH}", f"{OVER_LIMIT}\nrepeat = 2", SUMMARY, SECOND),
        (wrong('compaction.overflow_in_request = "drop-oldest-output"', "compaction-overflow-retry"),),
        "Second answer.", code=0, processes=TWO, options=LIMIT, profile=LIMITED,
    ),
    Contract(
        "over-limit v2", "one request", script(f"{FIRST}\n{MUCH}", OVER_LIMIT, ITEM, SECOND),
        (wrong('compaction.overflow_in_remote_request = "drop-first-item"', "compaction-overflow-given-up"),),
        "Second answer.", code=0, processes=(*TWO, ("Third thing.",)), options=LIMIT_OPENAI, profile=LIMITED,
        also=compacted_times(1),
    ),
    *(
        Contract(
            "malformed v2", name, script(f"{FIRST}\n{MUCH}", f"{COMPACTION}\nreply = {reply}"),
            (Wrong({"compaction-failure-ignored"}, capture=goes_on),), "expected exactly one compaction output item",
            processes=TWO, options=LIMIT_OPENAI, profile=LIMITED, also=compacted_times(0),
        )
        for name, reply in (("no item", '"No."'), ("two items", '[{ compaction = "a" }, { compaction = "b" }]'))
    ),
    Contract(
        "retry budgets", "local", script(f"{FIRST}\n{MUCH}", f"{COMPACTION}\nrepeat = 3\nfault = {{ no_completed = true }}"),
        (FEWER_ROUNDS, MORE_ROUNDS), "stream disconnected", processes=TWO, options=LIMIT, profile=LIMITED,
        faulty=("stream-end-missing",),
    ),
    *(
        Contract(
            "retry budgets", f"local, {name}", script(f"{FIRST}\n{MUCH}", f"{COMPACTION}\nfault = {{ {fault} }}"),
            (Wrong({"retry-missing"}, (f'failure = [{{ {on}, then = "stream" }}]',)),),
            "turn.failed", processes=TWO, options=LIMIT, profile=LIMITED,
        )
        for name, fault, on in (
            ("HTTP 400", "status = 400", 'on = "status"'),
            ("HTTP 429", "status = 429", 'on = "status"'),
            ("insufficient_quota", 'failed = "insufficient_quota"', 'on = "failed"'),
        )
    ),
    Contract(
        "retry budgets", "remote",
        script(f"{FIRST}\n{MUCH}", f"{COMPACTION}\nrepeat = 3\nfault = {{ cut = {{ after_event = 2 }} }}"),
        (
            wrong("compaction.remote_stream_retries = 1", "retry-over-limit"),
            wrong("compaction.remote_stream_retries = 3", "retry-gave-up-early"),
        ),
        "stream disconnected", processes=TWO, options=LIMIT_OPENAI, profile=LIMITED, retries=(1, 4),
    ),
    Contract(
        "user-token cap", "local", script(f"repeat = 3\n{FIRST}\nusage = 200", f"{FIRST}\n{MUCH}", SUMMARY, SECOND),
        (
            wrong("compaction.user_message_tokens = 10000", "compaction-budget-exceeded"),
            wrong("compaction.user_message_tokens = 40000", "compaction-user-message-lost"),
        ),
        "Second answer.", code=0, processes=LONG, options=LIMIT, profile=LIMITED,
    ),
    Contract(
        "user-token cap", "remote", script(f"repeat = 3\n{FIRST}\nusage = 200", f"{FIRST}\n{MUCH}", ITEM, SECOND),
        (wrong("compaction.remote_user_message_tokens = 10000", "compaction-budget-exceeded"),),
        "Second answer.", code=0, processes=LONG, options=LIMIT_OPENAI, profile=LIMITED,
    ),
    Contract(
        "no double compaction", "the compaction itself reports much",
        script(f"{CALL}\n{MUCH}", SUMMARY.replace(LITTLE, MUCH), SECOND),
        (Wrong({"compaction-doubled", "compaction-not-applied"}, capture=doubled),),
        "Second answer.", code=0, options=LIMIT, profile=LIMITED,
    ),
    Contract(
        "model switch", "another comp_hash", script(FIRST, ITEM, SECOND), (Wrong({"compaction-model"}, capture=other_model),),
        "Second answer.", code=0, processes=TWO, models=("gpt-5.5", "gpt-5.6-sol"), options=OPENAI,
        also=says("auto", "comp_hash_changed", "responses_compaction_v2", "pre_turn"),
    ),
)
