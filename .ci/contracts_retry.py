"""What codex 0.169.0 does when requests fail: rows and matrix of its retries."""

import json

from agent import access_token
from contract import Contract, Failure, Wrong

FEWER_ROUNDS = Wrong({"retry-over-limit"}, ("limits.stream_retries = 1",))
MORE_ROUNDS = Wrong({"retry-gave-up-early"}, ("limits.stream_retries = 3",))
FEWER_REQUESTS = Wrong({"retry-over-limit"}, ("limits.request_retries = 0",))
MORE_REQUESTS = Wrong({"retry-gave-up-early"}, ("limits.request_retries = 2",))

REQUESTS = {"request": 6, "request-only": 2, "stream": 3, "fail": 1}  # with 1 and 2 retries
FATAL = "turn.failed"
BUSY = "experiencing high demand"
CUT = "stream disconnected before completion"


def otherwise(failure, then, *rules, delay=""):
    """Another row for a failure."""
    more = f", delay = {delay}" if delay else ""
    return Wrong(set(rules), (f'failure = [{{ {failure}, then = "{then}"{more} }}]',))


def ways(then, failure):
    """The profiles that are wrong about a failure after which the agent does something, each in one value."""
    fatal = otherwise(failure, "fail", "retry-of-fatal")
    if then == "fail":
        return otherwise(failure, "stream", "retry-missing"), otherwise(failure, "request", "retry-missing")
    if then == "request-only":
        return fatal, otherwise(failure, "request", "retry-gave-up-early"), FEWER_REQUESTS, MORE_REQUESTS
    if then == "stream":
        return fatal, FEWER_ROUNDS, MORE_ROUNDS
    return fatal, FEWER_REQUESTS, MORE_REQUESTS, FEWER_ROUNDS, MORE_ROUNDS


def script(*steps):
    return "version = 1\n" + "".join(f"\n[[step]]\n{step}\n" for step in steps)


def attempts(name, then, failure, fault, told, **more):
    """How often a request is made that fails so for good."""
    step = f'repeat = {REQUESTS[then]}\nreply = "Partial answer."\nfault = {{ {fault} }}'
    return Contract("attempt count", name, script(step), ways(then, failure), told, **more)


def status(number, then, told, code="", kind="", retry_after=0):
    failure, fault = [f'on = "status", status = [{number}]'], [f"status = {number}"]
    if code:
        failure.append(f'code = ["{code}"]')
        fault.append(f'code = "{code}"')
    if kind:
        failure.append(f'type = ["{kind}"]')
        fault.append(f'type = "{kind}"')
    if retry_after:
        fault.append(f"retry_after = {retry_after}")
    name = " ".join(filter(None, (f"HTTP {number}", code, kind, "with Retry-After" if retry_after else "")))
    return attempts(name, then, ", ".join(failure), ", ".join(fault), told)


def failed(code, then, told):
    return attempts(f"response.failed {code}", then, f'on = "failed", code = ["{code}"]', f'failed = "{code}"', told)


NO_ID = """
events = [
  { type = "response.created", response = { id = "r" } },
  { type = "response.completed", response = { status = "completed" } },
]"""
MATRIX = (
    status(500, "request", BUSY),
    *(status(number, "request", f"unexpected status {number}") for number in (502, 503, 504)),
    status(503, "request", "rate limit exceeded", code="slow_down"),
    status(503, "request-only", "at capacity", code="server_is_overloaded"),
    attempts("no response", "request", 'on = "no-response"', 'cut = "before_head"', "error sending request"),
    attempts("no response, a reset", "request", 'on = "no-response"', 'reset = "before_head"', "error sending request"),
    status(429, "fail", "429"),
    status(429, "stream", "429", retry_after=1),
    status(429, "stream", "429", code="usage_limit_reached", retry_after=1),
    status(429, "fail", "hit your usage limit", kind="usage_limit_reached", retry_after=1),
    status(429, "fail", "upgrade to Plus", kind="usage_not_included", retry_after=1),
    status(400, "fail", FATAL),
    status(400, "fail", "ran out of room", code="context_length_exceeded"),
    status(400, "fail", FATAL, code="cyber_policy"),
    status(400, "fail", FATAL, code="invalid_image"),
    *(status(number, "stream", f"unexpected status {number}") for number in (401, 404, 408, 413)),
    attempts(
        "stream ends early", "stream", 'on = "cut"', "no_completed = true", CUT, faulty=("stream-end-missing",),
    ),
    attempts("stream is cut in an event", "stream", 'on = "cut"', "cut = { in_event = 5 }", CUT),
    attempts("stream is reset", "stream", 'on = "cut"', "reset = { after_event = 5 }", CUT),
    attempts(
        "stream stalls", "stream", 'on = "stall"', "stall = { after_event = 5 }", "idle timeout",
        options="|stream_idle_timeout_ms = 600", profile=("limits.idle_ms = 600",),
    ),
    Contract(
        "attempt count", "response.completed without an id", script("repeat = 3" + NO_ID),
        ways("stream", 'on = "unreadable-end"'), "missing field `id`", faulty=("stream-id-changed", "stream-usage-missing"),
    ),
    attempts("response.incomplete max_output_tokens", "fail", 'on = "incomplete"', 'incomplete = "max_output_tokens"', FATAL),
    attempts("response.incomplete content_filter", "stream", 'on = "incomplete"', 'incomplete = "content_filter"', CUT),
    *(
        failed(code, "fail", FATAL)
        for code in (
            "context_length_exceeded", "insufficient_quota", "credit_balance_exhausted", "organization_spend_limit_exceeded",
            "project_spend_limit_exceeded", "usage_not_included", "cyber_policy", "bio_policy",
            "misalignment_policy_violation", "invalid_prompt", "server_is_overloaded",
        )
    ),
    *(failed(code, "stream", "rate limit exceeded") for code in ("rate_limit_exceeded", "slow_down")),
    *(failed(code, "stream", CUT) for code in ("server_error", "vector_store_timeout")),
)

