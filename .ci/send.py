#!/usr/bin/env python3
"""Plays recorded requests with `trace-diff send` at servers that others wrote, and at our own.

usage: send.py TRACE_DIFF [--all]

* `trace-diff serve CAPTURE` answers what was recorded: nothing is found, with --exact.
* pycodex's compat server (python-codex from PyPI, installed below target/), which answers from a chat backend that we serve: what it is
  known to answer otherwise is found, and nothing else.
* with --all: LiteLLM's proxy before our server and before the chat backend, and aimock. They are large to install.

What is known of each is in docs/send.md.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.error
from pathlib import Path

import agent
import agents

HERE = Path(__file__).resolve().parent
FIXTURES = HERE.parent / "fixtures" / "captures"
CHAT = HERE / "scripts" / "chat-backend.toml"
SHELL = FIXTURES / "codex-0.169.0-02-shell-roundtrip.jsonl"
SOCKET = FIXTURES / "codex-0.169.0-25e-websocket-two-turns.jsonl"
COMPACT = FIXTURES / "codex-0.115.0-35-remote-compaction.jsonl"
READY_S = 120
LITELLM, AIMOCK = "1.106.2", "1.43.0"

# What the compat server of python-codex 0.5.1 does otherwise than the Responses API: events and fields that Codex reads.
COMPAT = {"answer-event-missing", "answer-field-missing"}
# Captures whose requests it takes: later versions of codex have tools that it refuses.
COMPAT_CAPTURES = {
    "pycodex-0.5.1-02-shell-roundtrip": COMPAT,
    "codex-0.115.0-02-shell-roundtrip": COMPAT,
    "pycodex-0.5.1-17-autocompact-preturn": COMPAT,
    "codex-0.169.0-02-shell-roundtrip": {"answer-status"},
    "codex-0.115.0-35-remote-compaction": {"answer-field-missing", "answer-status"},
}
# Left out: the server answers every request for models with the first recorded answer, whatever its id.
NOT_PLAYED = {"codex-0.169.0-39-chatgpt-auth"}


class Failure(Exception):
    """What is not as it should be."""


def send(program, capture, url, *options):
    """The rules that count, those of notes, and what was told on the way."""
    argv = [program, "send", capture, "--to", url, "--format", "json", "--timeout", "60s", *options]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=300)
    if done.returncode not in (0, 1):
        raise Failure(f"send ends with {done.returncode}: {done.stderr[-600:]}")
    report = json.loads(done.stdout)
    counted = {finding["rule"] for finding in report["findings"] if finding["level"] != "note"}
    if (done.returncode == 1) != bool(counted):
        raise Failure(f"send ends with {done.returncode} and finds {counted}")
    notes = {finding["rule"] for finding in report["findings"] if finding["level"] == "note"}
    return counted, notes, done.stderr


def expect(found, wanted):
    if found != wanted:
        raise Failure(f"found {sorted(found)}, expected {sorted(wanted)}")


class Program:
    """A server that somebody else wrote, ready when it answers at `ready`."""

    def __init__(self, argv, environment, ready, log):
        self.log = log
        with log.open("wb") as out:
            self.process = subprocess.Popen(
                argv, env=environment, stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True
            )
        until = time.monotonic() + READY_S
        while not self.answers(ready):
            if self.process.poll() is not None or time.monotonic() > until:
                raise Failure(f"it does not start: {log.read_text(errors='replace')[-600:]}")
            time.sleep(0.1)

    @staticmethod
    def answers(url):
        try:
            with agent.DIRECTLY.open(url, timeout=2):
                return True
        except urllib.error.HTTPError:
            return True
        except OSError:
            return False

    def stop(self):
        agent.kill(self.process)


def free_port():
    import socket

    with socket.socket() as any_socket:
        any_socket.bind(("127.0.0.1", 0))
        return any_socket.getsockname()[1]


def environment(**more):
    return {"PATH": os.environ["PATH"], "HOME": "/nonexistent", "NO_PROXY": "127.0.0.1,localhost", **more}


def own(program, folder):
    """Our own server plays what was recorded."""
    played = 0
    for capture in sorted(FIXTURES.glob("*.jsonl")):
        if capture.stem in NOT_PLAYED:
            continue
        server = agent.Server(program, capture, new(folder, capture.stem))
        try:
            counted, _, _ = send(program, capture, server.url + "/v1", "--exact")
        finally:
            server.stop()
        if counted:
            raise Failure(f"{capture.stem}: found {sorted(counted)}")
        played += 1
    return f"{played} captures, answered exactly as recorded"


def new(folder, name):
    path = folder / name
    path.mkdir(parents=True)
    return path


def compat(program, folder):
    """pycodex's compat server, before a chat backend that we serve."""
    packages = agent.install_from_pypi(agents.PYCODEX, f"python-codex=={agents.PYCODEX.partition('-')[2]}")
    if not packages:
        return None
    for name, wanted in COMPAT_CAPTURES.items():
        place = new(folder, name)
        backend = agent.Server(program, CHAT, place)
        port = free_port()
        argv = [sys.executable, "-m", "responses_server", "--port", str(port)]
        argv += ["--outcomming-base-url", backend.url + "/v1"]
        server = Program(argv, environment(PYTHONPATH=str(packages)), f"http://127.0.0.1:{port}/health", place / "log")
        try:
            counted, _, _ = send(program, FIXTURES / f"{name}.jsonl", f"http://127.0.0.1:{port}/v1")
        finally:
            server.stop()
            backend.stop()
        expect(counted, wanted)
    return f"{len(COMPAT_CAPTURES)} captures, its known gaps found"


