#!/usr/bin/env python3
"""Runs real agents against `trace-diff serve`: our scripts, and those of the recorded runs of a corpus.

usage: agents.py TRACE_DIFF CORPUS [SCENARIO|AGENT...]

Installs codex from npm and pycodex from PyPI below target/. In each scenario the agent must end as expected. With our script,
to which the server is strict, no request may be a violation and every step must be used. Where the corpus has the run, the
recorded script is played too, and what the agent sends to either script must be what was recorded. Nothing is sent to any
other address.
"""

import json
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import agent

SCRIPTS = Path(__file__).resolve().parent / "scripts"
AT_ONCE = 4

NEW, OLD, PYCODEX = "codex-0.169.0", "codex-0.115.0", "pycodex-0.5.1"
MIDDLE, PYCODEX_BEFORE = "codex-0.137.0", "pycodex-0.1.13"  # only where nothing was recorded of the others
CODEX, ALL = (NEW, OLD), (NEW, OLD, PYCODEX)


@dataclass(frozen=True)
class Scenario:
    """What an agent is asked, and how that ends; the name is that of the recorded run and of our script."""

    name: str
    agents: tuple
    processes: tuple  # of lines that a user types
    told: str  # by the last process
    code: int = 0  # of the last process
    options: str = ""  # lines of the configuration | lines of the provider's
    script: str = ""  # where the name of ours is not that of the scenario
    wait_s: float = 0  # at least between the first request and the second


def once(prompt):
    return ((prompt,),)


TRY = once("Try this.")
TWO_PROCESSES, TWO_TURNS = (("First thing.",), ("Second thing.",)), (("First thing.", "Second thing."),)
COMPACTED = (("First thing.", "/compact", "Second thing."),)
LIMIT = "model_auto_compact_token_limit = 20000|"
OPENAI = '|name = "OpenAI"\n'
LIMIT_OPENAI = LIMIT + OPENAI[1:]
WEBSOCKET = "|supports_websockets = true\n"
OLD_WEBSOCKET = "features.responses_websockets = true" + WEBSOCKET  # unfinished in 0.115.0, which else ignores the other
ACCOUNT = 'chatgpt_base_url = "{url}/backend-api/"|name = "OpenAI"\nrequires_openai_auth = true\n'
FULL = "Codex ran out of room in the model's context window"

