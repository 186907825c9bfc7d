#!/usr/bin/env python3
"""Does with an agent what was done when a run of the corpus was recorded; the COMMAND of `trace-diff replay`.

usage: replay_drive.py RUN AGENT_FOLDER BASE_URL HOME WORK capture|rollouts

RUN is the directory of the recorded run. Its configuration, commands, messages to an app-server and lines typed into a
terminal are used again, with this run's paths and ids in place of the recorded ones.
"""

import base64
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import agent

PYCODEX = "from pycodex.cli import main; raise SystemExit(main())"
UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
SHORT_S, LONG_S = 0.3, 60


class Place:
    """What `agent.Terminal` needs of a place."""

    def __init__(self, work):
        self.work, self.environment = work, dict(os.environ)

    def start(self, argv, **streams):
        return subprocess.Popen(argv, cwd=self.work, env=self.environment, **streams)


class Run:
    def __init__(self, folder, program, base_url, home, work):
        self.folder, self.recorded = folder, json.loads((folder / "run.json").read_text())
        self.url, self.home, self.place = base_url.removesuffix("/v1"), home, Place(work)
        self.is_codex = self.recorded["agent"] == "codex"
        # What else this Python has installed changes what pycodex does: it makes pictures smaller where it finds PIL.
        self.program = [program / "node_modules/.bin/codex"] if self.is_codex else [sys.executable, "-S", "-c", PYCODEX]
        if not self.is_codex:
            self.place.environment["PYTHONPATH"] = str(program)
        self.place.environment["FAKE_KEY"] = agent.KEY
        self.names = {
            self.recorded["workdir"]: str(work), self.recorded["home"]: str(home),
            f"http://127.0.0.1:{self.recorded['port']}": self.url,
        }

    def renamed(self, text):
        for old, new in self.names.items():
            text = text.replace(old, new)
        return text

    def prepare(self):
        config = self.home / ".codex/config.toml"
        config.parent.mkdir(exist_ok=True)
        config.write_text(self.renamed(self.recorded["config_toml"]))
        if "requires_openai_auth" in config.read_text():
            (config.parent / "auth.json").write_text(agent.account())
            self.place.environment.pop("OPENAI_API_KEY", None)
        self.place.environment.pop("CODEX_API_KEY", None)
        self.place.environment.pop("OPENAI_BASE_URL", None)
        for name, text in self.recorded["workdir_files_after"].items():
            if name in ("AGENTS.md", "schema.json"):
                (self.place.work / name).write_text(text)
        picture = re.search(r"data:image/png;base64,([A-Za-z0-9+/=]+)", (self.folder / "capture.jsonl").read_text())
        if "dot.png" in self.recorded["workdir_files_after"]:
            (self.place.work / "dot.png").write_bytes(base64.b64decode(picture[1]))

    def state(self):
        with agent.DIRECTLY.open(f"{self.url}/__trace-diff/") as response:
            return json.load(response)

    def busy(self):
        state = self.state()
        return state["requests"], state["active"] > 0

    def until_busy(self):
        """Until a response is being played: what is said during one is said then, however slow the agent is."""
        end = time.monotonic() + LONG_S
        while not self.busy()[1] and time.monotonic() < end:
            time.sleep(0.02)

    def drive(self):
        self.prepare()
        for command in self.recorded["commands"]:
            argv = [*self.program, *map(self.renamed, command["argv"][1:])]
            if "messages_file" in command:
                code = self.converse(argv, command["messages_file"])
            elif "interactive_lines" in command:
                code = self.type(argv, command["interactive_lines"])
            elif command["exit_code"] == -9:
                code = self.kill(argv)
            else:
                code = self.execute(argv, command)
            # How a turn failed that left no answer on disk is not known, nor how far it had come.
            if code != command["exit_code"] and self.plays_deltas:
                print(f"{argv[-1]!r} ended with {code}, was recorded with {command['exit_code']}", flush=True)

    def execute(self, argv, command):
        done = subprocess.run(
            argv, cwd=self.place.work, env=self.place.environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True
        )
        was = re.search(r'"thread_id":"([^"]+)"', (self.folder / command["stdout_file"]).read_text())
        now = re.search(r'"thread_id":"([^"]+)"', done.stdout)
        if was and now:
            self.names[was[1]] = now[1]
        print(done.stdout, flush=True)
        return done.returncode

    def kill(self, argv):
        """Kills it when it has made as many requests as were recorded, and had some time for what it does then."""
        process = self.place.start(argv, stdin=subprocess.DEVNULL)
        wanted = self.recorded["exchanges"]
        end = time.monotonic() + LONG_S
        while self.state()["requests"] < wanted and time.monotonic() < end:
            time.sleep(0.05)
        time.sleep(1)
        process.kill()
        return process.wait()

    def converse(self, argv, name):
        """Says to an app-server what was said, each message when it has answered as it had answered by then."""
        server = agent.AppServer.__new__(agent.AppServer)
        messages = [json.loads(line) for line in (self.folder / name).read_text().splitlines()]
        server.process = self.place.start(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        server.messages, server.told = agent.queue.Queue(), []
        agent.threading.Thread(target=server.read, daemon=True).start()
        seen = []
        try:
            begun = 0
            for at, record in enumerate(messages):
                if record["dir"] != "to_agent":
                    continue
                self.wait(server, seen, messages[:at], messages[begun:at])
                if at and (pause := record["at_ms"] - messages[at - 1]["at_ms"]) > 200:
                    time.sleep(pause / 1000)
                if record["message"].get("method") in ("turn/interrupt", "turn/steer"):
                    self.until_busy()
                server.send(**json.loads(self.renamed(json.dumps(record["message"]))))
                begun = at + 1
            self.wait(server, seen, messages, messages[begun:])
            server.process.stdin.close()
            return server.process.wait(LONG_S)
        finally:
            server.process.kill()

    def wait(self, server, seen, before, latest):
        """Until all that was answered before is answered, and as many turns are over; the ids that it gives are learned."""
        count = lambda messages, method: sum(message.get("method") == method for message in messages)
        recorded = [record["message"] for record in before if record["dir"] == "from_agent"]
        latest = [record["message"] for record in latest if record["dir"] == "from_agent"]
        answers = {message["id"]: message for message in recorded if "id" in message and "method" not in message}
        methods = ["turn/completed"]
        if latest and not count(latest, "turn/completed"):
            methods.append("turn/started")
            # What is said during a response is said when the response has begun.
            has_deltas = self.plays_deltas and count(latest, "item/agentMessage/delta")
            methods += ["item/agentMessage/delta"] if has_deltas else []
        end = time.monotonic() + LONG_S
        while True:
            answered = {message["id"]: message for message in seen if "id" in message and "method" not in message}
            enough = all(
                count(seen, method) >= min(count(recorded, method), 1 + count(seen, "turn/completed"))
                if method == "item/agentMessage/delta" else count(seen, method) >= count(recorded, method)
                for method in methods
            )
            if enough and answers.keys() <= answered.keys():
                break
            seen.append(server.messages.get(timeout=max(0.1, end - time.monotonic())) or sys.exit("the app-server has ended"))
        for number, answer in answers.items():
            self.learn(answer, answered[number])

    def learn(self, was, now):
        if isinstance(was, dict) and isinstance(now, dict):
            for key in was.keys() & now.keys():
                self.learn(was[key], now[key])
        elif isinstance(was, list) and isinstance(now, list):
            for one, other in zip(was, now):
                self.learn(one, other)
        elif isinstance(was, str) and isinstance(now, str) and UUID.fullmatch(was) and UUID.fullmatch(now):
            self.names.setdefault(was, now)

    def type(self, argv, lines):
        terminal = agent.Terminal(self.place, argv, self.busy)
        try:
            terminal.settle()
            for line in lines:
                text, pause = (line["text"], line["sleep_s"]) if isinstance(line, dict) else (line, None)
                requests = self.busy()[0]
                os.write(terminal.terminal, text.encode())
                terminal.read()
                os.write(terminal.terminal, b"\r")
                if pause:
                    end = time.monotonic() + pause
                    while time.monotonic() < end:
                        terminal.read()
                else:
                    makes_request = not text.startswith(("/resume", "/fork"))
                    terminal.settle(requests + makes_request)
            os.write(terminal.terminal, b"\x04")
            end = time.monotonic() + LONG_S
            while terminal.process.poll() is None and time.monotonic() < end:
                terminal.read()
            return terminal.process.poll()
        finally:
            agent.kill(terminal.process) if terminal.process.poll() is None else None
            os.close(terminal.terminal)


def main():
    folder, program, base_url, home, work, kind = sys.argv[1:]
    run = Run(Path(folder), Path(program), base_url, Path(home), Path(work))
    # A rollout does not tell how far a response had come that was broken off.
    run.plays_deltas = kind == "capture"
    run.drive()


if __name__ == "__main__":
    main()