LITELLM_CONFIG = """
model_list:
  - model_name: gpt-5.5
    litellm_params: {{model: openai/gpt-5.5, api_base: "{responses}/v1", api_key: sk-fake-0000}}
  - model_name: chat
    litellm_params: {{model: deepseek/chat, api_base: "{chat}/v1", api_key: sk-fake-0000}}
litellm_settings: {{telemetry: false, num_retries: 0}}
"""


def litellm(program, folder):
    """LiteLLM's proxy: before our server it has to pass on what was recorded; before a chat backend it makes events itself."""
    packages = agent.install_from_pypi(f"litellm-{LITELLM}", f"litellm[proxy]=={LITELLM}")
    if not packages:
        return None
    for name in ("exact", "form", "chat"):
        place = new(folder, name)
        served = agent.Server(program, SHELL, new(place, "responses"))
        backend = agent.Server(program, CHAT, new(place, "chat"))
        config, port = place / "config.yaml", free_port()
        config.write_text(LITELLM_CONFIG.format(responses=served.url, chat=backend.url))
        argv = [sys.executable, packages / "bin" / "litellm", "--config", config, "--port", str(port), "--host", "127.0.0.1"]
        found = environment(
            PYTHONPATH=str(packages),
            LITELLM_LOCAL_MODEL_COST_MAP="True",
            LITELLM_DANGEROUSLY_PERMIT_WEAK_OR_UNSET_MASTER_KEY="true",
            HTTPS_PROXY=agent.NOWHERE,
        )
        url = f"http://127.0.0.1:{port}"
        server = Program(argv, found, f"{url}/health/liveliness", place / "log")
        try:
            if name == "exact":
                counted, _, _ = send(program, SHELL, f"{url}/v1", "--exact", "--ignore", "/response/headers")
                expect(counted, {"event-added", "key-added"})
            elif name == "form":
                expect(send(program, SHELL, f"{url}/v1")[0], set())
            else:
                expect(send(program, SHELL, f"{url}/v1", "--model", "chat")[0], {"answer-field-missing"})
        finally:
            server.stop()
            served.stop()
            backend.stop()
    return "passes on the form of what was recorded, not the letter"


AIMOCK_FIXTURES = {"fixtures": [
    {"match": {"userMessage": "Run printf"}, "response": {"toolCalls": [{"name": "exec_command", "arguments": "{\"cmd\":\"ls\"}"}]}},
    {"match": {}, "response": {"content": "All done."}},
]}


def aimock(program, folder):
    """aimock, over HTTP and WebSocket."""
    packages = agent.install_from_npm(f"aimock-{AIMOCK}", f"@copilotkit/aimock@{AIMOCK}")
    if not packages:
        return None
    (folder / "fixtures.json").write_text(json.dumps(AIMOCK_FIXTURES))
    port = free_port()
    argv = [packages / "node_modules/.bin/aimock", "--port", str(port), "--fixtures", folder / "fixtures.json"]
    server = Program(argv, environment(), f"http://127.0.0.1:{port}/health", folder / "log")
    try:
        url = f"http://127.0.0.1:{port}/v1"
        expect(send(program, SHELL, url)[0], {"answer-field-missing"})
        counted, notes, _ = send(program, SOCKET, url)
        expect(counted, set())
        if "answer-no-websocket" in notes:
            raise Failure("its WebSocket was not opened")
        expect(send(program, COMPACT, url)[0], {"answer-field-missing", "answer-status"})
    finally:
        server.stop()
    return "its known gaps found, over HTTP and WebSocket"


def main():
    program, wants_all = Path(sys.argv[1]).absolute(), "--all" in sys.argv[2:]
    cases = {"trace-diff serve": own, "pycodex compat server": compat}
    others = {"LiteLLM proxy": litellm, "aimock": aimock}
    if wants_all:
        cases |= others
    else:
        print(f"skipped: send to {' and '.join(others)} (large to install; send.py --all has them)")
    right = []
    for name, case in cases.items():
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as scratch:
            try:
                told, wrong = case(program, Path(scratch)), None
            except (Failure, OSError, ValueError, subprocess.TimeoutExpired) as error:
                told, wrong = None, error
        if told or wrong:
            print(f"{name:24} {told or f'FAILED: {wrong}'}", flush=True)
            right.append(not wrong)
    if right:
        print(f"send: {sum(right)} of {len(right)}")
    sys.exit(not all(right))


if __name__ == "__main__":
    main()