UNAUTHORIZED = 'on = "status", status = [401]'
OVERLOADED = 'on = "status", status = [503]'
SLOWER = Wrong({"retry-backoff"}, ("backoff.base_ms = 600",))
STEEPER = Wrong({"retry-backoff"}, ("backoff.factor = 3",))
MORE_CHANCE = Wrong({"retry-backoff"}, ("backoff.jitter = [3, 4]",))
BACKOFF = (
    Contract(
        "backoff", "of a request made anew", script("repeat = 4\nfault = { status = 401 }"),
        (SLOWER, STEEPER, MORE_CHANCE), "unexpected status 401", retries=(1, 3),
    ),
    Contract(
        "backoff", "of the same request", script('repeat = 4\nfault = { status = 503, code = "server_is_overloaded" }'),
        (SLOWER, STEEPER, MORE_CHANCE), "at capacity", retries=(3, 1),
    ),
)


def fails_with(*members):
    return f'fault = {{ {", ".join(members)} }}'


RECOVERED = 'reply = "Recovered."'
NOW, LATER = "retry_after = 1", 'message = "Please try again in 9s."'
IN_ERROR = """
events = [
  { type = "response.created", response = { id = "r" } },
  { type = "response.failed", response = { id = "r", status = "failed", error = { code = "%s",
    message = "Please try again in 9s.", headers = { Retry-After = "1" } } } },
]"""


def delay(name, failure, then, *steps):
    """That the agent waits for what the header says; it is told of a longer time in the text."""
    wrong = otherwise(failure, then, "retry-too-soon", delay='["message", "retry-after"]')
    return Contract("server delay wins", name, script(*steps, RECOVERED), (wrong,), "Recovered.", code=0)


DELAYS = (
    delay("Retry-After of HTTP 429", 'on = "status"', "stream", fails_with("status = 429", NOW, LATER)),
    delay("Retry-After of HTTP 500", 'on = "status"', "request", fails_with("status = 500", NOW, LATER)),
    delay(
        "Retry-After of HTTP 503, overloaded", 'on = "status"', "request-only",
        fails_with("status = 503", 'code = "server_is_overloaded"', NOW, LATER),
    ),
    delay("Retry-After of HTTP 401", 'on = "status"', "stream", fails_with("status = 401", NOW, LATER)),
    delay("header of response.failed", 'on = "failed"', "stream", IN_ERROR % "rate_limit_exceeded"),
    delay("header of response.failed, any code", 'on = "failed"', "stream", IN_ERROR % "server_error"),
    Contract(
        "server delay wins", "text of response.failed",
        script('fault = { failed = { code = "rate_limit_exceeded", message = "Please try again in 1.5s." } }', RECOVERED),
        (otherwise('on = "failed"', "stream", "retry-backoff"),),
        # Longer than the text says, so that it is the text that explains the delay.
        "Recovered.", code=0, profile=("backoff.base_ms = 9000",),
    ),
    Contract(
        "server delay wins", "text of response.failed, another code",
        script('fault = { failed = { code = "server_error", message = "Please try again in 9s." } }', RECOVERED),
        (otherwise('on = "failed"', "stream", "retry-too-soon", delay='["message"]'),), "Recovered.", code=0,
    ),
)


