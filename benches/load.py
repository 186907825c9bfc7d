"""Measures `trace-diff serve` under load beside other fake servers, and prints Markdown tables.

usage: load.py TRACE_DIFF SCRATCH [--seconds N] [--rounds N] [--requests N] [--streams N] [--only JOB]
  SCRATCH     a directory for captures and configurations; gigabytes are written there
  --seconds   of one run of wrk (default 5)
  --rounds    runs of each server and number of connections; medians are told (default 3)
  --requests  after which memory is told (default 100000)
  --streams   slow streams at once (default 1000)
  --only      one of the jobs: load, memory, startup, streams
environment:
  AIMOCK      the program of @copilotkit/aimock; without it that row is missing
  CPUS        processors for servers and clients (default 0,1)
  BODY        a file with the request body (default: one of 40 KB is made up); each request ends its input differently
Needs wrk; nginx is the ceiling where it is installed. Loopback only.
"""

import argparse
import asyncio
import json
import os
import re
import shutil
import socket
import statistics
import subprocess
import time
import urllib.request
from pathlib import Path

CPUS = os.environ.get("CPUS", "0,1")
CONNECTIONS = (1, 64)
ANSWER = 'event: response.completed\\ndata: {"type":"response.completed"}\\n\\n'
BODIES = 16
WRK = """wrk.method = "POST"; wrk.path = "/v1/responses"
wrk.headers["content-type"] = "application/json"; wrk.headers["accept"] = "text/event-stream"
wrk.headers["authorization"] = "Bearer sk-test"
local requests, last = {}, 0
init = function()
  for n = 1, %d do
    local f = io.open("%s" .. n .. ".json", "rb"); requests[n] = wrk.format(nil, nil, nil, f:read("*a")); f:close()
  end
end
request = function() last = last %% #requests + 1; return requests[last] end
done = function(s, l, r)
  local e = s.errors
  io.write(string.format("RESULT %%f %%f %%f %%d %%d\\n", s.requests / (s.duration / 1e6), l:percentile(50) / 1000,
    l:percentile(99) / 1000, e.connect + e.read + e.write + e.timeout + e.status, s.requests))
end
"""
NGINX = """worker_processes 1; daemon off; pid %(dir)s/nginx.pid; error_log %(dir)s/nginx.log;
events {}
http { access_log off; client_body_temp_path %(dir)s/nginx-body; client_body_buffer_size 1m;
  server { listen 127.0.0.1:%(port)d; keepalive_requests 100000000; default_type text/event-stream;
    location / { return 200 '%(answer)s'; } } }
"""


def request_body(length=40_000):
    """A request like one that Codex sends in the middle of a turn: instructions, tools, calls and their outputs."""
    words = "Read the failing test first, then the module it names; \"quote\" paths and keep edits small.\n"
    tools = [{"type": "function", "name": name, "strict": False, "description": words * 3,
              "parameters": {"type": "object", "properties": {"cmd": {"type": "string"}}, "required": ["cmd"]}}
             for name in ("exec_command", "write_stdin", "update_plan", "view_image")]
    text = lambda role, kind, value: {"type": "message", "role": role, "content": [{"type": kind, "text": value}]}
    items = [text("developer", "input_text", words * 80), text("user", "input_text", "Fix the test.")]
    body = {"model": "gpt-5.5", "instructions": words * 60, "input": items, "tools": tools, "tool_choice": "auto",
            "parallel_tool_calls": True, "store": False, "stream": True, "include": ["reasoning.encrypted_content"],
            "prompt_cache_key": "019a0000-0000-7000-8000-000000000000"}
    while len(json.dumps(body, separators=(",", ":"))) < length:
        call = f"call_{len(items):04}"
        items.append({"type": "function_call", "name": "exec_command", "arguments": '{"cmd":"cat src/lib.rs"}',
                      "call_id": call})
        items.append({"type": "function_call_output", "call_id": call, "output": "pub fn answer() -> u32 {\n" * 20})
    return json.dumps(body, separators=(",", ":"))


