"""What fake servers are asked to serve: each scenario with the nearest that the files of aimock and llmposter can say."""

import base64
import json
import re
import sys
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / ".ci"))
import agents

AIMOCK, LLMPOSTER = "aimock", "llmposter"
DOT = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)


@dataclass(frozen=True)
class Step:
    """An answer, for the files of both peers."""

    text: str = ""
    calls: tuple = ()  # pairs of name and arguments
    status: int = 0
    message: str = ""
    code: str = ""
    retry_after: int = 0
    aimock: dict = field(default_factory=dict)  # further members of the fixture; of its response under "response"
    llmposter: dict = field(default_factory=dict)


@dataclass(frozen=True)
class Need:
    """A fact that a run must show; what is said where it does not."""

    shows: object  # of the exchanges of a run
    reason: str
    is_vital: bool = True  # without it the scenario was not served; else in part


@dataclass(frozen=True)
class Case:
    """A row of the table."""

    title: str
    scenario: agents.Scenario
    steps: tuple
    needs: tuple = ()
    limits: dict = field(default_factory=dict)  # what a peer's file can't say: never more than "part"
    prewarmed: bool = False  # the agent first warms a WebSocket up, which aimock takes for a request like others


def call_id(number):
    return f"call_{number:04}"


def aimock_file(case):
    """A fixture file in which each request gets the next fixture, and all further ones the last."""
    fixtures, calls = [], 0
    steps = (Step(aimock={"response": {"content": ""}}),) * case.prewarmed + case.steps
    for number, step in enumerate(steps):
        more = dict(step.aimock)
        if step.status:
            error = {"message": step.message, **({"code": step.code} if step.code else {})}
            response = {"error": error, "status": step.status, **({"retryAfter": step.retry_after} if step.retry_after else {})}
        else:
            response = {"content": step.text} if step.text else {}
            if step.calls:
                response["toolCalls"] = [
                    {"name": name, "arguments": arguments, "id": call_id(calls + at)}
                    for at, (name, arguments) in enumerate(step.calls, 1)
                ]
                calls += len(step.calls)
        response |= more.pop("response", {})
        match = {"sequenceIndex": number} if number + 1 < len(steps) else {}
        fixtures.append({"match": match, "response": response, **more})
    return json.dumps({"fixtures": fixtures}, indent=1)


def llmposter_file(case):
    """The same for llmposter, by a state machine; JSON is YAML too."""
    fixtures = []
    for number, step in enumerate(case.steps):
        more = dict(step.llmposter)
        state = {"name": "run", "required_state": str(number) if number else ""}
        if number + 1 < len(case.steps):
            state["set_state"] = str(number + 1)
        if step.status:
            headers = {"headers": {"retry-after": str(step.retry_after)}} if step.retry_after else {}
            answer = {"error": {"status": step.status, "message": step.message, **headers}}
        else:
            response = {"content": step.text} if step.text else {}
            if step.calls:
                response = {"tool_calls": [{"name": name, "arguments": arguments} for name, arguments in step.calls]}
            answer = {"response": response | more.pop("response", {})}
        fixtures.append({"scenario": state, **answer, **more})
    return json.dumps({"fixtures": fixtures}, indent=1)


def sent(pattern, reason, is_vital=True):
    """Some request holds this."""
    wanted = re.compile(pattern.encode(), re.DOTALL)
    return Need(lambda exchanges: any(wanted.search(each.body) for each in exchanges), reason, is_vital)


def got(pattern, reason, is_vital=False):
    """Some answer holds this."""
    wanted = re.compile(pattern.encode(), re.DOTALL)
    return Need(lambda exchanges: any(wanted.search(each.got) for each in exchanges), reason, is_vital)


def first(shows, reason, is_vital=False):
    """The first exchange is so."""
    return Need(lambda exchanges: bool(exchanges) and shows(exchanges[0]), reason, is_vital)


def some(shows, reason, is_vital=True):
    return Need(lambda exchanges: any(map(shows, exchanges)), reason, is_vital)


def output(text):
    return sent(rf'"type":"(function|custom_tool)_call_output"[^}}]*{text}', "the tool did not run")


def is_torn_in_character(exchange):
    try:
        exchange.got.decode()
    except UnicodeDecodeError as error:
        return error.end >= len(exchange.got) - 3
    return False