def posts(records):
    """The records of requests to the model."""
    return [one for one in records if one["type"] == "request" and one["method"] == "POST" and "/responses" in one["target"]]


def other_key_order(records):
    body = posts(records)[1]["body"]["json"]
    body["client_metadata"] = dict(reversed(body["client_metadata"].items()))


def other_tool_choice(records):
    posts(records)[1]["body"]["json"]["tool_choice"] = "required"


def one_item_more(records):
    item = {"type": "message", "id": "msg_1", "role": "assistant", "content": []}
    posts(records)[-1]["body"]["json"]["input"].append(item)


END = '"end"'
CALL = 'reply = [{ text = "On it." }, { call = "exec_command", arguments = { cmd = "echo once >> marker" }, id = "call_1" }]'


def ran_once(run):
    if (marker := (run.work / "marker").read_text()) != "once\n":
        raise Failure(f"the command of the broken stream did not run once: {marker!r}")


def fails_at_once(run):
    if len(posts(run.records())) != 1 or run.events()[-1]["type"] != "turn.failed":
        raise Failure("the turn does not fail with its first request")


def told_of_retries(run):
    """The agent tells of each retry, and counts them."""
    _, most = run.contract.retries
    told = [event["message"] for event in run.events() if event["type"] == "error"][:-1]
    expected = [f"Reconnecting... {number}/{most} (" for number in range(1, most + 1)]
    if len(told) != most or not all(one.startswith(start) for one, start in zip(told, expected)):
        raise Failure(f"notices: expected {expected}, found {told}")


def message_twice(records):
    """What the user said stands in the rollout for each attempt."""
    said = [one for one in records if one["type"] == "response_item" and "Try this." in json.dumps(one)]
    records.insert(records.index(said[0]), said[0])


def traced(run):
    """The trace bundle has a failure for each failed attempt, and as many starts."""
    text = "".join(path.read_text() for path in run.folder.glob("traces/*/trace.jsonl"))
    started, failures = text.count('"inference_started"'), text.count('"inference_failed"')
    if (started, failures) != (3, 2):
        raise Failure(f"the trace has {started} inference_started and {failures} inference_failed")


ROWS = (
    Contract(
        "fatal is fatal", "HTTP 400", script("fault = { status = 400 }"),
        (otherwise('on = "status"', "stream", "retry-missing"),), FATAL, also=fails_at_once,
    ),
    Contract(
        "request-layer identity", "HTTP 503, overloaded",
        script('repeat = 2\nfault = { status = 503, code = "server_is_overloaded" }'),
        (Wrong({"retry-body-changed"}, capture=other_key_order), Wrong({"retry-body-changed"}, capture=other_tool_choice)),
        "at capacity",
    ),
    Contract(
        "stream-layer identity", "response.failed", script('repeat = 3\nfault = { failed = "server_error" }'),
        (
            Wrong({"retry-body-changed"}, capture=other_tool_choice),
            Wrong({"retry-body-changed", "item-invented"}, capture=one_item_more),
        ),
        CUT,
    ),
    Contract(
        "partial kept", "a message and a call",
        script(f"{CALL}\nfault = [{{ no_completed = true }}, {{ cut = {END} }}]", RECOVERED),
        (Wrong({"retry-truncated-taken"}, ('stream.partial_items = "dropped"',)),), "Recovered.", code=0, also=ran_once,
    ),
    Contract(
        "notices", "stream is cut", script('repeat = 3\nreply = "Partial."\nfault = { cut = { in_event = 5 } }'),
        (FEWER_ROUNDS, MORE_ROUNDS), CUT, also=told_of_retries,
    ),
    Contract(
        "idle timeout", "stream stalls", script('reply = "Partial."\nfault = { stall = { after_event = 3 } }', RECOVERED),
        (Wrong({"retry-idle"}, ("limits.idle_ms = 6000",)),), "Recovered.", code=0,
        options="|stream_idle_timeout_ms = 600", profile=("limits.idle_ms = 600",),
    ),
    Contract(
        "no trace in the rollout", "two failures",
        script('repeat = 2\nfault = { failed = "server_error" }', RECOVERED),
        (Wrong({"rollout-input-missing"}, rollout=message_twice),), "Recovered.", code=0,
        environment=(("CODEX_ROLLOUT_TRACE_ROOT", "{folder}/traces"),), also=traced,
    ),
)

WEBSOCKET = "|supports_websockets = true"
HANDSHAKE = 'when = { kind = "handshake" }'
REFUSED = f"{HANDSHAKE}\nstatus = 426"
CLOSES = 'repeat = 3\nreply = "Partial."\nfault = { cut = { after_event = 3 } }'
FORGOTTEN = 'status = 400\nbody = { error = { type = "invalid_request_error", code = "previous_response_not_found" } }'