def bodies(text):
    """Bodies that end their input each with another message, as the requests of one session do."""
    for n in range(1, BODIES + 1):
        body = json.loads(text)
        body["input"].append({"type": "message", "role": "user",
                              "content": [{"type": "input_text", "text": f"Request {n} of {BODIES}."}]})
        yield n, json.dumps(body, separators=(",", ":"), ensure_ascii=False)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def resident(pid):
    """Resident memory in megabytes, now and at its highest."""
    status = Path(f"/proc/{pid}/status").read_text()
    return [int(re.search(rf"{key}:\s+(\d+)", status)[1]) / 1024 for key in ("VmRSS", "VmHWM")]


def processor_seconds(pid):
    """Processor time of all its threads so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Server:
    """A running server on its port; ends when the `with` block does."""

    def __init__(self, argv, port):
        self.port = port
        self.process = subprocess.Popen(["taskset", "-c", CPUS, *map(str, argv)], stdout=subprocess.DEVNULL,
                                        stderr=subprocess.DEVNULL)

    def __enter__(self):
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return self
            except OSError:
                time.sleep(0.01)
        self.__exit__()
        raise SystemExit(f"error: no server on port {self.port}: {self.process.args}")

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()

    @property
    def worker(self):
        """The process that serves: the one started, or its child where it has one."""
        pid = self.process.pid
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        return int(children[0]) if children else pid


def trace_diff(program, scratch, *more):
    port = free_port()
    capture = scratch / "capture.jsonl"
    return Server([program, "serve", *more, "--port", port, "--capture", capture, "--force"], port)


def servers(program, scratch):
    yield "trace-diff", lambda: trace_diff(program, scratch)
    aimock = os.environ.get("AIMOCK")
    if aimock:
        fixtures = scratch / "aimock"
        fixtures.mkdir(exist_ok=True)
        (fixtures / "ok.json").write_text('{"fixtures":[{"match":{},"response":{"content":"OK"}}]}')

        def start():
            port = free_port()
            return Server([aimock, "--port", port, "--fixtures", fixtures, "--log-level", "silent"], port)

        yield "aimock", start
    nginx = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
    if nginx:
        def start():
            port = free_port()
            config = scratch / "nginx.conf"
            config.write_text(NGINX % {"dir": scratch, "port": port, "answer": ANSWER})
            return Server([nginx, "-c", config], port)

        yield "nginx", start


def wrk(scratch, port, connections, seconds):
    """Requests per second, p50 and p99 in milliseconds, errors, requests."""
    argv = ["taskset", "-c", CPUS, "wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "10s", "-s",
            scratch / "post.lua", f"http://127.0.0.1:{port}"]
    out = subprocess.run(list(map(str, argv)), capture_output=True, text=True, check=True).stdout
    return [float(number) for number in re.search(r"RESULT (.*)", out)[1].split()]


def load(program, scratch, options):
    rows = {}
    for _ in range(options.rounds):
        for name, start in servers(program, scratch):
            for connections in CONNECTIONS:
                with start() as server:
                    wrk(scratch, server.port, connections, 1)
                    begun = processor_seconds(server.worker)
                    *result, count = wrk(scratch, server.port, connections, options.seconds)
                    busy = (processor_seconds(server.worker) - begun) / count * 1e6
                    memory = resident(server.worker)[1]
                rows.setdefault((connections, name), []).append([*result, busy, memory])
    print("| connections | server | requests/s | × aimock, same round | p50 ms | p99 ms | processor µs per request | errors | peak MB |")
    print("| ---: | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |")
    for (connections, name), runs in sorted(rows.items(), key=lambda row: row[0][0]):
        peer = rows.get((connections, "aimock"))
        ratio = statistics.median(a[0] / b[0] for a, b in zip(runs, peer)) if peer else float("nan")
        rate, p50, p99, _, busy, memory = (statistics.median(column) for column in zip(*runs))
        errors = sum(run[3] for run in runs)
        print(f"| {connections} | {name} | {rate:,.0f} | {ratio:.1f} | {p50:.2f} | {p99:.2f} | "
              f"{busy:.0f} | {errors:.0f} | {memory:.0f} |")


def memory(program, scratch, options):
    marks = [options.requests // 10, options.requests // 2, options.requests]
    with trace_diff(program, scratch) as server:
        argv = ["taskset", "-c", CPUS, "wrk", "-t1", "-c64", "-d600s", "-s", scratch / "post.lua",
                f"http://127.0.0.1:{server.port}"]
        client = subprocess.Popen(list(map(str, argv)), stdout=subprocess.DEVNULL)
        print("| requests | resident MB | peak MB |\n| ---: | ---: | ---: |")
        while marks:
            url = f"http://127.0.0.1:{server.port}/__trace-diff/"
            done = json.load(urllib.request.urlopen(url, timeout=10))["requests"]
            if done >= marks[0]:
                now, peak = resident(server.worker)
                print(f"| {done:,} | {now:.1f} | {peak:.1f} |")
                marks.pop(0)
            time.sleep(0.02)
        client.terminate()
        client.wait()


def startup(program, scratch, _options):
    times = []
    for _ in range(30):
        argv = ["taskset", "-c", CPUS, program, "serve", "--capture", scratch / "capture.jsonl", "--force"]
        begun = time.perf_counter()
        process = subprocess.Popen(list(map(str, argv)), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        port = int(process.stdout.readline().rsplit(b":", 1)[1])
        socket.create_connection(("127.0.0.1", port)).close()
        times.append((time.perf_counter() - begun) * 1000)
        process.terminate()
        process.wait()
    print(f"ready: median {statistics.median(times):.1f} ms, longest {max(times):.1f} ms of {len(times)} starts")


async def slow_stream(port, body):
    """Reads one stream to its end; gives the sequence numbers of its events."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    head = f"POST /v1/responses HTTP/1.1\r\nhost: x\r\ncontent-length: {len(body)}\r\nconnection: close\r\n\r\n"
    writer.write((head + body).encode())
    text = (await reader.read()).decode()
    writer.close()
    return [int(number) for number in re.findall(r'"sequence_number":(\d+)', text)]


