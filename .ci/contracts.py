#!/usr/bin/env python3
"""Holds the real codex to what its profile says of failures and compactions, over `trace-diff serve`.

usage: contracts.py TRACE_DIFF [--jobs N] [NAME...]

Each contract is a run of the agent, with small limits, into what a script has for it. The check of what was recorded, traffic
and rollouts, has to pass with the built-in profile and with one that states those limits; with a profile in which one value
is another, or with a recording in which one thing is, it has to name exactly the rule that this breaks. Installs codex from npm
below target/. Nothing is sent to any other address.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import agent
import contract
import contracts_compaction
import contracts_retry

VERSION = "0.169.0"
CONTRACTS = (*contracts_retry.CONTRACTS, *contracts_compaction.CONTRACTS)
ABSENT = contracts_retry.ABSENT


def outcome(program, codex, one, folder):
    """What is wrong, or None; and the seconds that it took."""
    start = time.monotonic()
    try:
        contract.hold(program, codex, one, folder)
        wrong = None
    except (contract.Failure, OSError, ValueError, KeyError, IndexError, subprocess.TimeoutExpired) as error:
        wrong = str(error) if isinstance(error, contract.Failure) else repr(error)
    return wrong, time.monotonic() - start


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("program", type=lambda name: Path(name).absolute())
    parser.add_argument("--jobs", type=int, default=4)
    parser.add_argument("names", nargs="*", help="rows or conditions; all without")
    arguments = parser.parse_args()
    folder = agent.install_from_npm(f"codex-{VERSION}", f"@openai/codex@{VERSION}")
    if folder is None:
        return
    codex = agent.Codex(VERSION, folder)
    agent.leave_network()
    wanted = set(arguments.names)
    chosen = [one for one in CONTRACTS if not wanted or {one.row, one.name} & wanted]
    right = []
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name, ThreadPoolExecutor(arguments.jobs) as pool:
        started = [
            pool.submit(outcome, arguments.program, codex, one, Path(name) / str(number))
            for number, one in enumerate(chosen)
        ]
        for one, future in zip(chosen, started):
            wrong, seconds = future.result()
            print(f"{'FAILED' if wrong else 'ok':6} {seconds:4.1f} s  {one.row}: {one.name}", flush=True)
            if wrong:
                print(f"    {wrong}", flush=True)
            right.append(not wrong)
    for what, reason in ABSENT:
        print(f"skipped: {what} ({reason})")
    print(f"contracts: {sum(right)} of {len(right)}")
    sys.exit(not all(right))


main()
