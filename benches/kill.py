"""Kills `trace-diff serve` under load again and again, and checks that no response which a client saw complete is lost.

usage: kill.py TRACE_DIFF SCRATCH [RUNS]
Prints what was checked; exits with 1 when something is lost or a capture is damaged otherwise than at its end.
"""

import http.client
import json
import random
import subprocess
import sys
import threading
import time
from pathlib import Path

CLIENTS = 8


def load(port, client, padding, seen):
    """Posts requests with names of their own until the server is gone; adds those whose response came whole."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    for number in range(1_000_000):
        name = f"request-{client}-{number}."
        body = json.dumps({"model": "m", "stream": number % 3 > 0, "name": name, "input": padding * (number % 50)})
        try:
            connection.request("POST", "/v1/responses", body)
            answer = connection.getresponse().read()
        except (OSError, http.client.HTTPException):
            return
        if b"completed" not in answer:
            raise SystemExit(f"error: an odd answer: {answer[:200]}")
        seen.append(name)


def run(program, capture):
    """One server's life; gives the number of complete responses, of problems at the end, and what is wrong."""
    command = [program, "serve", "--capture", capture, "--force"]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    port = int(server.stdout.readline().rsplit(b":", 1)[1])
    seen = [[] for _ in range(CLIENTS)]
    threads = [threading.Thread(target=load, args=(port, n, "some text. ", seen[n])) for n in range(CLIENTS)]
    for thread in threads:
        thread.start()
    time.sleep(random.uniform(0.03, 0.4))
    server.kill()
    server.wait()
    for thread in threads:
        thread.join()
    names, complete, cut, wrong = {}, set(), 0, []
    lines = capture.read_bytes().split(b"\n")
    for at, line in enumerate(lines):
        if not line:
            continue
        try:
            record = json.loads(line)
        except ValueError:
            if at < len(lines) - 1:
                wrong.append(f"line {at + 1} is damaged")
            cut += 1
            continue
        if record["type"] == "request":
            names[record["exchange"]] = record["body"]["json"]["name"]
        elif record["type"] == "end" and record["how"] == "complete":
            complete.add(names[record["exchange"]])
    told = [name for names in seen for name in names]
    wrong += [f"{name} is lost" for name in told if name not in complete]
    return len(told), cut, wrong


def main():
    program, scratch = Path(sys.argv[1]).resolve(), Path(sys.argv[2])
    runs = int(sys.argv[3]) if len(sys.argv) > 3 else 200
    scratch.mkdir(parents=True, exist_ok=True)
    capture = scratch / "killed.jsonl"
    responses = cuts = 0
    for number in range(runs):
        told, cut, wrong = run(program, capture)
        if wrong:
            raise SystemExit(f"error: run {number + 1}: {'; '.join(wrong[:5])} ({capture})")
        responses, cuts = responses + told, cuts + cut
    capture.unlink()
    print(f"{runs} servers killed under load: {responses:,} responses seen complete, all of them in the captures; "
          f"{cuts} captures with a truncated tail, none with other damage")


if __name__ == "__main__":
    main()
