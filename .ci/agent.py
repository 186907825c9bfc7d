"""Real agents, for the scripts that run them: put below target/, cut off from every network, driven in homes of their own."""

import base64
import ctypes
import fcntl
import json
import os
import pty
import queue
import re
import select
import shutil
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
import urllib.request
from pathlib import Path

AGENTS = Path("target/agents").absolute()
TIMEOUT_S = 60
NOWHERE = "http://127.0.0.1:9"
KEY = "sk-fake-0000000000000000"
DIRECTLY = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def install(name, *command):
    """The directory that packages are installed in by a command that is told it last, or None."""
    folder = AGENTS / name
    if not (folder / "installed").exists():
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        try:
            done = subprocess.run([*command, folder], capture_output=True, text=True, timeout=300)
        except (OSError, subprocess.TimeoutExpired) as error:
            return print(f"skipped: {name} ({error})")
        if done.returncode != 0:
            return print(f"skipped: {name} (could not be installed: {done.stderr.strip()[-200:]})")
        (folder / "installed").touch()
    return folder


def install_from_npm(name, *packages):
    return install(name, "npm", "install", "--silent", *packages, "--prefix")


def install_from_pypi(name, *packages):
    return install(name, sys.executable, "-m", "pip", "install", "--quiet", *packages, "--target")


def leave_network():
    """Takes every network but a loopback interface from this process and its children, where that is allowed."""
    if ctypes.CDLL(None).unshare(0x40000000) == 0:  # CLONE_NEWNET
        with socket.socket() as any_socket:
            fcntl.ioctl(any_socket, 0x8914, struct.pack("16sH14x", b"lo", 1))  # SIOCSIFFLAGS, IFF_UP


def environment(home):
    """What an agent finds in its environment; nothing of this process but where programs are."""
    return {
        **{"PATH": os.environ["PATH"], "HOME": str(home), "CODEX_HOME": str(home / ".codex"), "SHELL": "/bin/bash"},
        **{"TERM": "xterm-256color", "LANG": "C.UTF-8", "TZ": "UTC", "FAKE_KEY": KEY, "OPENAI_API_KEY": KEY},
        **{"HTTPS_PROXY": NOWHERE, "HTTP_PROXY": NOWHERE, "NO_PROXY": "127.0.0.1,localhost"},
    }