def scenario(name):
    return next(each for each in agents.SCENARIOS if each.name == name and agents.NEW in each.agents)


def new(name, prompts, told, code=0, options=""):
    return agents.Scenario(name, (agents.NEW,), prompts, told, code, options)


def run(command):
    return (("exec_command", {"cmd": command}),)


def pause(events):
    """A long pause of aimock after so many events."""
    return {"recordedTimings": {"ttftMs": 0, "interChunkDelaysMs": [0] * (events - 1) + [9000], "totalDurationMs": 9000}}


CUT = {
    "aimock": {"truncateAfterChunks": 7, "latency": 30},  # without a latency nothing arrives, not even a head
    "llmposter": {"streaming": {"latency": 50}, "failure": {"disconnect_after_ms": 225}},
}
FAILED = got('"type": ?"response.failed"', "no `response.failed`, only an HTTP error")
IS_CUT = first(lambda one: not one.whole, "ends the stream well in place of a cut")
SOCKET = some(lambda exchange: exchange.is_socket, "no WebSocket: the upgrade gets 405, the agent goes on over HTTP")
GOES_ON = sent('"previous_response_id":"', "the agent never goes on from an earlier response", False)
CODES = {"llmposter": "error codes come with the status, and can't be given"}
LONG = "First answer." + " And so on." * 8000
ADD = "*** Begin Patch\n*** Add File: notes.txt\n+first line\n*** End Patch\n"
PATCHED = sent('"type":"custom_tool_call_output"', "no custom tool calls")
COMPACTION = sent('"gAAAAAfake"', "no compaction items")
USAGE = {"aimock": {"response": {"usage": {"input_tokens": 50000, "output_tokens": 500}}}}
BY_TEXT = {"llmposter": "usage can't be set; an answer of 88 KB passes the limit"}

