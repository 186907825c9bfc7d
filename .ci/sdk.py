#!/usr/bin/env python3
"""Lets the official OpenAI SDKs for Python and Node talk to `trace-diff serve`.

usage: sdk.py TRACE_DIFF

The script has every entry that a reply can have, and every end. The Python SDK's types are checked as it runs, the Node
SDK's by the TypeScript compiler on the events as they came. The events of every other kind that the Python SDK knows are
sent too. Installs the SDKs below target/; nothing is sent to any other address.
"""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import agent

HERE = Path(__file__).resolve().parent
PYTHON = ("openai==3.54.0", "websockets==17.1")
NODE = ("openai@6.49.0", "typescript@7.0.2", "ws")

# What the script replies: type, and members that tell it.
EXPECTED = (
    ("reasoning", {"encrypted_content": "gAAAAAfake"}),
    ("message", {"phase": "commentary"}),
    ("web_search_call", {"status": "completed"}),
    ("image_generation_call", {"result": "aGVsbG8="}),
    ("function_call", {"name": "exec_command", "arguments": '{"cmd":"printf hello"}'}),
    ("function_call", {"name": "spawn_agent", "namespace": "multi_agent_v1"}),
    ("custom_tool_call", {"input": "*** Begin Patch\n*** End Patch\n"}),
    ("local_shell_call", {"status": "completed"}),
    ("local_shell_call", {"status": "completed"}),
    ("tool_search_call", {"status": "completed"}),
    ("additional_tools", {}),
    ("compaction", {"encrypted_content": "gAAAAAfake"}),
    ("message", {}),
    ("message", {"phase": "final_answer"}),
)


# The compiler finds members that are missing or of another type. That the API sends more than the types know, and null for
# what they call optional, is as it should be.
TYPES = """
import type { ResponseStreamEvent } from "openai/resources/responses/responses";
type Mutable<T> = 0 extends 1 & T ? T : { -readonly [K in keyof T]: Mutable<T[K]> };
const sent = <const T>(event: T) => event as Mutable<T>;
const is = (event: ResponseStreamEvent) => event;
"""


class Failure(Exception):
    """What an SDK can't do with the server."""


def call(argv, **options):
    done = subprocess.run(argv, capture_output=True, text=True, timeout=agent.TIMEOUT_S, **options)
    if done.returncode != 0:
        raise Failure(f"{done.stdout[-1000:]}{done.stderr[-2000:]}")
    return done.stdout


def serve(program, script, argv, **options):
    """What a client prints whose last argument is the address of a server."""
    with tempfile.TemporaryDirectory() as folder:
        return serve_in(program, script, Path(folder), argv, options)


def serve_in(program, script, folder, argv, options):
    server = agent.Server(program, script, folder)
    try:
        told = call([*argv, f"{server.url}/v1"], **options)
    finally:
        status, violations = server.stop()
    if status != 0:
        raise Failure(violations)
    return told


def without_parsed(value):
    """Output without what the SDKs add to it."""
    if isinstance(value, list):
        return list(map(without_parsed, value))
    if isinstance(value, dict):
        return {key: without_parsed(member) for key, member in value.items() if not key.startswith("parsed")}
    return value


def check(told):
    """The events that a client saw, and whether it made of them what the script says."""
    seen = json.loads(told)
    output = without_parsed(seen["final"]["output"])
    got = [(item["type"], {key: item.get(key) for key in members}) for item, (_, members) in zip(output, EXPECTED)]
    if got != list(EXPECTED) or len(output) != len(EXPECTED):
        raise Failure(f"expected {EXPECTED}, got {json.dumps(output)}")
    if output != (sent := without_parsed(seen["last"]["output"])):
        raise Failure(f"sent {json.dumps(sent)}, got {json.dumps(output)}")
    return seen["events"]


def python(program, sdk, folder):
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(sdk)}
    client = [sys.executable, HERE / "sdk_client.py"]
    events = check(serve(program, HERE / "scripts/sdk.toml", [*client, "ask"], env=environment))
    examples = json.loads(call([*client, "examples"], env=environment))
    (folder / "examples.json").write_text(json.dumps(examples))
    script = folder / "script.json"
    script.write_text(json.dumps({"version": 1, "step": [{"events": examples, "templates": False}]}))
    serve(program, script, [*client, "get", folder / "examples.json"], env=environment)
    return f"{len(events)} events, {len({event['type'] for event in events})} kinds, and all {len(examples)} that it knows"


def node(program, sdk, _):
    events = check(serve(program, HERE / "scripts/sdk.toml", ["node", HERE / "sdk_client.mjs"], cwd=sdk))
    for event in events:
        if "response" in event:
            event["response"]["output_text"] = ""  # the SDK's own, though its type requires it
    lines = [TYPES, *(f"is(sent({json.dumps(event)}));" for event in events)]
    (sdk / "events.ts").write_text("\n".join(lines))
    options = "--noEmit --strict --strictNullChecks false --skipLibCheck --target es2022 --module nodenext"
    call(["node_modules/.bin/tsc", *options.split(), "events.ts"], cwd=sdk)
    return f"{len(events)} events, {len({event['type'] for event in events})} kinds, as its types say"


def main():
    program = Path(sys.argv[1]).absolute()
    sdks = {
        f"{PYTHON[0]} (Python)": (python, agent.install_from_pypi("openai-python", *PYTHON)),
        f"{NODE[0]} (Node)": (node, agent.install_from_npm("openai-node", *NODE)),
    }
    agent.leave_network()
    is_right = True
    for name, (run, sdk) in sdks.items():
        if sdk is None:
            continue
        with tempfile.TemporaryDirectory() as folder:
            try:
                print(f"sdk: {name}: {run(program, sdk, Path(folder))}", flush=True)
            except (Failure, OSError, subprocess.TimeoutExpired) as error:
                print(f"sdk: {name}: FAILED\n{error}", flush=True)
                is_right = False
    sys.exit(not is_right)


main()
