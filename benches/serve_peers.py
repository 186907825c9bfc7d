#!/usr/bin/env python3
"""Runs the real Codex CLI against trace-diff serve, aimock and llmposter, and prints what each can serve as Markdown tables.

usage: serve_peers.py TRACE_DIFF [SCENARIO...]
environment:
  PEERS   where the peers are installed (default: peers in the temporary directory)

Install the peers once:
  npm install --prefix PEERS/npm @copilotkit/aimock@1.43.0
  cargo install llmposter --version 0.5.0 --features ui --root PEERS/cargo
llmposter shows what it kept only with its feature `ui`. The CLI is installed from npm below target/. All runs are on the loopback
interface, where that is allowed with no other network. Every server gets the same prompts, behind a relay that keeps the bytes of
both sides; each verdict rests on what the relay saw, the exit code of the CLI and its last message.
"""

import json
import os
import re
import subprocess
import sys
import tempfile
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import serve_cases
import serve_tap
from serve_cases import AIMOCK, LLMPOSTER

import agent
import agents

HERE = Path(__file__).resolve().parent
PEERS = Path(os.environ.get("PEERS") or Path(tempfile.gettempdir()) / "peers").absolute()
PROGRAMS = {AIMOCK: PEERS / "npm/node_modules/@copilotkit/aimock/dist/cli.js", LLMPOSTER: PEERS / "cargo/bin/llmposter"}
VERSION = "0.169.0"
AT_ONCE = 3


class Ours:
    """`trace-diff serve`, as the agents are tested with it."""

    name = "trace-diff"

    def __init__(self, program, case, folder):
        scenario = case.scenario
        name = f"{scenario.script or scenario.name}.toml"
        script = next(path for path in (agents.SCRIPTS / name, HERE / "serve_peers" / name) if path.exists())
        options = () if scenario.name.startswith("27") else ("--strict-api",)
        self.server = agent.Server(program, script, folder, *options)
        self.port = int(self.server.url.rpartition(":")[2])

    def stop(self):
        """What went wrong by the server's own account, and the requests that it kept."""
        status, violations = self.server.stop()
        kept = []
        for record in map(json.loads, self.server.capture.read_text().splitlines()):
            if record.get("type") == "request" and "/responses" in record["target"]:
                headers = {name.lower(): value for name, value in record["headers"]}
                if record["body"].get("text") != "":
                    kept.append((headers, record["body"].get("json")))
                upgrade = headers
            elif record.get("type") == "frame" and record["from"] == "client" and record["kind"] == "text":
                kept.append((upgrade, record["data"].get("json")))
        return violations if status else "", kept


class Peer:
    """A peer with the best file for a case."""

    def __init__(self, name, case, folder):
        self.name = name
        if name == AIMOCK:
            fixtures = folder / "fixtures.json"
            fixtures.write_text(serve_cases.aimock_file(case))
            argv = ["node", PROGRAMS[name], "--port", "0", "--fixtures", fixtures, "--strict"]
        else:
            fixtures = folder / "fixtures.yaml"
            fixtures.write_text(serve_cases.llmposter_file(case))
            argv = [PROGRAMS[name], "--port", "0", "--fixtures", fixtures, "--ui"]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
        self.process = subprocess.Popen(argv, text=True, start_new_session=True, **pipes)
        self.told = []
        while line := self.process.stdout.readline():
            self.told.append(line)
            if found := re.search(r"listening on http://127\.0\.0\.1:(\d+)", line):
                self.port = int(found[1])
                threading.Thread(target=self.drain, daemon=True).start()
                return
        raise OSError("".join(self.told))

    def drain(self):
        self.told.extend(self.process.stdout)

    def stop(self):
        path = "/__aimock/journal" if self.name == AIMOCK else "/ui/requests"
        try:
            with agent.DIRECTLY.open(f"http://127.0.0.1:{self.port}{path}") as response:
                entries = json.load(response)
        finally:
            agent.kill(self.process)
        kept = []
        for entry in entries:
            if "/responses" in entry["path"] and self.name == AIMOCK:
                kept.append((entry["headers"], entry["body"]))
            elif "/responses" in entry["path"]:
                kept.append(({}, loaded(entry["request_body"])))
        return "", kept


