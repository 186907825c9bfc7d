#!/usr/bin/env python3
"""Records sessions of a real agent with `trace-diff record` in front of `trace-diff serve`, and holds both captures together.

usage: record.py TRACE_DIFF [SCENARIO...]

Installs codex from npm and pycodex from PyPI below target/. What the proxy recorded must be what the server recorded, record for
record, up to what a proxy may change: `host`, times, the order in which connections were made, and what the server notes about its script.
In addition a comparison of both must find nothing, and a run against nothing but the recorded answers must send what was recorded.
"""

import json
import signal
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import agent
import agents

AT_ONCE = 3
SCENARIOS = (
    (agents.NEW, "02-shell-roundtrip"),
    (agents.NEW, "09-http-429-retry-after"),
    (agents.NEW, "10-stream-cut-then-ok"),
    (agents.NEW, "10c-stream-reset-then-ok"),
    (agents.NEW, "25-websocket"),
    (agents.NEW, "25c-websocket-cut"),
    (agents.NEW, "39-chatgpt-auth"),
    (agents.PYCODEX, "02-shell-roundtrip"),
)


class Recorder:
    """A `trace-diff record`."""

    def __init__(self, program, upstream, folder, *options):
        self.capture = folder / "recorded.jsonl"
        argv = [program, "record", "--upstream", upstream, "--capture", self.capture, *options]
        self.process = subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        ready = self.process.stdout.readline()
        if not ready:
            raise OSError(self.process.stderr.read())
        self.url = ready.split()[-1]

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        _, told = self.process.communicate(timeout=agent.TIMEOUT_S)
        return self.process.returncode, told.strip()


def exchanges(capture):
    """The records of each exchange without what a proxy may change, sorted: connections race."""
    found = {}
    for line in capture.read_text().splitlines():
        record = json.loads(line)
        if "exchange" not in record:
            continue
        kept = {key: value for key, value in record.items() if key not in ("exchange", "at_ms", "connection", "expanded")}
        if "headers" in kept:
            kept["headers"] = [field for field in kept["headers"] if field[0].lower() != "host"]
        if "extra" in kept:
            noted = kept.pop("extra")["json"]
            kept["noted"] = {key: value for key, value in noted.items() if key not in ("step", "violation")}
            kept = {key: value for key, value in kept.items() if key != "noted" or value}
        found.setdefault(record["exchange"], []).append(json.dumps(kept))
    return sorted(found.values())


def differences(server, recorder):
    ours, theirs = exchanges(recorder), exchanges(server)
    if len(ours) != len(theirs):
        return f"{len(ours)} exchanges, the server has {len(theirs)}"
    for one, other in zip(ours, theirs):
        if one != other:
            pairs = [pair for pair in zip(one, other) if pair[0] != pair[1]] or [(str(len(one)), str(len(other)))]
            return f"recorded {pairs[0][0][:600]} where the server has {pairs[0][1][:600]}"
    return None


def run(program, tested, scenario, folder):
    """What went wrong, or None."""
    folder.mkdir(parents=True)
    script = agents.SCRIPTS / f"{scenario.script or scenario.name}.toml"
    server = agent.Server(program, script, folder)
    # What the agent asks for beside the model is not below /v1.
    url = server.url if "requires_openai_auth" in scenario.options else server.url + "/v1"
    recorder = Recorder(program, url, folder)
    place = agent.Place(folder, tested.model, recorder.url, scenario.options)
    code, told = tested.drive(place, scenario.processes, server.busy)
    status, said = recorder.stop()
    server.stop()
    if status != 0 or "none seen that is left" not in said:
        return f"the recorder ended with {status}: {said}"
    if code != scenario.code or scenario.told not in told:
        return f"the agent ended with {code}: {told[-800:]!r}"
    if wrong := differences(server.capture, recorder.capture):
        return wrong
    done = subprocess.run([program, server.capture, recorder.capture], capture_output=True, text=True)
    if done.returncode != 0:
        return f"the comparison finds {done.stdout[-800:]}{done.stderr}"
    return replay(program, tested, scenario, folder, recorder.capture)


def replay(program, tested, scenario, folder, recorded):
    """The same session from what was recorded, with an upstream that nobody reaches."""
    if "cut" in scenario.name or "reset" in scenario.name:
        return None
    again = folder / "again"
    again.mkdir()
    recorder = Recorder(program, agent.NOWHERE, again, "--mode", "replay-or-record", "--from", recorded)
    place = agent.Place(again, tested.model, recorder.url, scenario.options)
    code, told = tested.drive(place, scenario.processes)
    _, said = recorder.stop()
    if code != scenario.code or scenario.told not in told:
        return f"from what was recorded the agent ended with {code}: {told[-800:]!r} {said}"
    done = subprocess.run([program, recorded, recorder.capture, "--only", "/request"], capture_output=True, text=True)
    return None if done.returncode == 0 else f"what is sent to recorded answers differs: {done.stdout[-800:]}"


def main():
    program, wanted = Path(sys.argv[1]).absolute(), set(sys.argv[2:])
    installed = {}
    if folder := agent.install_from_npm(agents.NEW, f"@openai/codex@{agents.NEW.partition('-')[2]}"):
        installed[agents.NEW] = agent.Codex(agents.NEW.partition("-")[2], folder)
    if folder := agent.install_from_pypi(agents.PYCODEX, f"python-codex=={agents.PYCODEX.partition('-')[2]}"):
        installed[agents.PYCODEX] = agent.Pycodex(agents.PYCODEX.partition("-")[2], folder)
    agent.leave_network()
    right = []
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name, ThreadPoolExecutor(AT_ONCE) as pool:

        def outcome(tested, scenario):
            try:
                return run(program, tested, scenario, Path(name) / tested.name / scenario.name)
            except (OSError, ValueError, subprocess.TimeoutExpired) as error:
                return repr(error)

        started = []
        for agent_name, scenario_name in SCENARIOS:
            scenario = next(s for s in agents.SCENARIOS if s.name == scenario_name and agent_name in s.agents)
            if agent_name in installed and (not wanted or wanted & {agent_name, scenario_name}):
                tested = installed[agent_name]
                started.append((tested, scenario, pool.submit(outcome, tested, scenario)))
        for tested, scenario, future in started:
            wrong = future.result()
            print(f"{tested.name:14} {scenario.name:32} {'FAILED' if wrong else 'recorded as it was served'}", flush=True)
            if wrong:
                print(f"    {wrong}", flush=True)
            right.append(not wrong)
    if right:
        print(f"record: {sum(right)} of {len(right)}")
    sys.exit(not all(right))


if __name__ == "__main__":
    main()
