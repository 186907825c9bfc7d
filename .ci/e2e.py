#!/usr/bin/env python3
"""Runs the built program as a user would: over the fixtures, over bad input, and over a corpus of real runs if there is one.

usage: e2e.py TRACE_DIFF CORPUS
"""

import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from tally import check, finish

PROGRAM, CORPUS = Path(sys.argv[1]).absolute(), Path(sys.argv[2])
README = Path("README.md")


def run(*arguments):
    """Runs the program in a clean environment; a hang is a failure like any other."""
    argv = [PROGRAM, *arguments]
    environment = {"PATH": os.environ["PATH"], "HOME": "/nonexistent"}
    return subprocess.run(argv, capture_output=True, text=True, errors="replace", timeout=60, env=environment)


def comparison(baseline, candidate):
    """The exit code and JSON report of a comparison, or the exit code and None."""
    done = run(baseline, candidate, "--format", "json")
    try:
        return done.returncode, json.loads(done.stdout)
    except ValueError:
        return done.returncode, None


def outline(report):
    if report is None:
        return "no report on standard output"
    return "\n".join(f"{f['level']} {f['rule']} {f['pointer']}: {f['message']}" for f in report["findings"])


def readme_commands():
    """The comparisons that the README shows give a difference worth reading, and its session a story."""
    commands = re.findall(r"^cargo run --release -- (.+)$", README.read_text(), re.MULTILINE)
    check("the README shows a command", commands)
    for command in commands:
        done = run(*command.split())
        expected = 0 if command.startswith("show ") else 1
        told = done.returncode == expected and len(done.stdout.splitlines()) > 3
        check(f"README: {command}", told, f"exit {done.returncode}\n{done.stdout}{done.stderr}")


def bad_inputs():
    """Each is told apart from a finding: exit code 2 and a message that names the input."""
    good = next(Path("fixtures/captures").glob("*.jsonl"))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "empty.jsonl").touch()
        (folder / "garbage.bin").write_bytes(bytes(range(256)) * 40)
        (folder / "text.txt").write_text("no capture\n")
        (folder / "newer.jsonl").write_text('{"format":"trace-diff/capture","version":99}\n')
        (folder / "other").mkdir()
        (folder / "other" / "notes.txt").write_text("no capture\n")
        for bad in ("missing.jsonl", "empty.jsonl", "garbage.bin", "text.txt", "newer.jsonl", "other"):
            done = run(folder / bad, good)
            clear = done.returncode == 2 and bad in done.stderr and done.stderr.startswith("error: ")
            check(f"bad input {bad}", clear, f"exit {done.returncode}\n{done.stdout}{done.stderr}")
        cut = folder / "cut.jsonl"
        cut.write_bytes(good.read_bytes()[:-300])
        done = run(good, cut)
        used = done.returncode == 1 and "cut.jsonl" in done.stdout + done.stderr
        check("capture cut inside its last record", used, f"exit {done.returncode}\n{done.stdout}{done.stderr}")


def visible(spans, data):
    """The positions in the spans that hold no JSON white space."""
    return {at for start, end in spans for at in range(start, end) if data[at] not in b" \t\r\n"}


def damaged_files():
    for truth in sorted((CORPUS / "damaged").glob("*.expected.json")):
        expected = json.loads(truth.read_text())
        file = truth.with_name(expected["file"])
        done = run("records", file)
        lines = [json.loads(line) for line in done.stdout.splitlines()]
        finished = done.returncode in (0, 1) and lines and "summary" in lines[-1]
        check(f"{file.name}: reads to the end", finished, f"exit {done.returncode}\n{done.stderr}")
        if expected.get("ambiguous") or not finished:
            continue
        records = [(line["start"], line["end"]) for line in lines if "index" in line]
        truth_records = [(record["start"], record["end"]) for record in expected["records"]]
        check(f"{file.name}: records", records == truth_records, f"{records}\n{truth_records}")
        data = file.read_bytes()
        problems = visible([(line["start"], line["end"]) for line in lines if "problem" in line], data)
        damage = visible([(span["start"], span["end"]) for span in expected["damaged_spans"]], data)
        check(f"{file.name}: damaged bytes", problems == damage, sorted(problems ^ damage)[:20])
        check(f"{file.name}: exit code", done.returncode == int(bool(damage)), done.returncode)


