"""Measures trace-diff beside the tools people would use instead, and prints Markdown tables.

usage: peers.py TRACE_DIFF CORPUS SCRATCH [--quick]
"""

import os
import platform
import shutil
import statistics
import subprocess
import sys
import time
from pathlib import Path

import bench_data

RUNS, SHORT_RUNS = 5, 20
PER_RECORD_PYTHON = "import json,sys\nfor l in open(sys.argv[1],'rb'): print(json.loads(l).get('type'))"
PARSE_PYTHON = "import json,sys\nfor p in sys.argv[1:]:\n  for l in open(p,'rb'): json.loads(l)"
PYCODEX_SESSIONS = """import sys
from pathlib import Path
from pycodex.utils.session_persist import list_resumable_sessions
for s in list_resumable_sessions(Path(sys.argv[1]), int(sys.argv[2])): print(s['thread_id'], s['preview'][:80])"""
PYCODEX_RESUME = """import sys
from pathlib import Path
from pycodex.agent import load_resumed_session_path
try: print(len(str(load_resumed_session_path(Path(sys.argv[1])))))
except ValueError as refused: print(refused)"""
SESSIONS_PYTHON = """import json,pathlib,sys
for p in sorted(pathlib.Path(sys.argv[1]).rglob('rollout-*.jsonl')):
  meta,turns = {},0
  for l in open(p,'rb'):
    try: r=json.loads(l)
    except ValueError: continue
    if r['type']=='session_meta': meta=meta or r['payload']
    turns += r['type']=='event_msg' and r['payload'].get('type')=='task_started'
  print(meta.get('id'),meta.get('cwd'),turns)"""
SESSIONS_JQ = """find "$0" -name 'rollout-*.jsonl' -print0 |
  xargs -0 jq -rc 'select(.type=="session_meta")|.payload|[.id,.cwd,.cli_version]'"""
RECOVER_PYTHON = """import json,sys
with open(sys.argv[2],'wb') as out:
  for l in open(sys.argv[1],'rb'):
    try: json.loads(l)
    except ValueError: continue
    out.write(l)"""


class Failed(Exception):
    """A command did not do its job, so its time means nothing."""


class Tool:
    """One command under measurement: its name, argument list, and the exit codes that mean it did its job."""

    def __init__(self, name, argv, codes=(0,), needs=(), check=None):
        self.name, self.argv, self.codes, self.needs = name, [str(a) for a in argv], codes, needs
        self.check = check or (lambda out: None)

    def missing(self):
        return [program for program in self.needs if not shutil.which(program)]

    def peak(self, out):
        """Runs once under GNU time; returns the peak resident megabytes, None where GNU time is not installed."""
        memory = out.with_suffix(".rss")
        if not shutil.which("time"):
            self.run(out)
            return None
        self.run(out, [shutil.which("time"), "-f", "%M", "-o", memory])
        return int(memory.read_text().split()[-1]) / 1024

    def run(self, out, prefix=()):
        """Runs once with output to a file; returns the seconds it took."""
        argv = [*prefix, *self.argv]
        with open(out, "wb") as file, open(out.with_suffix(".err"), "wb") as errors:
            start = time.perf_counter()
            code = subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=file, stderr=errors).returncode
            seconds = time.perf_counter() - start
        if code not in self.codes:
            message = out.with_suffix(".err").read_text(errors="replace").strip().splitlines()
            raise Failed(f"exit {code}: {message[-1] if message else 'no message'}")
        self.check(out)
        return seconds


def measure(tools, runs, scratch):
    """Returns per tool its median seconds, peak memory and lines of output, or why it failed.

    One round measures memory and warms the page cache; then all tools run in turn, so that load hits them alike.
    """
    out = scratch / "out.txt"
    seconds, peaks, lines, failures = {}, {}, {}, {}
    for round_number in range(runs + 1):
        for tool in tools:
            if tool.name in failures:
                continue
            try:
                if round_number:
                    seconds.setdefault(tool.name, []).append(tool.run(out))
                    continue
                peaks[tool.name] = tool.peak(out)
                with open(out, "rb") as file:
                    lines[tool.name] = sum(1 for _ in file)
            except Failed as failure:
                failures[tool.name] = str(failure)
    return {
        tool.name: failures.get(tool.name)
        or (statistics.median(seconds[tool.name]), peaks[tool.name], lines[tool.name])
        for tool in tools
    }


def shown(seconds):
    return f"{seconds * 1000:.1f} ms" if seconds < 1 else f"{seconds:.2f} s"


def kilobytes(path):
    return path.stat().st_size / 1000