def kill(process):
    """Ends a process that leads a group, and all that it started."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
    return process.wait()


def access_token(number=0):
    """A token of an account that nobody has, each number another one."""
    ids = {"chatgpt_account_id": "acct-fake", "chatgpt_user_id": "user-fake", "user_id": "user-fake"}
    account = {"chatgpt_plan_type": "plus", **ids}
    claims = {"exp": 1900000000 + number, "email": "user@example.com", "https://api.openai.com/auth": account}
    parts = (json.dumps({"alg": "none", "typ": "JWT"}).encode(), json.dumps(claims).encode(), b"sig")
    return ".".join(base64.urlsafe_b64encode(part).decode().rstrip("=") for part in parts)


def account():
    """The auth.json of an account that nobody has: codex compresses its requests only for one."""
    token = access_token()
    tokens = {"id_token": token, "access_token": token, "refresh_token": "fake", "account_id": "acct-fake"}
    return json.dumps({"OPENAI_API_KEY": None, "tokens": tokens, "last_refresh": "2026-11-21T00:00:00Z"})


class Server:
    """A `trace-diff serve` that keeps a capture."""

    def __init__(self, program, script, folder, *options):
        info, self.capture = folder / "server.json", folder / "capture.jsonl"
        argv = [program, "serve", script, "--capture", self.capture, "--server-info", info, *options]
        self.process = subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        if not self.process.stdout.readline():
            raise OSError(self.process.stderr.read())
        self.url = f"http://127.0.0.1:{json.loads(info.read_text())['port']}"

    def busy(self):
        with DIRECTLY.open(f"{self.url}/__trace-diff/") as response:
            state = json.load(response)
        return state["requests"], state["active"] > 0

    def stop(self):
        """The exit code, and what it told."""
        self.process.send_signal(signal.SIGTERM)
        _, told = self.process.communicate(timeout=TIMEOUT_S)
        return self.process.returncode, told.strip()


class Place:
    """The home and the work directory of a run, and what its agent is told about a server."""

    def __init__(self, folder, model, base_url, options=""):
        """`options` are further lines of the configuration; `{url}` in them stands for the address of the server."""
        self.home, self.work = folder / "home", folder / "work"
        self.config = self.home / ".codex/config.toml"
        self.config.parent.mkdir(parents=True)
        self.work.mkdir()
        url = base_url.removesuffix("/v1")
        has_account = "requires_openai_auth" in options
        if has_account:
            (self.home / ".codex/auth.json").write_text(account())
        top, _, provider = options.partition("|")
        key = "" if has_account else 'env_key = "FAKE_KEY"\n'
        name = "" if "name =" in provider else 'name = "fake"\n'
        self.config.write_text(
            f'model = "{model}"\nmodel_provider = "fake"\napproval_policy = "never"\nsandbox_mode = "danger-full-access"\n'
            f'{top.format(url=url)}\n[model_providers.fake]\n{name}base_url = "{url}/v1"\nwire_api = "responses"\n{key}'
            f'{provider}\n[projects."{self.work}"]\ntrust_level = "trusted"\n'
        )
        self.environment = environment(self.home)

    def start(self, argv, **streams):
        return subprocess.Popen(argv, cwd=self.work, env=self.environment, start_new_session=True, **streams)

    def run(self, argv):
        """The exit code of a program, and what it wrote."""
        process = self.start(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        try:
            told, errors = process.communicate(timeout=TIMEOUT_S)
        except subprocess.TimeoutExpired:
            kill(process)
            told, errors = process.communicate()
        return process.returncode, told.decode(errors="replace") + errors.decode(errors="replace")


class Codex:
    """An installed codex."""

    def __init__(self, version, folder):
        self.name, self.family, self.version = f"codex-{version}", "codex", version
        self.model = "gpt-5.4" if version == "0.115.0" else "gpt-5.5"
        self.program = folder / "node_modules/.bin/codex"

    def drive(self, place, processes, _busy=None, models=()):
        """Runs processes one after the other in one thread; gives the last exit code and what was told.

        A process is the lines that a user types: one is for `codex exec`, several are turns of one `codex app-server`.
        `models` are those of the processes, where that is not the configured one.
        """
        thread, code, told = None, 0, ""
        for number, lines in enumerate(processes):
            if len(lines) == 1:
                model = ("--model", models[number]) if models else ()
                resume = ("resume", thread) if thread else ()
                argv = [self.program, "exec", "--json", "--skip-git-repo-check", *model, *resume, *lines]
                code, told = place.run(argv)
                thread = thread or (re.findall(r'"thread_id":"([^"]+)"', told) or [None])[0]
            else:
                code, told = AppServer(place, self.program).converse(lines)
        return code, told


class AppServer:
    """A `codex app-server`, spoken to in JSON-RPC."""

    def __init__(self, place, program):
        self.work = str(place.work)
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
        self.process = place.start([program, "app-server"], **pipes)
        self.messages, self.told, self.requests = queue.Queue(), [], 0
        threading.Thread(target=self.read, daemon=True).start()

    def read(self):
        for line in self.process.stdout:
            self.messages.put(json.loads(line))
        self.messages.put(None)

    def send(self, **message):
        self.process.stdin.write(json.dumps(message).encode() + b"\n")
        self.process.stdin.flush()

    def wait(self, is_wanted):
        while message := self.messages.get(timeout=TIMEOUT_S):
            self.told.append(message)
            if is_wanted(message):
                return message
        raise EOFError("the app-server has ended")

    def ask(self, method, **params):
        self.requests += 1
        number = self.requests
        self.send(id=number, method=method, params=params)
        return self.wait(lambda message: message.get("id") == number)["result"]

    def converse(self, lines):
        try:
            self.ask("initialize", clientInfo={"name": "trace_client", "title": "Trace client", "version": "1.0.0"})
            self.send(method="initialized")
            thread = self.ask("thread/start", cwd=self.work)["thread"]["id"]
            for line in lines:
                if line == "/compact":
                    self.ask("thread/compact/start", threadId=thread)
                else:
                    self.ask("turn/start", threadId=thread, input=[{"type": "text", "text": line}])
                self.wait(lambda message: message.get("method") == "turn/completed")
            self.process.stdin.close()
            return self.process.wait(TIMEOUT_S), json.dumps(self.told)
        except (OSError, EOFError, KeyError, queue.Empty, subprocess.TimeoutExpired) as error:
            return -1, f"{error!r} after {json.dumps(self.told)}"
        finally:
            kill(self.process)


class Pycodex:
    """An installed pycodex."""

    model, family = "gpt-5.5", "pycodex"

    def __init__(self, version, folder):
        self.name, self.version, self.folder = f"pycodex-{version}", version, folder

    def drive(self, place, processes, busy=None):
        """As for codex; later processes take up the newest session, and several lines are typed into a terminal.

        `busy()` gives how many requests there were, and whether one is being answered; without it only the terminal tells.
        """
        place.environment["PYTHONPATH"] = str(self.folder)
        # Without the packages of this Python: pycodex does another thing where it finds PIL.
        argv = [sys.executable, "-S", "-c", "from pycodex.cli import main; raise SystemExit(main())", "--config", place.config]
        code, told = 0, ""
        for number, lines in enumerate(processes):
            if len(lines) == 1 and number == 0:
                code, told = place.run([*argv, "--json", *lines])
            else:
                resume = ("/resume 1",) if number else ()
                code, told = Terminal(place, argv, busy).type((*resume, *lines))
        return code, told


class Terminal:
    """A program on a terminal of its own, into which lines are typed when it has become quiet."""

    def __init__(self, place, argv, busy):
        self.busy, self.quiet_s, self.shown = busy or (lambda: (0, False)), 0.8 if busy else 2, b""
        self.knows_requests = busy is not None
        self.terminal, inner = pty.openpty()
        fcntl.ioctl(inner, 0x5414, struct.pack("4H", 40, 200, 0, 0))  # TIOCSWINSZ
        self.process = place.start(argv, stdin=inner, stdout=inner, stderr=inner)
        os.close(inner)

    def read(self):
        """Takes what is shown within a tenth of a second; whether that was more than moves of the cursor."""
        if not select.select([self.terminal], [], [], 0.1)[0]:
            return False
        try:
            shown = os.read(self.terminal, 1 << 16)
        except OSError:  # the program has ended
            return False
        if b"\x1b[6n" in shown:  # it asks where the cursor is
            os.write(self.terminal, b"\x1b[1;1R")
        self.shown += shown
        return re.sub(rb"\x1b\[[?\d;]*[a-zA-Z]", b"", shown) != b""

    def settle(self, requests=0):
        """Waits until nothing has been shown or answered for a while, and there were so many requests."""
        start = last = time.monotonic()
        while time.monotonic() - last < self.quiet_s and time.monotonic() - start < TIMEOUT_S / 2:
            count, is_busy = self.busy()
            if self.read() or is_busy or not self.shown or self.knows_requests and count < requests:
                last = time.monotonic()

    def type(self, lines):
        """The exit code of the program and what it has shown, after these lines and the end of input."""
        try:
            self.settle()
            for line in lines:
                requests = self.busy()[0]
                os.write(self.terminal, line.encode())
                self.read()
                os.write(self.terminal, b"\r")
                self.settle(requests + (0 if line.startswith("/resume") else 1))
            os.write(self.terminal, b"\x04")
            end = time.monotonic() + TIMEOUT_S / 2
            while self.process.poll() is None and time.monotonic() < end:
                self.read()
            return self.process.poll(), self.shown.decode(errors="replace")
        finally:
            kill(self.process)
            os.close(self.terminal)