def recovered_files():
    """What recover writes is every complete record of the truth and nothing else, and reads clean."""
    with tempfile.TemporaryDirectory() as name:
        out = Path(name) / "out.jsonl"
        for truth in sorted((CORPUS / "damaged").glob("*.expected.json")):
            expected = json.loads(truth.read_text())
            if expected.get("ambiguous"):
                continue
            file = truth.with_name(expected["file"])
            data = file.read_bytes()
            done = run("recover", file, "-o", out, "--force", "--format", "json")
            records = b"".join(data[record["start"]:record["end"]] + b"\n" for record in expected["records"])
            written = out.exists() and out.read_bytes() == records
            check(f"{file.name}: recovered records", written, f"exit {done.returncode}\n{done.stdout}{done.stderr}")
            damage = visible([(span["start"], span["end"]) for span in expected["damaged_spans"]], data)
            check(f"{file.name}: exit code of recover", done.returncode == int(bool(damage)), done.returncode)
            left_out = json.loads(done.stdout or "{}").get("left_out", [])
            told = visible([(span["start"], span["end"]) for span in left_out], data)
            check(f"{file.name}: left out", told == damage, sorted(told ^ damage)[:20])
            clean = run("records", out) if written else done
            check(f"{file.name}: recovered file reads clean", clean.returncode == 0 and written, clean.stdout[-500:])
            check(f"{file.name}: not changed", file.read_bytes() == data)


def turns_started(run_folder):
    """How many turns the agent said it started, by thread: in the output of `codex exec` and in app-server messages."""
    turns = {}
    for path in sorted(run_folder.glob("exec-events*.jsonl")):
        thread = None
        for line in path.read_text().splitlines():
            try:
                event = json.loads(line)
            except ValueError:
                continue
            if event.get("type") == "thread.started":
                thread = event["thread_id"]
            if event.get("type") == "turn.started":
                turns[thread] = turns.get(thread, 0) + 1
    path = run_folder / "app-server.jsonl"
    for line in path.read_text().splitlines() if path.exists() else []:
        message = json.loads(line)["message"]
        if message.get("method") == "turn/started":
            thread = message["params"]["threadId"]
            turns[thread] = turns.get(thread, 0) + 1
    return turns


def sessions_of_runs():
    """The sessions of a run are what the run says of itself: directory, version, and turns of each thread."""
    for path in sorted(CORPUS.glob("*/*/run.json")):
        facts, folder = json.loads(path.read_text()), path.parent
        files = sorted(folder.glob("rollouts/**/rollout-*.jsonl*"))
        done = run("sessions", folder, "--all", "--format", "json")
        listed = json.loads(done.stdout)["sessions"] if done.returncode in (0, 1) else []
        name = folder.relative_to(CORPUS)
        check(f"{name}: sessions", sorted(s["path"] for s in listed) == [str(f) for f in files], done.stderr)
        check(f"{name}: undamaged sessions", done.returncode == 0, done.stdout[-500:])
        for session in listed:
            is_codex = facts["agent"] == "codex"
            right = session["cwd"] == facts["workdir"] and (not is_codex or session["version"] == facts["version"])
            check(f"{name}: facts of {session['id']}", right, session)
        turns = turns_started(folder) if facts["agent"] == "codex" else {}
        for thread, started in turns.items():
            parts = [s for s in listed if s["id"] == thread]
            found = sum(s["turns"] for s in parts)
            # An older fork holds its parent's turns, and a review has a turn of its own inside.
            may_have_more = "review" in folder.name or any(s["forked_from"] and not s["history_base"] for s in parts)
            right = found == started or parts and found > started and may_have_more
            check(f"{name}: turns of {thread}", right, f"{found}, not {started}")


def captures_against_themselves():
    for capture in sorted(CORPUS.glob("*/*/capture.jsonl")):
        code, report = comparison(capture, capture)
        check(f"{capture} against itself", code == 0, outline(report))


