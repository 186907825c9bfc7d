#!/usr/bin/env python3
"""Compares what real runs sent with what they left on disk: as they are, and with one thing changed.

usage: wire_against_disk.py TRACE_DIFF CORPUS
"""

import collections
import copy
import json
import random
import subprocess
import sys
import tempfile
from pathlib import Path

from tally import check, finish

PROGRAM, CORPUS = Path(sys.argv[1]).absolute(), Path(sys.argv[2])
RUNS_PER_MUTATION = 12


def findings(capture, rollouts):
    """What counts in the report, or None where there is none."""
    argv = [PROGRAM, capture, "--rollout", rollouts, "--format", "json"]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=120)
    try:
        report = json.loads(done.stdout)
    except ValueError:
        return None
    # The scripted servers of three scenarios break the grammar of streams, which is another contract.
    is_ours = lambda f: f["source"] == "check" and f["rule"].startswith("rollout-")
    counting = [f for f in report["findings"] if is_ours(f) and f["level"] != "note"]
    if done.returncode != bool([f for f in report["findings"] if f["level"] != "note"]):
        return None
    return counting


def told(found):
    if found is None:
        return "no report, or another exit code than it asks for"
    places = ((f, (f.get("rollout") or {}).get("record")) for f in found)
    return "\n".join(f"{f['rule']} {f['exchange']['candidate']} {f['pointer']} record {r}: {f['message']}" for f, r in places)


def runs():
    return [run.parent for run in sorted(CORPUS.glob("*codex-*/*/rollouts"))]


def as_they_are():
    """No finding in any run, over the wire and by its trace."""
    clean = collections.Counter()
    for run in runs():
        for name in ("capture.jsonl", "trace"):
            if (run / name).exists():
                found = findings(run / name, run / "rollouts")
                check(f"{run.parent.name}/{run.name} {name} against its rollouts", found == [], told(found))
                clean[run.parent.name, "runs"] += 1
                clean[run.parent.name, "clean"] += found == []
    for agent in sorted({agent for agent, _ in clean}):
        print(f"wire against disk, {agent}: {clean[agent, 'clean']} of {clean[agent, 'runs']} clean")


def items(records, wanted):
    is_item = lambda r: r["type"] == "response_item" and wanted(r["payload"])
    return [number for number, record in enumerate(records) if is_item(record)]


def role(name):
    return lambda item: item["type"] == "message" and item["role"] == name


def is_call(item):
    return item["type"] in ("function_call", "custom_tool_call")


def is_output(item):
    return item["type"] in ("function_call_output", "custom_tool_call_output") and isinstance(item["output"], str)


def drop(wanted):
    def change(records, chance):
        number = chance.choice(items(records, wanted))
        del records[number]
        return None

    return change


def twice(wanted):
    def change(records, chance):
        number = chance.choice(items(records, wanted))
        records.insert(number + 1, copy.deepcopy(records[number]))
        return None

    return change


def alter(wanted, edit):
    def change(records, chance):
        number = chance.choice(items(records, wanted))
        edit(records[number]["payload"])
        return number

    return change


def reword(item):
    if "encrypted_content" in item:
        item["encrypted_content"] += "x"
    else:
        item["content"][0]["text"] += " and more"


def other_arguments(item):
    key = "arguments" if item["type"] == "function_call" else "input"
    item[key] = '{"other":1}'


def other_output(item):
    item["output"] += " and more"


def rename(item):
    item["name"] += "_x"


def of_compaction(edit):
    def change(records, chance):
        numbers = [n for n, r in enumerate(records) if r["type"] == "compacted" and r["payload"]["replacement_history"]]
        number = chance.choice(numbers)
        edit(records[number]["payload"]["replacement_history"])
        return number

    return change


def other_usage(records, chance):
    numbers = [n for n, r in enumerate(records) if r["type"] == "token_usage_record"]
    number = chance.choice(numbers)
    records[number]["payload"]["usage"]["output_tokens"] += 7
    return number


def other_thread(records, chance):
    records[0]["payload"]["id"] = "01a1fbda-0000-7000-8000-000000000000"
    return 0


# Each changes the records of a rollout and gives the number of the record that a finding has to name, or None where
# what is missing or doubled has no record of its own.
MUTATIONS = {
    "answer dropped": drop(role("assistant")),
    "answer altered": alter(role("assistant"), reword),
    "answer twice": twice(role("assistant")),
    "user message altered": alter(role("user"), reword),
    "context altered": alter(role("developer"), reword),
    "call dropped": drop(is_call),
    "arguments altered": alter(is_call, other_arguments),
    "tool renamed": alter(is_call, rename),
    "output dropped": drop(is_output),
    "output altered": alter(is_output, other_output),
    "compaction's item dropped": of_compaction(lambda kept: kept.pop()),
    "compaction's item altered": of_compaction(lambda kept: reword(kept[-1])),
    "usage altered": other_usage,
    "thread id altered": other_thread,
}


def main_rollout(run):
    """The records of the rollout of the first request's thread, with the file; None where the run has several."""
    files = list((run / "rollouts").rglob("*.jsonl"))
    if len(files) != 1:
        return None
    return files[0], [json.loads(line) for line in files[0].open()]


def with_one_thing_changed():
    """Each change to the disk is found, at the record that was changed."""
    candidates = [(run, main_rollout(run)) for run in runs()]
    for name, mutate in MUTATIONS.items():
        chance = random.Random(name)
        chance.shuffle(candidates)
        applied = 0
        for run, rollout in candidates:
            if rollout is None or applied == RUNS_PER_MUTATION:
                continue
            file, records = rollout[0], copy.deepcopy(rollout[1])
            try:
                number = mutate(records, chance)
            except (IndexError, KeyError):
                continue
            applied += 1
            with tempfile.TemporaryDirectory() as folder:
                changed = Path(folder) / file.name
                changed.write_text("".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records))
                found = findings(run / "capture.jsonl", changed)
            is_there = bool(found) and (
                number is None or any((f.get("rollout") or {}).get("record") == number for f in found)
            )
            check(f"{name} in {run.parent.name}/{run.name}, record {number}", is_there, told(found))
        check(f"{name}: somewhere to apply", applied)


as_they_are()
with_one_thing_changed()
finish("end to end, wire against disk")
