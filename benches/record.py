#!/usr/bin/env python3
"""Measures recording proxies between a client and an upstream, and prints Markdown tables.

usage: record.py TRACE_DIFF SCRATCH [--rounds N] [--seconds N] [--gigabytes N] [--only JOB]
  SCRATCH      a directory for what the proxies keep
  --rounds     responses of which each first event is timed (default 200)
  --seconds    of one run of wrk (default 5)
  --gigabytes  of the long stream, for trace-diff (default 10); the others get a tenth of one
  --only       one of the jobs: first, load, long
environment:
  AIMOCK       the program of @copilotkit/aimock; without it that row is missing
  MITMDUMP     the program of mitmproxy; likewise
  CPUS         processors for everything (default: all)
Needs wrk and nginx for the job load. Loopback only.
"""

import argparse
import os
import shutil
import socket
import statistics
import subprocess
import threading
import time
from pathlib import Path

from load import WRK, free_port, request_body

EVENT = b'event: response.output_text.delta\ndata: {"type":"response.output_text.delta","item_id":"msg_1","delta":"%s"}\n\n'
HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
PAUSE_S = 0.02
NGINX = """worker_processes 1; daemon off; pid %(dir)s/nginx.pid; error_log %(dir)s/nginx.log;
events {}
http { access_log off; client_body_temp_path %(dir)s/nginx-body; client_body_buffer_size 1m;
  server { listen 127.0.0.1:%(port)d; keepalive_requests 100000000; default_type text/event-stream;
    location / { return 200 '%(answer)s'; } } }
"""


def chunk(data):
    return b"%x\r\n%s\r\n" % (len(data), data)


class Upstream:
    """A server on a thread that answers every request with a stream of its own."""

    def __init__(self, stream):
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port = self.listener.getsockname()[1]
        self.stream = stream
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            connection, _ = self.listener.accept()
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def serve(self, connection):
        try:
            while request := read_request(connection):
                self.stream(connection, request)
        except OSError:
            pass


def read_request(connection):
    data = b""
    while b"\r\n\r\n" not in data:
        if not (part := connection.recv(1 << 16)):
            return None
        data += part
    head, _, body = data.partition(b"\r\n\r\n")
    fields = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:])
    if fields.get(b"transfer-encoding") == b"chunked":
        while not body.endswith(b"0\r\n\r\n"):
            body += connection.recv(1 << 16)
        return head + body
    length = int(fields.get(b"content-length", 0))
    while len(body) < length:
        body += connection.recv(1 << 16)
    return head


def few_events(connection, _request):
    connection.sendall(HEAD + chunk(EVENT % b"first"))
    time.sleep(PAUSE_S)
    connection.sendall(chunk(b'event: response.completed\ndata: {"type":"response.completed","response":{"id":"resp_1"}}\n\n'))
    connection.sendall(b"0\r\n\r\n")


BLOCK = chunk(EVENT % (b"x" * 200)) * 4000