def repeated_runs():
    """The same run done twice has no difference."""
    for second in sorted(CORPUS.glob("*/*-run2/capture.jsonl")):
        first = second.parent.with_name(second.parent.name.removesuffix("-run2")) / "capture.jsonl"
        for pair in ((first, second), (second, first)):
            code, report = comparison(*pair)
            check(f"{pair[0].parent.relative_to(CORPUS)} repeated", code == 0, outline(report))


# What a program between agent and server changes itself: `(kind of recording, level, rule, pointer)`. The server of
# pycodex's tests forwards with Python's http.client, which adds these two fields and writes names in title case;
# responses-api-proxy moves `authorization` and `host` to the end.
CHANGED_BY_RECORDER = {
    ("pycodex-capture", "error", "accept-encoding"),
    ("pycodex-capture", "error", "connection"),
    ("pycodex-capture", "note", "header-case"),
    ("responses-api-proxy", "note", "header-order"),
}


def recorder_changes(report):
    """The findings that no recorder in between explains."""
    kinds = {place["kind"] for place in report["inputs"]}
    for finding in report["findings"]:
        name = finding["pointer"].removeprefix("/request/headers/")
        known = {(kind, finding["level"], word) for kind in kinds for word in (name, finding["rule"])}
        if not known & CHANGED_BY_RECORDER:
            yield finding


def two_recorders():
    """One run recorded by two programs differs in nothing but what a recorder in between changes itself."""
    pairs = []
    for folder in (path.parent for path in CORPUS.glob("har/*/session.har")):
        pairs += [(folder / "upstream/capture.jsonl", folder / name) for name in ("session.har", "session.mitm")]
    for name in ("pycodex-captures/proxy-mode/*/*/captured", "responses-api-proxy/*/*/dump"):
        pairs += [(folder.parent / "upstream", folder) for folder in CORPUS.glob(name)]
    pairs += [(folder.with_name("capture.jsonl"), folder) for folder in CORPUS.glob("*/*/trace")]
    for upstream, other in sorted(pairs):
        for pair in ((upstream, other), (other, upstream)):
            code, report = comparison(*pair)
            check(f"{other.relative_to(CORPUS)} beside its upstream: report", report is not None, f"exit {code}")
            left = list(recorder_changes(report)) if report else []
            check(f"{other.relative_to(CORPUS)} beside its upstream", not left, outline({"findings": left}))


def conversions():
    """A capture that was converted is the same capture."""
    with tempfile.TemporaryDirectory() as name:
        for number, capture in enumerate(sorted(CORPUS.glob("*/*/capture.jsonl"))):
            ways = {
                "own": ("import", capture),
                "har": ("export", capture, "--to", "har"),
                "raw": ("export", capture, "--to", "raw-exchange"),
            }
            for way, arguments in ways.items():
                out = Path(name) / f"{number}.{way}"
                done = run(*arguments, "-o", out)
                check(f"{capture} as {way}", done.returncode == 0, done.stderr)
                for pair in ((capture, out), (out, capture)):
                    code, report = comparison(*pair)
                    clean = code == 0 and report and not report["findings"]
                    check(f"{capture} beside itself as {way}", clean, outline(report))
                out.unlink(missing_ok=True)


def other_versions():
    """Two versions of an agent, and two agents, differ in the same scenario."""
    for baseline, candidate in (("codex-0.137.0", "codex-0.169.0"), ("codex-0.169.0", "pycodex-0.5.1")):
        for first in sorted((CORPUS / baseline).glob("*/capture.jsonl")):
            second = CORPUS / candidate / first.parent.name / "capture.jsonl"
            if second.exists():
                code, report = comparison(first, second)
                check(f"{baseline} and {candidate}, {first.parent.name}", code == 1 and report, outline(report))


def main():
    readme_commands()
    bad_inputs()
    if CORPUS.is_dir():
        rollouts = (damaged_files, recovered_files, sessions_of_runs)
        for part in (*rollouts, captures_against_themselves, repeated_runs, two_recorders, conversions, other_versions):
            part()
    else:
        print("skipped: end to end over real runs: corpus not present")
    finish("end to end")


main()
