#!/usr/bin/env python3
"""Replays recorded runs of the corpus to the agents that made them: nothing may differ.

usage: replay.py TRACE_DIFF CORPUS [--all] [--jobs N] [NAME...]

Installs codex from npm and pycodex from PyPI below target/. Each capture and each set of rollouts is played by
`trace-diff replay` to the same agent in the same version, which is driven as it was when it was recorded; then captures to
another version, of which the first divergence must be the one that a comparison of two recorded runs begins with; then
captures whose commands were made harmful and impossible, with `--tools recorded`; then some that are left in the middle, with
`--on-divergence live`. A NAME picks runs by agent, scenario or kind (capture, rollouts, commands, live). Without --all a part of the runs is replayed. Nothing is sent to any other address.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import agent

DRIVE = Path(__file__).resolve().parent / "replay_drive.py"
TIMEOUT_S = 90

CODEX, PYCODEX = ("0.169.0", "0.137.0", "0.125.0", "0.115.0"), ("0.5.1", "0.1.13", "0.1.2")

# What is not replayed, and why: start of the agent's name, of the scenario's, kind.
CANNOT = (
    ("pycodex", "21-", "rollouts", "its sub-agents leave no rollout"),
    ("codex-0.115.0", "10b", "rollouts", "an item of a response that broke off looks like any other on disk"),
)
# What happens during a response happens at another moment unless it is played as slowly as it was recorded.
TIMED = ("32", "33")
# Runs of the shorter list: scenarios by agent.
SOME = {
    "codex-0.169.0": ("01-plain-turn", "02-shell-roundtrip", "03", "10b", "11-", "17", "18", "20b", "25-", "30b", "34", "35-", "39", "40-"),
    "codex-0.137.0": ("02-shell-roundtrip", "05", "17b-autocompact-midturn", "20", "21-subagent", "25e"),
    "codex-0.125.0": ("02-shell-roundtrip", "32"),
    "codex-0.115.0": ("02-shell-roundtrip", "10b", "18", "34"),
    "pycodex-0.5.1": ("02-shell-roundtrip", "03", "12-", "17", "20"),
    "pycodex-0.1.13": ("02-shell-roundtrip", "21-subagent", "22"),
}


# What only says that a run was traced.
TRACING = "x-codex-inference-call-id"
# Captures that are played to another version.
OTHERS = (
    ("codex-0.137.0", "02-shell-roundtrip", "codex-0.169.0"),
    ("codex-0.125.0", "17-autocompact-preturn", "codex-0.169.0"),
    ("codex-0.125.0", "01-plain-turn", "codex-0.137.0"),
    ("pycodex-0.1.13", "02-shell-roundtrip", "pycodex-0.5.1"),
)
# Captures whose commands are answered, whatever they would do.
ANSWERED = ("02-shell-roundtrip", "02b", "03-", "05", "07", "10b", "17b", "25-", "29", "31-lite-shell", "39")
# Captures that are left in the middle, and what a command prints there.
LIVE = {"02-shell-roundtrip": "alpha", "25-websocket": "over-ws"}
# They tell the model the command again, so it can't be another one.
REPEATS_COMMAND = ("codex-0.115.0", "pycodex-0.1.13", "pycodex-0.1.2")


class Replay:
    def __init__(self, run, kind, played_to=None):
        self.run, self.kind = run, kind
        self.agent = run.parent.name
        self.played_to = played_to or self.agent
        self.name = f"{self.agent} {run.name} {kind}" + (f" to {played_to}" if played_to else "")

    def cannot(self):
        for start, scenario, kind, reason in CANNOT:
            if self.agent.startswith(start) and self.run.name.startswith(scenario) and self.kind.startswith(kind):
                return reason
        if self.kind == "rollouts" and not any((self.run / "rollouts").rglob("*.jsonl")):
            return "it left no rollout"
        return None

    def is_chosen(self, options):
        words = {self.agent, self.run.name, self.kind}
        if options.names:
            return all(name in words or any(word.startswith(name) for word in words) for name in options.names)
        return options.all or self.played_to != self.agent or self.run.name.startswith(SOME.get(self.agent, ()))

    def __call__(self, program):
        """The report, or what went wrong."""
        if self.kind == "commands":
            return self.answered(program)
        if self.kind == "live":
            return self.live(program)
        return self.play(program, self.run / ("rollouts" if self.kind == "rollouts" else "capture.jsonl"))

    def answered(self, program):
        """Plays commands that would leave a file and fail, if they ran."""
        with tempfile.TemporaryDirectory() as folder:
            recording, file = Path(folder) / "capture.jsonl", Path(folder) / "they-ran"
            lines = (self.run / "capture.jsonl").read_text().splitlines()
            harm = lambda line: json.dumps(harmed(json.loads(line), file), ensure_ascii=False)
            recording.write_text("".join(harm(line) + "\n" for line in lines))
            report, told = self.play(program, recording, "--tools", "recorded")
            if str(file) not in recording.read_text() or file.exists():
                return None, f"no command was changed, or one ran\n{told}"
            return report, told

    def live(self, program):
        """Leaves the recording in the middle, where an output is another, and goes on with a server that says "OK"."""
        with tempfile.TemporaryDirectory() as folder:
            folder = Path(folder)
            script, recording = folder / "script.json", folder / "recording.jsonl"
            script.write_text('{"version": 1}')
            text = (self.run / "capture.jsonl").read_text()
            for output in LIVE.values():
                text = text.replace(f"Output:\\n{output}", "Output:\\nother").replace(f"Output:\\\\n{output}", "Output:\\\\nother")
            recording.write_text(text)
            server = agent.Server(program, script, folder)
            try:
                report, told = self.play(program, recording, "--on-divergence", "live", "--upstream", f"{server.url}/v1")
            finally:
                server.stop()
            asked = server.capture.read_text().count('"type":"request"')
            return report, f"{told}\nthe upstream was asked {asked} times"

    def play(self, program, recording, *more):
        drive = [sys.executable, DRIVE, self.run, agent.AGENTS / self.played_to, "{base_url}", "{home}", "{work}", self.kind]
        options = ["--format", "json", "--agent", "other", "--timeout", f"{TIMEOUT_S}s", "--show-output"]
        options += ["--timing", "exact"] if self.run.name.startswith(TIMED) else []
        options += more
        done = subprocess.run(
            [program, "replay", recording, *options, "--", *drive], capture_output=True, text=True, timeout=TIMEOUT_S + 30
        )
        if done.returncode == 2 or not done.stdout.startswith("{"):
            return None, done.stderr
        return json.loads(done.stdout), done.stderr


    def judge(self, program, report, told):
        """Whether all went as it should, and lines that say what did not."""
        if report is None:
            return False, told.strip().splitlines()[-6:]
        if self.kind == "live":
            is_right = "the recording ends here" in told and "asked 1 times" in told and report["verdict"] == "findings"
            return is_right, told.strip().splitlines()[-6:]
        if self.played_to == self.agent:
            is_right = report["verdict"] == "clean" and "was recorded with" not in told
            return is_right, first(report)[:4] + told.strip().splitlines()[-6:]
        # Where two recorded runs begin to differ is where the replay must stop, for the same reasons.
        other = self.run.parent.parent / self.played_to / self.run.name / "capture.jsonl"
        argv = [program, self.run / "capture.jsonl", other, "--only", "/request", "--format", "json"]
        recorded = json.loads(subprocess.run(argv, capture_output=True, text=True, timeout=TIMEOUT_S).stdout)
        number = min(one["exchange"]["baseline"] for one in recorded["findings"] if one["level"] != "note")
        places = lambda report, number: {
            (one["rule"], one["pointer"])
            for one in report["findings"]
            if one["level"] != "note" and one["exchange"]["baseline"] == number and not one["pointer"].endswith(TRACING)
        }
        wanted, found = places(recorded, number), places(report, number)
        is_right = report["verdict"] == "findings" and wanted == found and "diverges in turn" in told
        return is_right, [f"only recorded: {sorted(wanted - found)}", f"only replayed: {sorted(found - wanted)}"]


def harmed(value, file):
    """A part of a capture, with commands of calls that leave a file and fail."""
    if isinstance(value, list):
        return [harmed(part, file) for part in value]
    if isinstance(value, dict):
        value = {key: harmed(part, file) for key, part in value.items()}
        if value.get("type") == "function_call" and value.get("name") == "exec_command" and '"cmd"' in value["arguments"]:
            arguments = json.loads(value["arguments"])
            arguments["cmd"] = f"touch {file}; no-such-program '{len(arguments['cmd'])}' # {arguments['cmd']}"
            value["arguments"] = json.dumps(arguments)
        return value
    if isinstance(value, str) and '"function_call"' in value:
        lines = []
        for line in value.split("\n"):
            start = line.find("{")
            try:
                line = line[:start] + json.dumps(harmed(json.loads(line[start:]), file)) if start >= 0 else line
            except ValueError:
                pass
            lines.append(line)
        return "\n".join(lines)
    return value


def first(report):
    """The first error or warning, in words."""
    found = [one for one in report["findings"] if one["level"] != "note" and not one["accepted"]]
    numbers = lambda one: [number for number in one["exchange"].values() if number is not None]
    found.sort(key=lambda one: min(numbers(one), default=0))
    return [f"#{one['exchange']['candidate']} {one['pointer']} {one['message']}"[:300] for one in found]


def installed():
    for version in CODEX:
        if agent.install_from_npm(f"codex-{version}", f"@openai/codex@{version}"):
            yield f"codex-{version}"
    for version in PYCODEX:
        if agent.install_from_pypi(f"pycodex-{version}", f"python-codex=={version}"):
            yield f"pycodex-{version}"


def replays(corpus, agents):
    for run in sorted(corpus.glob("*/*/run.json")):
        for kind in ("capture", "rollouts"):
            replay = Replay(run.parent, kind)
            if replay.agent in agents or replay.cannot():
                yield replay
        replay = Replay(run.parent, "commands")
        if replay.agent in agents.difference(REPEATS_COMMAND) and run.parent.name.startswith(ANSWERED):
            yield replay
        if replay.agent in agents and run.parent.name in LIVE:
            yield Replay(run.parent, "live")
    for name, scenario, other in OTHERS:
        if (corpus / name / scenario).is_dir() and {name, other} <= agents:
            yield Replay(corpus / name / scenario, "capture", other)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("program", type=Path)
    parser.add_argument("corpus", type=Path)
    parser.add_argument("--all", action="store_true")
    parser.add_argument("--jobs", type=int, default=4)
    parser.add_argument("names", nargs="*")
    options = parser.parse_intermixed_args()
    program, corpus = options.program.absolute(), options.corpus.absolute()
    agents = set(installed())
    agent.leave_network()
    chosen = [replay for replay in replays(corpus, agents) if replay.is_chosen(options)]
    right = total = 0
    start = time.monotonic()

    def outcome(replay):
        if reason := replay.cannot():
            return None, f"skipped: {reason}"
        try:
            return replay(program)
        except (OSError, ValueError, subprocess.TimeoutExpired) as error:
            return None, repr(error)

    with ThreadPoolExecutor(options.jobs) as pool:
        for replay, (report, told) in zip(chosen, pool.map(outcome, chosen)):
            if told.startswith("skipped"):
                print(f"{replay.name:60} {told}", flush=True)
                continue
            total += 1
            is_right, lines = replay.judge(program, report, told)
            right += is_right
            print(f"{replay.name:60} {'ok' if is_right else 'FAILED'}", flush=True)
            for line in [] if is_right else lines:
                print(f"    {line[:300]}", flush=True)
    print(f"replay: {right} of {total} ({time.monotonic() - start:.0f} s)")
    sys.exit(right != total)


if __name__ == "__main__":
    main()