def many_events(connection, request):
    wanted = int(request.lower().partition(b"x-bytes: ")[2].split(b"\r\n")[0])
    connection.sendall(HEAD)
    for _ in range(wanted // len(BLOCK)):
        connection.sendall(BLOCK)
    connection.sendall(b"0\r\n\r\n")


class Proxy:
    """A process that passes requests on and keeps them."""

    def __init__(self, name, argv, port, prefix=()):
        self.name, self.port = name, port
        self.process = subprocess.Popen([*prefix, *argv], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        end = time.monotonic() + 30
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                return
            except OSError:
                if time.monotonic() > end or self.process.poll() is not None:
                    raise OSError(f"{name} does not start") from None
                time.sleep(0.05)

    def memory_mb(self):
        for line in Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS"):
                return int(line.split()[1]) / 1024
        return 0

    def stop(self):
        self.process.terminate()
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def proxies(args, upstream, capture=None):
    """Ours, and those whose programs are given."""
    cpus = os.environ.get("CPUS")
    prefix = ("taskset", "-c", cpus) if cpus else ()
    url = f"http://127.0.0.1:{upstream}"
    out = capture or args.scratch / f"record-{time.monotonic_ns()}.jsonl"
    port = free_port()
    argv = [args.program, "record", "--upstream", url, "--capture", out, "--port", str(port), "--max-body", "64"]
    yield Proxy("trace-diff", argv, port, prefix)
    if aimock := os.environ.get("AIMOCK"):
        port, fixtures = free_port(), args.scratch / f"aimock-{time.monotonic_ns()}"
        fixtures.mkdir()
        argv = ["node", aimock, "--port", str(port), "--fixtures", fixtures, "--record", "--provider-openai", url]
        yield Proxy("aimock", argv, port, prefix)
    if mitmdump := os.environ.get("MITMDUMP"):
        for name, options in (("mitmdump, streaming", ("--set", "stream_large_bodies=1")), ("mitmdump", ())):
            port, flows = free_port(), args.scratch / f"flows-{time.monotonic_ns()}"
            argv = [mitmdump, "-q", "--mode", f"reverse:{url}", "--listen-port", str(port), "-w", flows, *options]
            yield Proxy(name, argv, port, prefix)


def post(body, extra=""):
    return (f"POST /v1/responses HTTP/1.1\r\nhost: x\r\nauthorization: Bearer sk-test\r\ncontent-type: application/json\r\n"
            f"{extra}content-length: {len(body)}\r\n\r\n{body}").encode()


def first_event_ms(connection, request):
    """How long the first event takes; the response is read to its end."""
    start = time.perf_counter()
    connection.sendall(request)
    data, first = b"", None
    while not data.endswith(b"0\r\n\r\n"):
        part = connection.recv(1 << 16)
        if not part:
            raise OSError(f"closed after {data[-200:]!r}")
        data += part
        if first is None and b"first" in data:
            first = time.perf_counter() - start
    return first * 1000


def job_first(args):
    upstream = Upstream(few_events)
    body = request_body()
    started = list(proxies(args, upstream.port))
    ports = {"direct": upstream.port, **{proxy.name: proxy.port for proxy in started}}
    connections = {name: socket.create_connection(("127.0.0.1", port)) for name, port in ports.items()}
    times = {name: [] for name in ports}
    for number in range(args.rounds + 5):
        # aimock answers what it has recorded before by itself.
        request = post(body.replace("Fix the test.", f"Fix test {number}."))
        for name in ports:
            try:
                took = first_event_ms(connections[name], request)
            except OSError:
                connections[name] = socket.create_connection(("127.0.0.1", ports[name]))
                continue
            if number >= 5:
                times[name].append(took)
    for proxy in started:
        proxy.stop()
    print("| way | first event, median ms | later than direct, median ms | 95th percentile ms |\n| --- | ---: | ---: | ---: |")
    for name, taken in times.items():
        if not taken:
            print(f"| {name} | – | – | – |")
            continue
        later = statistics.median(a - b for a, b in zip(taken, times["direct"]))
        late = sorted(taken)[int(len(taken) * 0.95)]
        print(f"| {name} | {statistics.median(taken):.2f} | {later:.2f} | {late:.2f} |")


def job_load(args):
    """Requests of 40 KB that are answered at once, by nginx."""
    if not shutil.which("nginx") or not shutil.which("wrk"):
        return print("skipped: the job load needs nginx and wrk")
    port = free_port()
    answer = (EVENT % (b"x" * 200)).decode().replace("\n", "\\n") * 10
    config = args.scratch / "nginx.conf"
    config.write_text(NGINX % {"dir": args.scratch, "port": port, "answer": answer})
    nginx = Proxy("direct", ["nginx", "-c", config], port)
    script, body = args.scratch / "wrk.lua", args.scratch / "body.json"
    body.write_text(request_body())
    script.write_text(WRK % body)
    started = [nginx, *proxies(args, port)]
    print("| connections | way | requests/s | p50 ms | p99 ms | errors |\n| ---: | --- | ---: | ---: | ---: | ---: |")
    for connections in (1, 64):
        for proxy in started:
            argv = ["wrk", "-t", "1", "-c", str(connections), "-d", f"{args.seconds}s", "--timeout", "30s",
                    "-s", script, f"http://127.0.0.1:{proxy.port}"]
            done = subprocess.run(argv, capture_output=True, text=True, timeout=300)
            told = [line for line in done.stdout.splitlines() if line.startswith("RESULT ")]
            rate, p50, p99, errors, _ = map(float, told[0].split()[1:])
            print(f"| {connections} | {proxy.name} | {rate:,.0f} | {p50:.2f} | {p99:.1f} | {errors:.0f} |", flush=True)
    for proxy in started:
        proxy.stop()


def job_long(args):
    upstream = Upstream(many_events)
    print("| way | stream GB | memory MB, before | at a tenth | at half | at the end | MB/s |\n| --- | ---: | ---: | ---: | ---: | ---: | ---: |")
    for proxy in proxies(args, upstream.port, capture="/dev/null"):
        total = int((args.gigabytes if proxy.name == "trace-diff" else min(0.1, args.gigabytes)) * 1e9)
        connection = socket.create_connection(("127.0.0.1", proxy.port))
        memory, start = [proxy.memory_mb()], time.monotonic()
        connection.sendall(post(request_body(), f"x-bytes: {total}\r\n"))
        marks, got, tail = [total * 0.1, total * 0.5], 0, b""
        connection.settimeout(120)
        try:
            while not tail.endswith(b"0\r\n\r\n"):
                part = connection.recv(1 << 20)
                if not part:
                    break
                got, tail = got + len(part), (tail + part)[-5:]
                while marks and got >= marks[0]:
                    memory.append(proxy.memory_mb())
                    marks.pop(0)
            memory += [proxy.memory_mb()] * (4 - len(memory))
            rate = got / 1e6 / (time.monotonic() - start)
            told = " | ".join(f"{value:.0f}" for value in memory[:4])
            print(f"| {proxy.name} | {got / 1e9:.1f} | {told} | {rate:.0f} |", flush=True)
        except OSError as error:
            print(f"| {proxy.name} | {got / 1e9:.1f} | {error} | | | | |", flush=True)
        proxy.stop()


JOBS = {"first": job_first, "load": job_load, "long": job_long}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program", type=lambda path: Path(path).absolute())
    parser.add_argument("scratch", type=lambda path: Path(path).absolute())
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--seconds", type=int, default=5)
    parser.add_argument("--gigabytes", type=float, default=10)
    parser.add_argument("--only", choices=JOBS)
    args = parser.parse_args()
    args.scratch.mkdir(parents=True, exist_ok=True)
    for name, job in JOBS.items():
        if args.only in (None, name):
            print(f"\n## {name}\n", flush=True)
            job(args)


if __name__ == "__main__":
    main()
