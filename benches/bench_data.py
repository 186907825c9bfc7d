"""Makes the inputs of the benchmarks from a directory of real rollouts and captures.

Everything is seeded: the same corpus gives the same files.
"""

import copy
import hashlib
import itertools
import json
import random
import re
import uuid
from pathlib import Path

WORDS = (
    "the a file error test build crate module function returns value index parse "
    "stream event tool call output line"
).split()
UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
EXCHANGES_PER_THREAD = 10


def compact(value):
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def words(rng, count):
    return " ".join(rng.choice(WORDS) for _ in range(count))


def find_rollouts(corpus):
    """The undamaged rollout files below a directory."""
    return sorted(
        path
        for path in Path(corpus).rglob("rollout-*.jsonl")
        if "damaged" not in path.parts
    )


def find_capture(corpus, agent):
    """A raw-exchange capture of one shell call by the newest version of an agent, or None."""
    return max(Path(corpus).glob(f"{agent}-*/02-shell-roundtrip/capture.jsonl"), default=None)


def make_rollouts(corpus, out, megabytes):
    """Repeats the records of all rollouts, bytes as they are, until the file has the size; returns their number."""
    lines = [
        line
        for path in find_rollouts(corpus)
        for line in path.read_bytes().splitlines(keepends=True)
        if line.strip() and line.endswith(b"\n")
    ]
    random.Random(1).shuffle(lines)
    written = records = 0
    with open(out, "wb") as file:
        for line in itertools.cycle(lines):
            if written >= megabytes * 1_000_000:
                return records
            written += file.write(line)
            records += 1


def history_item(rng, number):
    text = f"{words(rng, 60)} #{number}"
    kind = number % 3
    if kind == 0:
        return {"type": "message", "role": "user", "content": [{"type": "input_text", "text": text}]}
    if kind == 1:
        call = {"type": "function_call", "name": "exec_command", "call_id": f"call_{number}"}
        return {**call, "arguments": compact({"cmd": text})}
    return {"type": "function_call_output", "call_id": f"call_{number - 1}", "output": text}