def streams(program, scratch, options):
    script = scratch / "slow.toml"
    deltas = ", ".join(f'{{ text = "part {n}" }}, {{ wait = "100ms" }}' for n in range(40))
    script.write_text(f"version = 1\n[[step]]\nrepeat = \"any\"\nflush = true\nreply = [{deltas}]\n")
    body = request_body()

    async def all_streams(port):
        jobs = (slow_stream(port, body) for _ in range(options.streams))
        return await asyncio.wait_for(asyncio.gather(*jobs), 120)

    with trace_diff(program, scratch, script) as server:
        begun = time.perf_counter()
        found = asyncio.run(all_streams(server.port))
        seconds = time.perf_counter() - begun
        peak = resident(server.worker)[1]
    lengths = {len(numbers) for numbers in found}
    in_order = sum(numbers == list(range(len(numbers))) and bool(numbers) for numbers in found)
    print(f"slow streams: {in_order} of {len(found)} in order, events in each {sorted(lengths)}, {seconds:.1f} s "
          f"(4 s of it are waits), {peak:.0f} MB at most")


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("program", type=Path)
    parser.add_argument("scratch", type=Path)
    for name, value in [("seconds", 5), ("rounds", 3), ("requests", 100_000), ("streams", 1000)]:
        parser.add_argument(f"--{name}", type=int, default=value)
    jobs = {job.__name__: job for job in (load, memory, startup, streams)}
    parser.add_argument("--only", choices=jobs)
    options = parser.parse_args()
    options.scratch.mkdir(parents=True, exist_ok=True)
    scratch = options.scratch.resolve()
    body = os.environ.get("BODY")
    for n, text in bodies(Path(body).read_text() if body else request_body()):
        (scratch / f"body-{n}.json").write_text(text)
    (scratch / "post.lua").write_text(WRK % (BODIES, scratch / "body-"))
    for name, job in jobs.items():
        if options.only in (None, name):
            job(options.program.resolve(), scratch, options)
            (scratch / "capture.jsonl").unlink(missing_ok=True)


if __name__ == "__main__":
    main()