SCENARIOS = (
    Scenario("01-plain-turn", ALL, once("Say hello."), "Hello from the fake model."),
    Scenario("02-shell-roundtrip", ALL, once("Run printf."), "It printed alpha and beta."),
    Scenario("03-parallel-calls", ALL, once("Run two commands at once."), "one and two"),
    Scenario("04-apply-patch", ALL, once("Create and change notes.txt."), "Patched."),
    Scenario("09-http-429-retry-after", (NEW, PYCODEX), TRY, "Recovered.", wait_s=1.9),
    Scenario("09-http-429-retry-after", (OLD, MIDDLE), TRY, "429 Too Many Requests", 1),
    Scenario("09-http-429-retry-after", (PYCODEX_BEFORE,), TRY, "try again in 2s", 1),
    Scenario("10-stream-cut-then-ok", ALL, TRY, "Whole answer."),
    Scenario("10b-stream-cut-after-item-done", ALL, TRY, "Whole answer."),
    Scenario("10c-stream-reset-then-ok", ALL, TRY, "Whole answer."),
    Scenario("11-failed-rate-limit-then-ok", ALL, TRY, "Recovered.", wait_s=0.9),
    Scenario("11b-failed-server-error-then-ok", ALL, TRY, "Recovered."),
    Scenario("11c-failed-server-overloaded", CODEX, TRY, "at capacity", 1),
    Scenario("11c-failed-server-overloaded", (PYCODEX,), TRY, "Recovered."),
    Scenario("12-context-length-exceeded", CODEX, once("Too long."), FULL, 1),
    Scenario("12-context-length-exceeded", (PYCODEX,), once("Too long."), "After again."),
    Scenario("12b-quota-and-policy", ALL, TRY, "uota", 1),
    Scenario("16-idle-stall", ALL, TRY, "Recovered.", options="|stream_idle_timeout_ms = 900\n"),
    Scenario("17-autocompact-preturn", CODEX, TWO_PROCESSES, "Second answer.", options=LIMIT),
    Scenario("17-autocompact-preturn", (PYCODEX,), TWO_TURNS, "Second answer.", options=LIMIT),
    Scenario("18-manual-compaction", ALL, COMPACTED, "Second answer."),
    Scenario("19-multi-turn", ALL, (("First.",), ("Second, with a tool.",), ("Third.",)), "Three."),
    Scenario("21-subagent", (OLD, PYCODEX, PYCODEX_BEFORE), once("PARENT-JOB: delegate."), "The child said done."),
    Scenario(
        "21-subagent", (NEW, MIDDLE), once("PARENT-JOB: delegate."), "The child said done.", script="21-subagent-in-namespace",
    ),
    Scenario("25-websocket", (NEW,), once("Use the socket."), "Over WebSocket.", options=WEBSOCKET),
    Scenario("25b-websocket-refused", (NEW,), once("Use the socket."), "Over HTTP.", options=WEBSOCKET),
    Scenario("25c-websocket-cut", (NEW,), once("Use the socket."), "Recovered.", options=WEBSOCKET),
    Scenario("25d-websocket-error-event", (NEW,), once("Use the socket."), "429 Too Many Requests", 1, WEBSOCKET),
    Scenario("25e-websocket-two-turns", (NEW,), TWO_TURNS, "Second.", options=WEBSOCKET),
    Scenario("25-websocket", (OLD,), once("Use the socket."), "Over WebSocket.", options=OLD_WEBSOCKET),
    Scenario("25b-websocket-refused", (OLD,), once("Use the socket."), "Over HTTP.", options=OLD_WEBSOCKET),
    Scenario("25c-websocket-cut", (OLD,), once("Use the socket."), "Recovered.", options=OLD_WEBSOCKET),
    Scenario("25d-websocket-error-event", (OLD,), once("Use the socket."), "429 Too Many Requests", 1, OLD_WEBSOCKET),
    Scenario("25e-websocket-two-turns", (OLD,), TWO_TURNS, "Second.", options=OLD_WEBSOCKET),
    Scenario("35-remote-compaction", (NEW,), TWO_PROCESSES, "Second answer.", options=LIMIT_OPENAI),
    Scenario(
        "35-remote-compaction", (OLD,), TWO_PROCESSES, "Second answer.",
        options=LIMIT_OPENAI, script="35-remote-compaction-by-endpoint",
    ),
    Scenario("35b-remote-compaction-manual", (NEW,), COMPACTED, "Second answer.", options=OPENAI, script="35-remote-compaction"),
    Scenario(
        "35b-remote-compaction-manual", (OLD,), COMPACTED, "Second answer.",
        options=OPENAI, script="35-remote-compaction-by-endpoint",
    ),
    Scenario("39-chatgpt-auth", CODEX, once("Use account login."), "Compressed.", options=ACCOUNT),
)

# What a version has not.
ABSENT = (
    ("25*, WebSocket", PYCODEX, "speaks HTTP only"),
    ("35*, remote compaction", PYCODEX, "always asks the model for a summary"),
    ("39, compressed bodies", PYCODEX, "never compresses, and knows no account"),
)

# Known differences from recorded runs: scenario, script, pointer, pattern, reason.
KNOWN = (
    ("35", "ours", "/request/body/input", "gAAAA", "our script compacts to a shorter text, which comes back"),
    ("25", "recorded", "/response/headers/x-request-id", "", "the server that recorded numbered its answer 101"),
    ("25b", "recorded", "/response/body/error", "", "the server that recorded refused a WebSocket in other words"),
)