def table(title, tools, runs, scratch):
    """Measures and prints one table; returns the median of the first tool, or None if it failed."""
    print(f"\n### {title}\n\n| command | median of {runs} | against ours | peak memory | lines of output |")
    print("| --- | ---: | ---: | ---: | ---: |")
    results = measure([tool for tool in tools if not tool.missing()], runs, scratch)
    ours = results.get(tools[0].name)
    for tool in tools:
        result = results.get(tool.name)
        if result is None:
            print(f"| {tool.name} | skipped: {', '.join(tool.missing())} not installed | | | |")
        elif isinstance(result, str):
            print(f"| {tool.name} | failed: {result} | | | |")
        else:
            seconds, peak, lines = result
            ratio = f"{seconds / ours[0]:.2f}×" if isinstance(ours, tuple) else ""
            memory = f"{peak:.0f} MB" if peak is not None else "not measured"
            print(f"| {tool.name} | {shown(seconds)} | {ratio} | {memory} | {lines} |")
    sys.stdout.flush()
    return ours[0] if isinstance(ours, tuple) else None


def growth(sizes, unit, make, title, scratch):
    """Measures ours at growing sizes and beside its peers at the largest.

    `make` writes the inputs of a size and returns the tools, ours first.
    """
    points = []
    for size in sizes:
        tools = make(size)
        if size == sizes[-1]:
            points.append((size, table(title(size), tools, RUNS, scratch)))
        else:
            result = measure(tools[:1], RUNS, scratch)[tools[0].name]
            points.append((size, None if isinstance(result, str) else result[0]))
    points = [(size, seconds) for size, seconds in points if seconds is not None]
    if points:
        smallest = points[0][1] / points[0][0]
        shown_points = (f"{size:g} {unit}: {shown(s)} ({s / size / smallest:.2f}×)" for size, s in points)
        print(f"\nGrowth, with the time per {unit} against the smallest: {'; '.join(shown_points)}.")


def has_summary(records):
    """Makes a check that the output of `trace-diff records` counts this many records."""

    def check(out):
        last = out.read_bytes().rstrip().rsplit(b"\n", 1)[-1].replace(b" ", b"")
        if f'"records":{records},'.encode() not in last:
            raise Failed(f"last line is {last[:80]!r}, not a summary of {records} records")

    return check


def is_not_empty(out):
    if out.stat().st_size == 0:
        raise Failed("no output")


def bench_records(ours, corpus, scratch, scale):
    file = scratch / "rollouts.jsonl"

    def make(megabytes):
        records = bench_data.make_rollouts(corpus, file, megabytes)
        return [
            Tool("`trace-diff records`", [ours, "records", file], check=has_summary(records)),
            Tool("`jq -c .type`", ["jq", "-c", ".type", file], needs=["jq"]),
            Tool("Python, `json.loads` per line", [sys.executable, "-c", PER_RECORD_PYTHON, file]),
        ]

    growth([50 * scale, 100 * scale, 200 * scale], "MB", make, "Records of {:g} MB of rollouts".format, scratch)


def bench_show(ours, corpus, scratch, scale):
    file = scratch / "session.jsonl"
    python = os.environ.get("PYCODEX_PYTHON", "PYCODEX_PYTHON")

    def tools(records):
        limited = ["taskset", "-c", "0,1", ours, "show", file]
        return [
            Tool("`trace-diff show`", [ours, "show", file], codes=(0, 1), check=is_not_empty),
            Tool("the same on 2 cores", limited, needs=["taskset"], codes=(0, 1)),
            Tool("`trace-diff show --format json`", [ours, "show", file, "--format", "json"], codes=(0, 1), check=is_not_empty),
            Tool("only the records: `trace-diff records`", [ours, "records", file], check=has_summary(records)),
            Tool("pycodex, reading it to resume", [python, "-c", PYCODEX_RESUME, file], needs=[python]),
            Tool("only types: `jq -c '[.type, .payload.type]'`", ["jq", "-c", "[.type, .payload.type]", file], needs=["jq"]),
        ]

    sizes = [50 * scale, 100 * scale, 200 * scale]
    long = lambda megabytes: tools(bench_data.make_long_session(corpus, file, megabytes))
    growth(sizes, "MB", long, "One session of {:g} MB".format, scratch)
    short = lambda megabytes: tools(bench_data.make_session(corpus, file, megabytes))
    growth(sizes, "MB", short, "One session of {:g} MB of short turns and records".format, scratch)


def bench_sessions(ours, corpus, scratch, scale):
    home = scratch / "sessions"
    python = os.environ.get("PYCODEX_PYTHON", "PYCODEX_PYTHON")

    def make(count):
        shutil.rmtree(home, ignore_errors=True)
        bench_data.make_sessions(corpus, home, count)
        limited = lambda cores: ["taskset", "-c", cores, ours, "sessions", home]
        return [
            Tool("`trace-diff sessions`", [ours, "sessions", home], check=is_not_empty),
            Tool("the same on 2 cores", limited("0,1"), needs=["taskset"]),
            Tool("the same on 1 core", limited("0"), needs=["taskset"]),
            Tool("pycodex, its list of sessions to resume", [python, "-c", PYCODEX_SESSIONS, home, count], needs=[python]),
            Tool("Python, `json.loads` per line", [sys.executable, "-c", SESSIONS_PYTHON, home]),
            Tool("only the first records: `jq`", ["bash", "-c", SESSIONS_JQ, home], needs=["jq", "bash"]),
        ]

    sizes = [int(1250 * scale), int(2500 * scale), int(5000 * scale)]
    growth(sizes, "sessions", make, "A list of {} sessions".format, scratch)