def make_bodies(capture, baseline, candidate, megabytes):
    """Writes a request body with a long history, and one with an item inserted in the middle and four edits."""
    rng = random.Random(7)
    first = json.loads(Path(capture).read_text().splitlines()[0])
    body = first["request"]["body"]
    size = len(compact(body))
    while size < megabytes * 1_000_000:
        item = history_item(rng, len(body["input"]))
        body["input"].append(item)
        size += len(compact(item)) + 1
    Path(baseline).write_text(compact(body))

    body["input"][-1] = edited_item(body["input"][-1])
    inserted = {"type": "message", "role": "developer", "content": [{"type": "input_text", "text": "an inserted item"}]}
    body["input"].insert(len(body["input"]) // 2, inserted)
    body["prompt_cache_key"] = str(uuid.UUID(int=rng.getrandbits(128), version=4))
    body.pop("include", None)
    body["tools"][0]["description"] += " One sentence more."
    Path(candidate).write_text(compact(body))


def edited_item(item):
    item = copy.deepcopy(item)
    if "content" in item:
        item["content"][0]["text"] += " changed at the end"
    elif "output" in item:
        item["output"] += " changed at the end"
    else:
        item["arguments"] = item["arguments"][:-2] + ' changed at the end"}'
    return item


def fresh_ids(text, rng, thread):
    """Renames every id in a text, the same id the same way."""
    known = {}

    def rename(found):
        fresh = str(uuid.UUID(int=rng.getrandbits(128), version=4))
        return known.setdefault(found.group(), fresh[:14] + "7" + fresh[15:])

    text = UUID.sub(rename, text)
    return re.sub(r"\b(resp|call|msg|fc)_(\d+)\b(?!-)", rf"\1_{thread:04}\2", text)


def make_captures(capture, baseline, candidate, exchanges):
    """Writes two captures of many threads: the same work with other ids and times, and a few differences.

    Each thread resends its growing history. In the candidate one thread in twenty, at least one, has another
    user text and one in twenty repeats a request.
    """
    for out, seed in ((baseline, 11), (candidate, 12)):
        ids, content = random.Random(seed), random.Random(13)
        threads = (exchanges + EXCHANGES_PER_THREAD - 1) // EXCHANGES_PER_THREAD
        lines = []
        for thread in range(threads):
            count = min(EXCHANGES_PER_THREAD, exchanges - thread * EXCHANGES_PER_THREAD)
            text = compact(thread_exchanges(capture, content, thread, count))
            records = json.loads(fresh_ids(text, ids, thread))
            if seed == 12 and thread % 20 == min(3, threads - 1):
                change_user_text(records)
            if seed == 12 and thread % 20 == 7:
                records.append(copy.deepcopy(records[-1]))
            lines += records
        with open(out, "w") as file:
            for number, record in enumerate(lines, 1):
                file.write(compact(sealed(record, number, ids)) + "\n")


def thread_exchanges(capture, rng, thread, count):
    """The exchanges of one thread: the capture's last request with a history that grows by a call at a time."""
    records = [json.loads(line) for line in Path(capture).read_text().splitlines()]
    template = records[-1]
    template["request"]["body"]["input"] = records[0]["request"]["body"]["input"]
    user = template["request"]["body"]["input"][-1]
    user["content"][0]["text"] = f"{words(rng, 12)} in thread {thread}"
    made = []
    for number in range(count):
        exchange = copy.deepcopy(template)
        response = re.sub(r"\b(resp|msg|fc|req)_\d+\b", rf"\1_{number:04}", compact(exchange["response"]))
        exchange["response"] = json.loads(response)
        for header in exchange["request"]["headers"]:
            if header[0] == "x-codex-inference-call-id":
                header[1] = str(uuid.UUID(int=rng.getrandbits(128), version=4))
        made.append(exchange)
        call = {"type": "function_call", "name": "exec_command", "call_id": f"call_9{number:03}"}
        template["request"]["body"]["input"] += [
            {**call, "arguments": compact({"cmd": words(rng, 10)})},
            {"type": "function_call_output", "call_id": call["call_id"], "output": words(rng, 40)},
        ]
    return made


def change_user_text(records):
    for record in records:
        for item in record["request"]["body"]["input"]:
            text = item.get("content", [{}])[0].get("text", "")
            if "in thread" in text:
                item["content"][0]["text"] = text.replace("in thread", "in the thread")


def sealed(record, number, rng):
    """The record with its number, times, and the lengths and digest of its body."""
    record["seq"] = record["conn"] = number
    record["started_ms"] = number * 10 + rng.random()
    body = compact(record["request"]["body"]).encode()
    record["request"]["body_kind"] = "json-compact"
    record["request"]["body_bytes"] = record["request"]["wire_body_bytes"] = len(body)
    record["request"]["body_sha256"] = hashlib.sha256(body).hexdigest()
    for header in record["request"]["headers"]:
        if header[0].lower() == "content-length":
            header[1] = str(len(body))
    return record


def make_damaged(corpus, out, megabytes):
    """Repeats rollouts as `make_rollouts` does, then cuts a record short in each megabyte."""
    make_rollouts(corpus, out, megabytes)
    data = bytearray(out.read_bytes())
    for start in range(0, len(data), 1_000_000):
        end = data.find(b"\n", start)
        data[max(end - 5, start) : end] = b""
    out.write_bytes(data)


def make_session(corpus, out, megabytes):
    """Writes one long session: the rollout with the most turns, whose last turn with a call is repeated with fresh ids.

    Records get ordinals in order where the source has them. Returns the number of records.
    """
    found = None
    for source in find_rollouts(corpus):
        records = [json.loads(line) for line in source.read_text().split("\n") if line]
        starts = [at for at, record in enumerate(records) if record["payload"].get("type") == "task_started"]
        spans = [records[a:b] for a, b in zip(starts[1:], starts[2:])]
        span = next((span for span in spans if any("call_id" in r["payload"] for r in span)), None)
        if span and (found is None or len(starts) > found[0]):
            found = len(starts), records, starts, compact(span)
    _, records, starts, turn = found
    thread, rng = records[0]["payload"]["id"], random.Random(1)
    number = 0
    with open(out, "w") as file:
        written = 0
        repeated = records[: starts[1]]
        while written < megabytes * 1_000_000:
            for record in repeated:
                if "ordinal" in record:
                    record["ordinal"] = number
                number += 1
                written += file.write(compact(record) + "\n")
            fresh = {thread: thread}
            rename = lambda id: fresh.setdefault(id[0], str(uuid.UUID(int=rng.getrandbits(128), version=4)))
            repeated = json.loads(re.sub(r"\b(resp|call|msg|fc)_(\d\w*)", rf"\1_{number}_\2", UUID.sub(rename, turn)))
    return number


def make_long_session(corpus, out, megabytes):
    """Writes one long session of all numbered records of all rollouts over and over, each time with fresh ids.

    Long and short records are as agents write them. Returns the number of records.
    """
    records = [
        json.loads(line)
        for path in find_rollouts(corpus)
        for line in path.read_text().split("\n")
        if '"ordinal":' in line and line.endswith("}")
    ]
    meta = next(record for record in records if record["type"] == "session_meta")
    meta["payload"].pop("forked_from_id", None)
    meta["payload"].pop("history_base", None)
    turns = compact([record for record in records if record["type"] != "session_meta"])
    thread, rng = meta["payload"]["id"], random.Random(1)
    written = number = 0
    repeated = [meta]
    with open(out, "w") as file:
        while written < megabytes * 1_000_000:
            for record in repeated:
                record["ordinal"] = number
                number += 1
                written += file.write(compact(record) + "\n")
                if written >= megabytes * 1_000_000:
                    break
            fresh = {thread: thread}
            rename = lambda id: fresh.setdefault(id[0], str(uuid.UUID(int=rng.getrandbits(128), version=4)))
            repeated = json.loads(re.sub(r"\b(resp|call|msg|fc)_(\d\w*)", rf"\1_{number}_\2", UUID.sub(rename, turns)))
    return number


def make_sessions(corpus, home, count):
    """Writes rollouts below a CODEX_HOME: those of the corpus over and over, with other ids and dates."""
    rng = random.Random(5)
    sources = [(path.name, path.read_text()) for path in find_rollouts(corpus)]
    for number, (name, text) in enumerate(itertools.islice(itertools.cycle(sources), count)):
        date = f"20{10 + number // 336:02}-{1 + number // 28 % 12:02}-{1 + number % 28:02}"
        text = re.sub(r"2026-\d\d-\d\d(?=T)", date, f"{name}\n{text}")
        name, text = fresh_ids(text, rng, number).split("\n", 1)
        folder = home / "sessions" / date.replace("-", "/")
        folder.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(text.encode())