class Run:
    """An agent in a scenario, with our script or the recorded one."""

    def __init__(self, tested, scenario, corpus, kind):
        self.tested, self.scenario, self.kind = tested, scenario, kind
        self.recorded = corpus / tested.name / scenario.name
        ours = SCRIPTS / f"{scenario.script or scenario.name}.toml"
        self.script = ours if kind == "ours" else self.recorded / "script.json"

    def is_recorded(self):
        return (self.recorded / "capture.jsonl").exists()

    def __call__(self, program, folder):
        """What went wrong, or None; and how many differences from the recorded run are known."""
        folder.mkdir(parents=True)
        # The steps of a recorded script need not all have been used.
        server = agent.Server(program, self.script, folder, "--strict-api" if self.kind == "ours" else "--lenient")
        try:
            place = agent.Place(folder, self.tested.model, server.url, self.scenario.options)
            if self.is_recorded() and "x-codex-inference-call-id" in (self.recorded / "capture.jsonl").read_text():
                place.environment["CODEX_ROLLOUT_TRACE_ROOT"] = str(folder)  # tracing shows in requests
            code, told = self.tested.drive(place, self.scenario.processes, server.busy)
        finally:
            status, violations = server.stop()
        if status != 0:
            return f"the server says: {violations}", 0
        if code != self.scenario.code or self.scenario.told not in told:
            return f"ended with {code}, expected {self.scenario.code} and {self.scenario.told!r}: {told[-800:]!r}", 0
        if (wait := waited(server.capture)) < self.scenario.wait_s:
            return f"asked again after {wait} s, before {self.scenario.wait_s} s", 0
        return self.compare(program, server.capture, folder) if self.is_recorded() else (None, 0)

    def compare(self, program, capture, folder):
        """Whether what was sent, and with the recorded script what was answered, is what was recorded."""
        rules = folder / "rules.toml"
        rules.write_text("".join(self.rules()))
        # Our script makes the same items with other events.
        only = ("--only", "/request") if self.kind == "ours" else ()
        argv = [program, self.recorded / "capture.jsonl", capture, "--rules", rules, "--format", "json", *only]
        done = subprocess.run(argv, capture_output=True, text=True, timeout=agent.TIMEOUT_S)
        if done.returncode == 2:
            return f"can't be compared: {done.stderr}", 0
        report = json.loads(done.stdout)
        counted = [finding for finding in report["findings"] if finding["level"] != "note" and not finding["accepted"]]
        lines = [f"{finding['pointer']}: {finding['message']}" for finding in counted[:5]]
        wrong = f"differs from the recorded run in {len(counted)}: " + "; ".join(lines)
        return wrong if done.returncode else None, report["summary"]["findings"]["accepted"]

    def rules(self):
        for scenario, kind, pointer, pattern, reason in KNOWN:
            if self.scenario.name.startswith(scenario) and self.kind == kind:
                yield f'[[accept]]\npointer = "{pointer}"\nreason = "{reason}"\n'
                yield f'pattern = "{pattern}"\n' if pattern else ""


def waited(capture):
    """Seconds between the first two requests for a response."""
    records = map(json.loads, capture.read_text().splitlines())
    times = [record["at_ms"] for record in records if record.get("method") == "POST" and "/responses" in record["target"]]
    return (times[1] - times[0]) / 1000 if len(times) > 1 else 0


def installed():
    for name in (NEW, OLD, MIDDLE, PYCODEX, PYCODEX_BEFORE):
        family, version = name.split("-")
        if family == "codex" and (folder := agent.install_from_npm(name, f"@openai/codex@{version}")):
            yield agent.Codex(version, folder)
        if family == "pycodex" and (folder := agent.install_from_pypi(name, f"python-codex=={version}")):
            yield agent.Pycodex(version, folder)


def chosen(agents, wanted):
    """The pairs of agent and scenario that are to run."""
    for scenario in SCENARIOS:
        for tested in agents:
            if tested.name in scenario.agents and (not wanted or {scenario.name, tested.name} & wanted):
                yield tested, scenario


WORDS = {"ours": "our script", "recorded": "recorded script"}


def in_words(run, wrong, known):
    if wrong:
        return f"{WORDS[run.kind]}: FAILED"
    same = ", sends what was recorded" if run.is_recorded() else ""
    return f"{WORDS[run.kind]}: ok{same}" + (f" ({known} known)" if known else "")


def main():
    program, corpus, wanted = Path(sys.argv[1]).absolute(), Path(sys.argv[2]).absolute(), set(sys.argv[3:])
    agents = list(installed())
    agent.leave_network()
    right = []
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name, ThreadPoolExecutor(AT_ONCE) as pool:

        def outcome(run):
            try:
                return run(program, Path(name) / run.tested.name / run.scenario.name / run.kind)
            except (OSError, ValueError, subprocess.TimeoutExpired) as error:
                return repr(error), 0

        started = []
        for tested, scenario in chosen(agents, wanted):
            runs = [Run(tested, scenario, corpus, kind) for kind in ("ours", "recorded")]
            runs = [run for run in runs if run.script.exists()]
            started.append((runs, [pool.submit(outcome, run) for run in runs]))
        for runs, futures in started:
            outcomes = [future.result() for future in futures]
            words = "; ".join(in_words(run, *told) for run, told in zip(runs, outcomes))
            print(f"{runs[0].tested.name:14} {runs[0].scenario.name:32} {words}", flush=True)
            for wrong, _ in outcomes:
                if wrong:
                    print(f"    {wrong}", flush=True)
            right.append(not any(wrong for wrong, _ in outcomes))
    for scenario, name, reason in ABSENT:
        print(f"{name:14} {scenario:32} not run: {reason}")
    if right:
        print(f"agents: {sum(right)} of {len(right)}")
    sys.exit(not all(right))


if __name__ == "__main__":
    main()