def bench_recover(ours, corpus, scratch, scale):
    file, out = scratch / "damaged.jsonl", scratch / "recovered.jsonl"

    def make(megabytes):
        bench_data.make_damaged(corpus, file, megabytes)
        return [
            Tool("`trace-diff recover`", [ours, "recover", file, "-o", out, "--force"], codes=(1,)),
            Tool("Python, `json.loads` per line", [sys.executable, "-c", RECOVER_PYTHON, file, out]),
            Tool("`jq -cR 'fromjson?'`", ["jq", "-cR", "fromjson?", file], needs=["jq"]),
        ]

    title = "Records saved from {:g} MB of rollouts with a torn record in each megabyte".format
    growth([50 * scale, 100 * scale, 200 * scale], "MB", make, title, scratch)


def bench_bodies(ours, capture, scratch, scale):
    pair = scratch / "baseline.json", scratch / "candidate.json"

    def make(megabytes):
        bench_data.make_bodies(capture, *pair, megabytes)
        script = 'diff <(jq -S . "$0") <(jq -S . "$1")'
        return [
            Tool("`trace-diff`", [ours, *pair], codes=(1,)),
            Tool("`jq -S` and `diff`", ["bash", "-c", script, *pair], (1,), ["jq", "diff", "bash"]),
            Tool("only parsing both: Python", [sys.executable, "-c", PARSE_PYTHON, *pair]),
        ]

    title = "Two request bodies of {:g} MB, one item inserted, four edits".format
    growth([12.5 * scale, 25 * scale, 50 * scale], "MB", make, title, scratch)


def bench_small(ours, capture, scratch):
    pair = scratch / "small-baseline.jsonl", scratch / "small-candidate.jsonl"
    bench_data.make_captures(capture, *pair, 1)
    tools = [
        Tool("`trace-diff`", [ours, *pair], codes=(1,)),
        Tool("only parsing both: Python", [sys.executable, "-c", PARSE_PYTHON, *pair]),
    ]
    table(f"Two captures of {kilobytes(pair[0]):.0f} KB, whole process", tools, SHORT_RUNS, scratch)


def bench_captures(ours, capture, scratch, scale):
    pair = scratch / "baseline.jsonl", scratch / "candidate.jsonl"

    def make(exchanges):
        bench_data.make_captures(capture, *pair, exchanges)
        return [
            Tool("`trace-diff`", [ours, *pair], codes=(1,)),
            Tool("only parsing both: `trace-diff records`", [ours, "records", *pair], check=is_not_empty),
            Tool("only parsing both: Python", [sys.executable, "-c", PARSE_PYTHON, *pair]),
            Tool("only parsing both: `jq -c length`", ["jq", "-c", "length", *pair], needs=["jq"]),
        ]

    sizes = [int(250 * scale), int(500 * scale), int(1000 * scale)]
    growth(sizes, "exchanges", make, lambda n: f"Two captures of {n} exchanges of {kilobytes(pair[0]) / n:.0f} KB", scratch)


def machine():
    model = platform.machine()
    if Path("/proc/cpuinfo").exists():
        names = [l for l in Path("/proc/cpuinfo").read_text().splitlines() if l.startswith("model name")]
        model = names[0].split(":", 1)[1].strip() if names else model
    return f"{os.cpu_count()} cores, {model}, {platform.system()} {platform.machine()}"


def version(*argv):
    try:
        text = subprocess.run(argv, capture_output=True, text=True).stdout
    except OSError:
        return f"{argv[0]}: not installed"
    return text.splitlines()[0] if text else f"{Path(argv[0]).name}: no version"


def main():
    quick = "--quick" in sys.argv
    ours, corpus, scratch = (Path(arg).absolute() for arg in [a for a in sys.argv[1:] if a != "--quick"])
    scratch.mkdir(parents=True, exist_ok=True)
    scale = 0.02 if quick else 1
    print(f"Machine: {machine()}.", end=" ")
    peers = version("jq", "--version"), version("diff", "--version"), f"Python {platform.python_version()}"
    print(f"Peers: {'; '.join(peers)}. Load at the start: {os.getloadavg()[0]:.1f}.")
    if not shutil.which("time"):
        print("GNU time is not installed, so memory is not measured.")
    if bench_data.find_rollouts(corpus):
        bench_records(ours, corpus, scratch, scale)
        bench_show(ours, corpus, scratch, scale)
        bench_recover(ours, corpus, scratch, scale)
        bench_sessions(ours, corpus, scratch, scale)
    else:
        print("\nskipped: records, recover and sessions (no rollout-*.jsonl below the corpus directory)")
    capture = bench_data.find_capture(corpus, "codex")
    if capture is None:
        print("\nskipped: bodies and captures (no codex-*/02-shell-roundtrip/capture.jsonl in the corpus directory)")
        return
    bench_small(ours, capture, scratch)
    bench_captures(ours, capture, scratch, scale)
    bench_bodies(ours, capture, scratch, scale)


if __name__ == "__main__":
    main()
