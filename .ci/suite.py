#!/usr/bin/env python3
"""Plays the suite that comes with the program to real agents: `trace-diff run --suite`.

usage: suite.py TRACE_DIFF

Installs codex from npm and pycodex from PyPI below target/. Every scenario must end as the suite expects of the agent, and a second
run with codex must give the same report, byte for byte. Nothing is sent to any address but 127.0.0.1.
"""

import json
import shlex
import subprocess
import sys
import time
from pathlib import Path

import agent
from agents import NEW, PYCODEX


def installed():
    """Agents by name, and what runs each."""
    version = NEW.partition("-")[2]
    if folder := agent.install_from_npm(NEW, f"@openai/codex@{version}"):
        yield f"codex@{version}", [str(folder / "node_modules/.bin/codex")]
    version = PYCODEX.partition("-")[2]
    if folder := agent.install_from_pypi(PYCODEX, f"python-codex=={version}"):
        call = "from pycodex.cli import main; raise SystemExit(main())"
        # Without the packages of this Python: pycodex does another thing where it finds PIL.
        yield f"pycodex@{version}", ["env", f"PYTHONPATH={folder}", sys.executable, "-S", "-c", call]


def run(program, name, command):
    """The report, and how long it took."""
    begun = time.monotonic()
    argv = [program, "run", "--suite", f"--agent={name}={shlex.join(command)}", "--format", "json"]
    done = subprocess.run(argv, capture_output=True, text=True)
    if done.returncode not in (0, 1):
        sys.exit(f"{name}: {done.stderr}")
    return done.stdout, time.monotonic() - begun


def main():
    program = Path(sys.argv[1]).absolute()
    agents = list(installed())
    agent.leave_network()
    right = total = 0
    reports = {}
    for name, command in agents:
        report, seconds = run(program, name, command)
        reports[name] = report
        for row in json.loads(report)["scenarios"]:
            cell = row["cells"][0]
            total += 1
            right += cell["verdict"] != "fails"
            print(f"{name:16} {row['name']:36} {cell['verdict']}", flush=True)
            for finding in cell["findings"]:
                print(f"    {finding['rule']}: {finding['message'][:300]}", flush=True)
        print(f"{name}: {seconds:.0f} s", flush=True)
    for name, command in agents[:1]:
        total += 1
        is_same = run(program, name, command)[0] == reports[name]
        right += is_same
        print(f"{name:16} {'a second run gives the same report':36} {'ok' if is_same else 'FAILED'}", flush=True)
    print(f"run: {right} of {total}")
    sys.exit(right != total)


if __name__ == "__main__":
    main()