def loaded(text):
    try:
        return json.loads(text)
    except ValueError:
        return None


@dataclass
class Outcome:
    """What was seen of one server in one case."""

    case: object
    name: str
    code: int
    told: str
    violations: str
    exchanges: list
    kept: list

    def requests(self):
        """The kind of each request, whatever their order; sub-agents race."""
        return Counter(kind(exchange) for exchange in self.exchanges)

    def waited(self):
        times = [exchange.at for exchange in self.exchanges]
        return times[1] - times[0] if len(times) > 1 else 0

    def lacks(self):
        """What the run does not show: vital reasons, others."""
        vital, others = [], []
        scenario = self.case.scenario
        for need in self.case.needs:
            if not need.shows(self.exchanges):
                (vital if need.is_vital else others).append(need.reason)
        if self.waited() < scenario.wait_s:
            vital.append(f"asked again after {self.waited():.1f} s")
        if self.code == -9:
            vital.append(f"the agent did not end in {agent.TIMEOUT_S} s")
        elif self.code != scenario.code or scenario.told not in self.told:
            vital.append(f"exit {self.code}, {ending(self.told)}")
        return vital, others

    def verdict(self, ours):
        vital, others = self.lacks()
        if self.violations:
            vital.append(self.violations)
        if not vital and self.requests() != ours.requests():
            others.append(difference(self.requests(), ours.requests()))
        reasons = vital[:1] or others
        if (limit := self.case.limits.get(self.name)) and limit not in reasons:
            reasons.insert(0, limit)
        word = "no" if vital else "part" if others else "yes"
        reasons = "; ".join(reasons)
        return word, f"{word}: {reasons}" if reasons else word


def kind(exchange):
    """What a request is, so that runs can be compared: way, path, and what is last in its input."""
    body = loaded(exchange.body) or {}
    # Reasoning that a server added to an answer that was then cut counts for nothing.
    items = [item for item in body.get("input") or [] if item.get("type") != "reasoning"]
    last = items[-1] if items else {}
    what = last.get("type", "nothing")
    if what == "message":
        what = f"{last['role']} “{last['content'][0].get('text', '')[:24]}”"
    way = "WebSocket" if exchange.is_socket else "HTTP"
    if body.get("generate") is False:
        what = "prewarm"
    return f"{way} {what}" if body else f"upgrade refused with {exchange.status}"


def difference(theirs, ours):
    told = [f"{theirs.total()} requests, not {ours.total()}"]
    for words, these, those in (("with", theirs, ours), ("without", ours, theirs)):
        told += [f"{words} {these[name]} × {name}" for name in these if name not in those]
    return ", ".join(told)


def ending(told):
    """The last thing that the CLI said."""
    found = re.findall(r'"(?:message|text)":\s*"((?:[^"\\]|\\.)*)"', told)
    text = found[-1] if found else told.strip()[-200:]
    plain = re.sub(r"[\\\"`]+|\\[nt]|, url: .*", "", text)
    return f"“{plain[:99].strip()}…”" if len(plain) > 99 else f"“{plain}”"


def run(program, tested, case, name, folder):
    folder.mkdir(parents=True)
    server = Ours(program, case, folder) if name == Ours.name else Peer(name, case, folder)
    tap = serve_tap.Tap(server.port)
    try:
        place = agent.Place(folder, tested.model, f"http://127.0.0.1:{tap.port}", case.scenario.options)
        (place.work / "dot.png").write_bytes(serve_cases.DOT)
        code, told = tested.drive(place, case.scenario.processes)
    finally:
        tap.close()
        violations, kept = server.stop()
    return Outcome(case, name, code, told, violations, tap.exchanges(), kept)