CASES = (
    Case("plain turn", scenario("01-plain-turn"), (Step("Hello from the fake model."),)),
    Case(
        "tool call", scenario("02-shell-roundtrip"),
        (Step(calls=run("printf 'alpha\\nbeta\\n'")), Step("It printed alpha and beta.")), (output("alpha"),),
    ),
    Case(
        "parallel calls", scenario("03-parallel-calls"),
        (Step(calls=run("printf one") + run("printf two")), Step("one and two")), (output("one"), output("two")),
    ),
    Case(
        "`apply_patch` (custom tool), three times", scenario("04-apply-patch"),
        (*(Step(calls=(("apply_patch", {"input": ADD}),)) for _ in range(3)), Step("Patched.")), (PATCHED,),
    ),
    Case(
        "`apply_patch` through the shell", new("04b-apply-patch-via-exec", agents.once("Create notes.txt."), "Patched."),
        (Step(calls=run(f"apply_patch <<'EOF'\n{ADD}EOF\n")), Step("Patched.")), (output("A notes.txt"),),
    ),
    Case(
        "image view", new("22-view-image", agents.once("Look at dot.png."), "A dot."),
        (Step(calls=(("view_image", {"path": "dot.png"}),)), Step("A dot.")), (sent('"input_image"', "no image was sent"),),
    ),
    Case(
        "reasoning with encrypted content", new("41-reasoning-encrypted", agents.once("Look."), "Looked."),
        (Step(calls=run("printf looked"), aimock={"response": {"reasoning": "Look first."}}), Step("Looked.")),
        (output("looked"), sent('"type":"reasoning"', "no reasoning items"),
         sent('"encrypted_content":"gAAAAAfake"', "its content is made up by the server, and can't be given", False)),
    ),
    Case(
        "web search item, second turn", new("42-web-search", agents.TWO_TURNS, "Second answer."),
        (Step("Searched.", aimock={"response": {"webSearches": ["rust"]}}), Step("Second answer.")),
        (sent('"type":"web_search_call"', "no such items"),),
    ),
    Case(
        "turn state in a response header", new("43-turn-state", agents.once("Keep it."), "Kept the state."),
        (Step(calls=run("printf state")), Step("Kept the state.")),
        (some(lambda exchange: ("x-codex-turn-state", "state-1") in exchange.headers, "no headers on answers that succeed"),),
    ),
    Case(
        "unknown events and items", new("27-unknown-events", agents.once("Say something known."), "Known."),
        (Step("Known."),), (got("hologram", "only known events", True),),
    ),
    Case(
        "SSE with CRLF, comments, several data lines, `[DONE]`",
        new("27b-raw-sse-oddities", agents.once("Say it raw."), "Raw stream."),
        (Step("Raw stream."),), (got("\r\n", "one way to write events", True),),
    ),
    Case(
        "HTTP 500, retry", new("08-http-500-then-ok", agents.TRY, "Recovered."),
        (Step(status=500, message="The server had an error."), Step("Recovered.")),
        (first(lambda one: one.status == 500, "no 500"),),
    ),
    Case(
        "HTTP 400, end", new("14-http-400", agents.TRY, "Invalid value", 1),
        (Step(status=400, message="Invalid value: 'x'.", code="invalid_value"),),
    ),
    Case(
        "429 with Retry-After", scenario("09-http-429-retry-after"),
        (Step(status=429, message="Slow down.", code="rate_limit_exceeded", retry_after=2), Step("Recovered.")),
    ),
    Case(
        "connection closed before the head, retry", new("08c-connection-closed-then-ok", agents.TRY, "Recovered."),
        (Step("Never told.", aimock={"chaos": {"disconnectRate": 1}}, 
              llmposter={"streaming": {"latency": 50}, "failure": {"disconnect_after_ms": 1}}),
         Step("Recovered.")),
        (first(lambda one: one.status is None, "a head is always sent"),),
    ),
    Case(
        "200 and no stream, retry", new("08d-no-stream-then-ok", agents.TRY, "Recovered."),
        (Step("-", aimock={"chaos": {"malformedRate": 1}}, llmposter={"failure": {"corrupt_body": True}}), Step("Recovered.")),
        (first(lambda one: one.status == 200 and b"response." not in one.got, "another answer"),),
    ),
    Case(
        "events sent twice", new("27c-duplicated-events", agents.TRY, "Twice."),
        (Step("Twice.", llmposter={"failure": {"duplicate_frames": True}}),),
        (first(lambda one: one.got.count(b'"type":"response.created"') > 1, "every event is sent once", True),),
    ),
    Case(
        "stream cut, retry", scenario("10-stream-cut-then-ok"),
        (Step("Partial answer.", **CUT), Step("Whole answer.")), (IS_CUT,),
    ),
    Case(
        "stream ends after a call without `response.completed`, retry", scenario("10b-stream-cut-after-item-done"),
        (Step(calls=run("printf side-effect"), aimock={"disconnectAfterMs": 500, "chunkSize": 999, **pause(8)},
              llmposter={"failure": {"truncate_after_frames": 6}}), Step("Whole answer.")),
        (output("side-effect"), first(lambda one: one.whole, "closes the connection in place of ending the stream"),
         first(lambda one: b"response.completed" not in one.got, "is completed", True)),
    ),
    Case(
        "reset in the stream, retry", scenario("10c-stream-reset-then-ok"),
        (Step("Partial answer.", **CUT), Step("Whole answer.")), (first(lambda one: one.ended == "reset", "closes, never resets"),),
    ),
    Case(
        "cut inside a UTF-8 character, retry", new("10d-cut-in-character", agents.TRY, "Whole answer."),
        (Step("Naïve.", **CUT), Step("Whole answer.")), (first(is_torn_in_character, "cuts between events only"),),
    ),
    Case(
        "stall, retry", scenario("16-idle-stall"),
        (Step("Partial answer.", aimock=pause(7),
              llmposter={"streaming": {"latency": 9000}}), Step("Recovered.")),
        (first(lambda one: b"response.completed" not in one.got, "no stall", True),
         first(lambda one: b"response.output_text.delta" in one.got, "stalls after the first event only")),
    ),
    Case(
        "`response.failed`: rate limit, retry", scenario("11-failed-rate-limit-then-ok"),
        (Step(status=429, message="Rate limit reached. Please try again in 1s.", code="rate_limit_exceeded", retry_after=1),
         Step("Recovered.")), (FAILED,),
    ),
    Case(
        "`response.failed`: server error, retry", scenario("11b-failed-server-error-then-ok"),
        (Step(status=500, message="Server error.", code="server_error"), Step("Recovered.")), (FAILED,),
    ),
    Case(
        "`response.failed`: overloaded, end", scenario("11c-failed-server-overloaded"),
        (Step(status=503, message="Overloaded.", code="server_is_overloaded"),), (FAILED,), CODES,
    ),
    Case(
        "`response.failed`: context length, end", scenario("12-context-length-exceeded"),
        (Step(status=400, message="Your input exceeds the context window of this model.", code="context_length_exceeded"),),
        (FAILED,), CODES,
    ),
    Case(
        "`response.failed`: quota, end", scenario("12b-quota-and-policy"),
        (Step(status=429, message="You exceeded your current quota.", code="insufficient_quota"),), (FAILED,), CODES,
    ),
    Case(
        "`response.incomplete`, end", new("13-incomplete", agents.TRY, "Incomplete response returned", 1),
        (Step("Half", aimock={"response": {"finishReason": "length"}},
              llmposter={"response": {"stop_reason": "max_output_tokens"}}),),
        (got('"type": ?"response.incomplete"',
             "`response.completed` with status `incomplete`, which the agent takes for success", True),),
    ),
    Case(
        "compaction by the model, by token count", scenario("17-autocompact-preturn"),
        (Step("First answer.", **USAGE, llmposter={"response": {"content": LONG}}),
         Step("SUMMARY: the user asked a first thing."), Step("Second answer.")), limits=BY_TEXT,
    ),
    Case(
        "compaction by the model, by hand", scenario("18-manual-compaction"),
        (Step("First answer."), Step("SUMMARY: manual."), Step("Second answer.")),
    ),
    Case(
        "compaction by `compaction_trigger`, by token count", scenario("35-remote-compaction"),
        (Step("First answer.", **USAGE, llmposter={"response": {"content": LONG}}), Step("SUMMARY"), Step("Second answer.")),
        (COMPACTION,),
    ),
    Case(
        "compaction by `compaction_trigger`, by hand", scenario("35b-remote-compaction-manual"),
        (Step("First answer."), Step("SUMMARY"), Step("Second answer.")), (COMPACTION,),
    ),
    Case(
        "three turns over three processes", scenario("19-multi-turn"),
        (Step("One."), Step(calls=run("printf two")), Step("Two."), Step("Three.")), (output("two"),),
    ),
    Case(
        "sub-agent", scenario("21-subagent"),
        (Step(calls=(("spawn_agent", {"message": "CHILD-JOB: reply with the word done.", "agent_type": "default"}),)),
         Step("The child said done.")),
        (some(lambda exchange: any(name == "x-openai-subagent" for name, _ in exchange.headers),
              "no namespaces: the call is unknown to the agent"),),
    ),
    Case(
        "WebSocket: turn with a tool", scenario("25-websocket"), (Step(calls=run("printf over-ws")), Step("Over WebSocket.")),
        (SOCKET, output("over-ws"), GOES_ON), prewarmed=True,
    ),
    Case(
        "WebSocket: refused, then HTTP", scenario("25b-websocket-refused"), (Step("Over HTTP."),),
        (some(lambda exchange: not exchange.is_socket and exchange.status >= 400, "always grants the upgrade"),),
    ),
    Case(
        "WebSocket: cut, retry", scenario("25c-websocket-cut"),
        (Step("Partial answer.", **CUT), Step("Recovered.")), (SOCKET,), prewarmed=True,
    ),
    Case(
        "WebSocket: error 429, end", scenario("25d-websocket-error-event"),
        (Step(status=429, message="Rate limit reached. Please try again in 1s.", code="rate_limit_exceeded"),),
        (SOCKET, got('"status": ?429', "its `error` message has no status", True)), prewarmed=True,
    ),
    Case(
        "WebSocket: two turns", scenario("25e-websocket-two-turns"),
        (Step("First."), Step("Second.")), (SOCKET, GOES_ON), prewarmed=True,
    ),
    Case(
        "account login, zstd bodies", scenario("39-chatgpt-auth"), (Step(calls=run("printf zstd")), Step("Compressed.")),
        (first(lambda one: one.status == 200, "a body with zstd gets 400", True), output("zstd")),
    ),
)