def continues(records):
    """The request over HTTP, or behind the failure, goes on from a response."""
    posts(records)[-1]["body"]["json"]["previous_response_id"] = "resp_0001"


def asks_again(records):
    """Behind the first handshake comes another."""
    handshake = next(one for one in records if one["type"] == "request" and one["method"] == "GET")
    number = handshake["exchange"]
    both = [one for one in records if one.get("exchange") == number]
    records += [{**one, "exchange": 1000} for one in both]
    post = posts(records)[0]
    records.remove(post)
    records.append(post)


def continues_forgotten(records):
    """The message behind the failure goes on from the response that the server does not have."""
    sent = [one for one in records if one["type"] == "frame" and one["from"] == "client" and one["kind"] == "text"]
    sent[-1].update((key, sent[-2][key]) for key in ("data", "expanded"))


SOCKETS = (
    Contract(
        "WS fallback", "426", script(REFUSED, "repeat = 2\nfault = { status = 404 }", RECOVERED),
        (
            Wrong({"retry-fallback"}, ('websocket.on_refused = "retry"',)), FEWER_ROUNDS,
            Wrong({"retry-websocket-leftover"}, capture=continues),
        ),
        "Recovered.", code=0, options=WEBSOCKET,
    ),
    Contract(
        "WS fallback", "repeated close",
        script(f"{HANDSHAKE}\nrepeat = 3", CLOSES, "repeat = 2\nfault = { status = 404 }", RECOVERED),
        (
            Wrong({"retry-fallback"}, ('websocket.on_exhausted = "fail"',)),
            Wrong({"retry-fallback"}, ("limits.stream_retries = 3",)),
            FEWER_ROUNDS,
            Wrong({"retry-websocket-leftover"}, capture=continues),
        ),
        "Recovered.", code=0, options=WEBSOCKET,
    ),
    Contract(
        "WS fallback", "handshakes fail", script(f"{HANDSHAKE}\nstatus = 500\nrepeat = 4", RECOVERED),
        (Wrong({"retry-websocket-leftover"}, capture=continues),), "Recovered.", code=0, options=WEBSOCKET,
    ),
    Contract(
        "previous_response_not_found", "error frame", script(f"{HANDSHAKE}\nrepeat = 2", CALL, FORGOTTEN, RECOVERED),
        (
            otherwise('on = "error-event"', "fail", "retry-of-fatal"),
            Wrong({"retry-stale-response"}, capture=continues_forgotten),
        ),
        "Recovered.", code=0, options=WEBSOCKET,
    ),
)

ACCOUNT = 'chatgpt_base_url = "{url}/backend-api/"|name = "OpenAI"\nrequires_openai_auth = true'
TOKEN = f"""
[[default]]
when = {{ endpoint = "/oauth/token", method = "POST" }}
body = {{ access_token = "{access_token(1)}", id_token = "{access_token(1)}", refresh_token = "fake-2" }}
"""
REFRESH = (("CODEX_REFRESH_TOKEN_URL_OVERRIDE", "{url}/oauth/token"),)
WITH_ACCOUNT = UNAUTHORIZED + ", account = true"


def same_token(records):
    """The token that was refused is sent once more in place of the new one."""
    first, second, last = posts(records)
    old = dict(map(tuple, first["headers"]))["authorization"]
    ended = next(one for one in records if one["type"] == "end" and one["exchange"] == second["exchange"])
    last["at_ms"] = ended["at_ms"] + 20
    last["headers"] = [[name, old if name == "authorization" else value] for name, value in last["headers"]]


ACCOUNTS = (
    Contract(
        "401 refresh", "a new token", script("repeat = 2\nfault = { status = 401 }", RECOVERED) + TOKEN,
        (
            otherwise(WITH_ACCOUNT, "fail", "retry-of-fatal"),
            otherwise(WITH_ACCOUNT, "stream", "retry-backoff"),
            Wrong({"retry-over-limit"}, capture=same_token),
        ),
        "Recovered.", code=0, options=ACCOUNT, environment=REFRESH,
    ),
    Contract(
        "401 refresh", "no new token", script("repeat = 6\nfault = { status = 401 }"),
        (FEWER_ROUNDS, MORE_ROUNDS), "Failed to refresh token", options=ACCOUNT, environment=REFRESH,
    ),
)

CONTRACTS = (*MATRIX, *BACKOFF, *DELAYS, *ROWS, *SOCKETS, *ACCOUNTS)
ABSENT = (("attempt count: connection refused", "no server is there that could record it; behind a recording proxy it is HTTP 502, which is a row"),)