def keeping(program, outcomes, scratch):
    """What a server kept of the requests to the model: how many came, were kept, have their body, their headers, a key in clear;
    and what trace-diff finds different between what came and what was kept."""
    sent = kept = bodies = headers = keys = findings = 0
    for outcome in outcomes:
        asked = [(dict(one.headers), loaded(one.body)) for one in outcome.exchanges if one.body]
        sent, kept = sent + len(asked), kept + len(outcome.kept)
        left = [body for _, body in outcome.kept]
        for known, body in asked:
            if body in left:
                left.remove(body)
                bodies += 1
            public = {pair for pair in known.items() if pair[0] not in ("authorization", "chatgpt-account-id")}
            headers += any(public <= set(entry.items()) for entry, _ in outcome.kept)
        keys += sum("Bearer" in (told := json.dumps(entry)) and "Bearer <" not in told for entry, _ in outcome.kept)
        came, seen = scratch / "came.jsonl", scratch / "kept.jsonl"
        write_capture(came, asked)
        write_capture(seen, outcome.kept)
        done = subprocess.run([program, came, seen, "--format", "json"], capture_output=True, text=True)
        findings += sum(one["level"] != "note" for one in json.loads(done.stdout)["findings"])
    return sent, kept, bodies, headers, keys, findings


def write_capture(path, requests):
    records = [{"format": "trace-diff/capture", "version": 1, "type": "capture", "source": "serve_peers", "redacted": False}]
    for number, (headers, body) in enumerate(requests):
        about = {"exchange": number, "type": "request", "method": "POST", "target": "/v1/responses"}
        known = {"headers": list(headers.items()), "headers_lack": ["order", "case", "repeats"]} if headers else {}
        records.append({**about, **known, **({"body": {"json": body, "exact": False}} if body else {})})
        records.append({"exchange": number, "type": "end", "how": "lost"})
    path.write_text("".join(json.dumps(record) + "\n" for record in records))


def main():
    program, wanted = Path(sys.argv[1]).absolute(), set(sys.argv[2:])
    missing = [str(path) for path in PROGRAMS.values() if not path.exists()]
    if missing:
        sys.exit(f"error: {', '.join(missing)} not installed; see the head of this script")
    folder = agent.install_from_npm(agents.NEW, f"@openai/codex@{VERSION}") or sys.exit("error: no Codex CLI")
    agent.leave_network()
    tested = agent.Codex(VERSION, folder)
    names = (Ours.name, AIMOCK, LLMPOSTER)
    cases = [case for case in serve_cases.CASES if not wanted or case.scenario.name in wanted]
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as scratch, ThreadPoolExecutor(AT_ONCE) as pool:
        rows = []
        for case in cases:
            places = [Path(scratch) / case.scenario.name / name for name in names]
            rows.append([pool.submit(run, program, tested, case, name, place) for name, place in zip(names, places)])
        outcomes = [[future.result() for future in row] for row in rows]
        tell(names, outcomes, [keeping(program, column, Path(scratch)) for column in zip(*outcomes)])


def tell(names, outcomes, kept):
    print(f"| scenario | {' | '.join(names)} |\n|---|---|---|---|")
    totals = [Counter() for _ in names]
    for row in outcomes:
        verdicts = [outcome.verdict(row[0]) for outcome in row]
        for total, (word, _) in zip(totals, verdicts):
            total[word] += 1
        cells = [text.replace("|", "\\|").replace("\n", " ") for _, text in verdicts]
        print(f"| {row[0].case.title} | {' | '.join(cells)} |")
    sums = [", ".join(f"{total[word]} {word}" for word in ("yes", "part", "no")) for total in totals]
    print(f"| **of {len(outcomes)}** | {' | '.join(sums)} |\n")
    print("| requests to the model | came | kept | body as sent | headers as sent | key in clear | `trace-diff` finds |")
    print("|---|---|---|---|---|---|---|")
    for name, counts in zip(names, kept):
        print(f"| {name} | {' | '.join(map(str, counts))} |")


if __name__ == "__main__":
    main()
