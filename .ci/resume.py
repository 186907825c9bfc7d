#!/usr/bin/env python3
"""Damages rollouts in many ways and compares what `trace-diff show` says a resume would send with what real agents send.

usage: resume.py TRACE_DIFF CORPUS [CASE...]

Installs codex from npm and pycodex from PyPI below target/, makes rollouts with codex against a scripted server in this
process, damages copies of them, and for each, and for the rollouts of a corpus if there is one, runs `codex exec resume`
in a home of its own. Of pycodex only the reader is called. Nothing is sent to any other address.
"""

import json
import os
import re
import subprocess
import sys
import tempfile
import threading
import uuid
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import chain
from pathlib import Path

import damage
from agent import TIMEOUT_S, environment, install_from_npm, install_from_pypi, kill, leave_network

CODEX, PYCODEX = "0.169.0", "0.5.1"
SESSIONS = Path("sessions/2026/11/21")
MODEL = "gpt-5.5"
PROMPT = "Go on."
COMPACTION_PROMPT = "You are performing a CONTEXT CHECKPOINT COMPACTION."
CONTEXT = ("<environment_context>", "# AGENTS.md instructions")


def message(number, text):
    content = [{"type": "output_text", "text": text, "annotations": []}]
    return {"type": "message", "id": f"msg_{number}", "role": "assistant", "status": "completed", "content": content}


def shell(number, command):
    arguments = json.dumps({"cmd": command})
    return {"type": "function_call", "id": f"fc_{number}", "call_id": f"call_{number}", "name": "exec_command", "arguments": arguments}


def reasoning(number):
    summary = [{"type": "summary_text", "text": f"Thought {number}."}]
    return {"type": "reasoning", "id": f"rs_{number}", "summary": summary, "encrypted_content": f"gAAAAA{number}"}


FIRST_TURN = [
    ([reasoning("a1"), shell("a1", "echo one"), shell("a2", "echo two")], 30_000),
    ([message("a3", "First answer.")], 100),
]
COMPACTED_TURN = [FIRST_TURN[0], ([message("c1", "Summary of it.")], 100), FIRST_TURN[1]]
SECOND_TURN = [
    ([reasoning("b1"), shell("b1", "echo three")], 100),
    ([message("b2", "Second answer.")], 100),
]
FORKED_TURN = [([shell("f1", "echo four")], 100), ([message("f2", "Third answer.")], 100)]


class Run:
    """One process of codex: what the server is to answer to it, and the `input` of each of its requests."""

    def __init__(self, answers):
        self.answers, self.inputs, self.asked = answers, [], threading.Event()


class Server(BaseHTTPRequestHandler):
    """Answers the requests of all runs; the first part of the path is the number of the run."""

    protocol_version = "HTTP/1.1"
    runs = []

    def log_message(self, *_):
        pass

    def answer(self, status, kind, body):
        self.send_response(status)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        self.answer(404, "application/json", b"{}")

    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        asked = re.fullmatch(r"/(\d+)/v1/responses", self.path)
        if not asked:
            return self.answer(404, "application/json", b"{}")
        run = self.runs[int(asked[1])]
        number = len(run.inputs)
        run.inputs.append(json.loads(body)["input"])
        run.asked.set()
        if number >= len(run.answers):
            return self.answer(503, "application/json", b"{}")
        self.answer(200, "text/event-stream", events(f"resp_{asked[1]}_{number}", *run.answers[number]))


def events(response, items, tokens):
    """A response as server-sent events."""
    usage = {"input_tokens": tokens, "output_tokens": 5, "total_tokens": tokens + 5}
    done = [{"type": "response.output_item.done", "output_index": n, "item": item} for n, item in enumerate(items)]
    last = {"type": "response.completed", "response": {"id": response, "output": items, "usage": usage}}
    stream = [{"type": "response.created", "response": {"id": response}}, *done, last]
    return "".join(f"event: {event['type']}\ndata: {json.dumps(event)}\n\n" for event in stream).encode()


class Codex:
    """The installed codex, run in homes below a directory and against a server."""

    def __init__(self, program, folder, port):
        self.program, self.folder, self.port, self.lock = program, folder, port, threading.Lock()
        self.work = folder / "work"
        self.work.mkdir()

    def configure(self, home, run, limit):
        with self.lock:
            Server.runs.append(run)
            number = len(Server.runs) - 1
        (home / "config.toml").write_text(
            f"""
            model = "{MODEL}"
            model_provider = "fake"
            model_auto_compact_token_limit = {limit}
            approval_policy = "never"
            sandbox_mode = "danger-full-access"
            [analytics]
            enabled = false
            [model_providers.fake]
            name = "fake"
            base_url = "http://127.0.0.1:{self.port}/{number}/v1"
            wire_api = "responses"
            env_key = "FAKE_KEY"
            request_max_retries = 0
            stream_max_retries = 0
            """
        )

    def execute(self, home, *arguments, answers=(), limit=10**9):
        """Runs `codex exec` to its end, or, without answers, until it asks; gives the run, the exit code and the errors."""
        run = Run(answers)
        home.mkdir(parents=True, exist_ok=True)
        self.configure(home, run, limit)
        variables = {**environment(home), "CODEX_HOME": str(home)}
        argv = [self.program, "exec", "--json", "--skip-git-repo-check", *arguments]
        with open(home / "stderr", "wb") as errors, open(home / "stdout", "wb") as told:
            process = subprocess.Popen(
                argv, cwd=self.work, env=variables, stdin=subprocess.DEVNULL, stdout=told, stderr=errors, start_new_session=True
            )
            try:
                for _ in range(TIMEOUT_S * 20):
                    if process.poll() is not None or (run.asked.wait(0.05) if not answers else wait(process)):
                        break
            finally:
                code = kill(process)
        return run, code, (home / "stderr").read_text(errors="replace")

    def session(self, name, *turns, limit=10**9):
        """A rollout made by turns, each of which is a process of its own."""
        home, resumed = self.folder / name, ()
        for prompt, answers in turns:
            _, code, errors = self.execute(home, *resumed, prompt, answers=answers, limit=limit)
            assert code == 0, f"codex could not make the session {name}: {errors}"
            (path,) = home.glob("sessions/*/*/*/rollout-*.jsonl")
            resumed = ("resume", damage.Rollout(path.read_bytes()).id)
        return path

    def fork(self, path):
        """A fork of a rollout, in the same home."""
        home = path.parents[4]
        parent = damage.Rollout(path.read_bytes())
        _, code, errors = self.execute(home, "fork", parent.id, "Third prompt.", answers=FORKED_TURN)
        assert code == 0, f"codex could not fork: {errors}"
        (fork,) = set(path.parent.glob("rollout-*.jsonl")) - {path}
        return fork


def wait(process):
    try:
        process.wait(0.05)
    except subprocess.TimeoutExpired:
        return False
    return True


class Case:
    """A rollout to resume in a home of its own, with the files beside it."""

    def __init__(self, name, home, session, path, files, is_as_found=False):
        """`files` gives the bytes by path below the home; `path` is that of the rollout."""
        self.is_as_found = is_as_found
        self.name, self.home, self.session, self.path = name, home, session, home / path
        for file, data in files.items():
            (home / file).parent.mkdir(parents=True, exist_ok=True)
            (home / file).write_bytes(data)
        self.recorded = b"".join(files.values())
        models = re.findall(rb'"model":\s*"(gpt[^"]*)"', files[path])
        self.model = models[-1].decode() if models else MODEL

    def predict(self, program):
        """What `show` says each reader makes of the rollout; a file without any record is an error, so it is refused."""
        done = subprocess.run([program, "show", self.path, "--format", "json"], capture_output=True, timeout=TIMEOUT_S)
        if done.returncode == 2:
            refused = {"accepts": False, "reason": done.stderr.decode(errors="replace").strip(), "input": []}
            return dict.fromkeys(("codex", "pycodex"), refused)
        try:
            return json.loads(done.stdout)["resume"]
        except (ValueError, KeyError) as error:
            told = done.stderr.decode(errors="replace").strip()
            return dict.fromkeys(("codex", "pycodex"), {"accepts": None, "reason": f"{error!r} {told}", "input": []})


def damaged_cases(folder, turns, compacted, fork):
    """The cases made from the paths of undamaged rollouts."""
    new, forked = damage.Rollout(turns.read_bytes()), damage.Rollout(fork.read_bytes())
    old, summary = damage.as_legacy(new), damage.Rollout(compacted.read_bytes())
    tables = (
        ("new", new, turns, damage.TURNS | damage.NEW),
        ("old", old, turns, damage.TURNS | damage.OLD),
        ("compacted", summary, compacted, damage.COMPACTED),
    )
    for prefix, rollout, path, kinds in tables:
        for name, change in kinds.items():
            file = SESSIONS / path.name
            yield Case(f"{prefix}/{name}", folder / prefix / name, rollout.id, file, {file: change(rollout)})
    for prefix, rollout in (("new", new), ("old", old)):
        for name, change in damage.NAMED.items():
            file = SESSIONS / change(turns.name, new.id)
            yield Case(f"{prefix}/named_with_{name}", folder / prefix / name, new.id, file, {file: rollout.data})
        for name, (suffix, change) in damage.COMPRESSED.items():
            file = SESSIONS / (turns.name + suffix)
            yield Case(f"{prefix}/{name}", folder / prefix / name, rollout.id, file, {file: change(rollout)})
    for name, change in damage.FORKED.items():
        files = dict(zip((SESSIONS / turns.name, SESSIONS / fork.name), change(new, forked)))
        files = {file: data for file, data in files.items() if data is not None}
        yield Case(f"fork/{name}", folder / "fork" / name, forked.id, SESSIONS / fork.name, files)


def session_of(data):
    """The id that the first session_meta of a rollout has, or any where there is none."""
    found = re.search(rb'"id":\s*"([0-9a-f-]{36})"', data)
    return found[1].decode() if found else damage.OTHER_ID


def corpus_cases(folder, corpus):
    """Every rollout of a corpus as it is; of the files of one thread the newest."""
    for tree in sorted(corpus.glob("*/*/rollouts")):
        files = {path.relative_to(tree): path.read_bytes() for path in sorted(tree.rglob("rollout-*.jsonl"))}
        for session, path in {session_of(data): path for path, data in files.items()}.items():
            name = f"{tree.parent.relative_to(corpus)}/{session[-4:]}"
            yield Case(name, folder / name, session, path, files, is_as_found=True)
    for path in sorted(corpus.glob("damaged/*.jsonl")):
        data = path.read_bytes()
        session = session_of(data)
        file = SESSIONS / f"rollout-2026-11-21T01-01-01-{session}.jsonl"
        yield Case(f"damaged/{path.stem}", folder / "damaged" / path.stem, session, file, {file: data}, is_as_found=True)


def text(item):
    return "".join(part.get("text", "") for part in item.get("content") or [] if isinstance(part, dict))


def is_base_instructions(item):
    """Whether an item is the base instructions, whose id is made from the thread's and not recorded."""
    return re.match(r"msg_.{14}5", item.get("id", "")) is not None


def difference(predicted, sent, recorded):
    """What tells the sent items from the predicted ones followed by context of the new turn and its prompt, or None."""
    if sent and is_base_instructions(sent[0]):
        sent = sent[1:]
    for number, (left, right) in enumerate(zip(predicted, sent)):
        if left != right:
            return f"item {number}: predicted {json.dumps(left)[:300]}, sent {json.dumps(right)[:300]}"
    if len(sent) <= len(predicted):
        return f"predicted {len(predicted)} items, sent {len(sent)} with the new prompt"
    *context, prompt = sent[len(predicted) :]
    if prompt.get("role") != "user" or not (text(prompt) == PROMPT or text(prompt).startswith(COMPACTION_PROMPT)):
        return f"the last item is not the new prompt but {json.dumps(prompt)[:300]}"
    for item in context:
        known = item.get("role") == "developer" or text(item).startswith(CONTEXT)
        if not known or item["id"].encode() in recorded:
            return f"not predicted: {json.dumps(item)[:300]}"
    return None


def compare_codex(codex, case, predicted):
    """What codex did, and what is wrong with the prediction, if anything."""
    run, code, errors = codex.execute(case.home, "--model", case.model, "resume", case.session, PROMPT)
    if run.inputs:
        wrong = difference(predicted["input"], run.inputs[0], case.recorded)
        return f"sends {len(run.inputs[0])}", wrong if predicted["accepts"] else f"predicted: refuses, {predicted['reason']}"
    told = (errors.strip().splitlines() or ["nothing said"])[-1]
    if code != 1:
        return f"exit {code}", told
    return "refuses", None if predicted["accepts"] is False else f"predicted: accepts; it says: {told}"


READ_WITH_PYCODEX = """
import json, sys
from pycodex.utils.session_persist import load_resumed_session_path
for path in sys.stdin.read().splitlines():
    try:
        print(json.dumps([item.serialize() for item in load_resumed_session_path(path)["history"]]))
    except (ValueError, RecursionError) as error:
        print(json.dumps(str(error)))
"""


def read_with_pycodex(folder, paths):
    """For each path the items that pycodex resumes with, or the text of its refusal."""
    done = subprocess.run(
        [sys.executable, "-c", READ_WITH_PYCODEX],
        **{"input": "\n".join(map(str, paths)), "capture_output": True, "text": True, "check": True},
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(folder)},
    )
    return map(json.loads, done.stdout.splitlines())


def compare_pycodex(read, predicted):
    if isinstance(read, str):
        return "refuses", None if predicted["accepts"] is False else f"predicted: accepts; it says: {read}"
    if not predicted["accepts"]:
        return f"reads {len(read)}", f"predicted: refuses, {predicted['reason']}"
    for number, (left, right) in enumerate(zip(predicted["input"], read)):
        if left != right:
            return f"reads {len(read)}", f"item {number}: predicted {json.dumps(left)[:300]}, read {json.dumps(right)[:300]}"
    same = len(read) == len(predicted["input"])
    return f"reads {len(read)}", None if same else f"predicted {len(predicted['input'])} items"


def in_words(predicted):
    if predicted["accepts"] is None:
        return "nothing"
    return f"{len(predicted['input'])} items" if predicted["accepts"] else "refuses"


def tell(case, outcomes):
    """Prints a line for a kind of damage, and what is wrong; of a rollout of the corpus only what is wrong."""
    words = [
        f"{agent}: {in_words(predicted):9} {real:9} {'DIFFERS' if wrong else 'ok':8}"
        for agent, predicted, (real, wrong) in outcomes
    ]
    if any(wrong for _, _, (_, wrong) in outcomes) or not case.is_as_found:
        print(f"{case.name:42} {' '.join(words)}".rstrip(), flush=True)
    for agent, _, (_, wrong) in outcomes:
        if wrong:
            print(f"    {agent}: {wrong}"[:1500])


def compare(program, codex, pycodex, wanted, made):
    """The outcomes by agent of all wanted cases: whether each prediction was right."""
    cases = [case for case in made if not wanted or case.name in wanted]
    right = {f"codex {CODEX}": [], f"pycodex {PYCODEX}": []}
    with ThreadPoolExecutor() as pool:
        predicted = list(pool.map(lambda case: case.predict(program), cases))
        read = read_with_pycodex(pycodex, [case.path for case in cases]) if pycodex else [None] * len(cases)
        resumed = pool.map(lambda case, says: compare_codex(codex, case, says["codex"]), cases, predicted)
        for case, says, by_codex, by_pycodex in zip(cases, predicted, resumed, read):
            outcomes = [("codex", says["codex"], by_codex)]
            if pycodex:
                outcomes.append(("pycodex", says["pycodex"], compare_pycodex(by_pycodex, says["pycodex"])))
            tell(case, outcomes)
            for agent, (_, _, (_, wrong)) in zip(right, outcomes):
                right[agent].append(not wrong)
    return right


def main():
    program, corpus, wanted = Path(sys.argv[1]).absolute(), Path(sys.argv[2]), sys.argv[3:]
    npm = install_from_npm(f"codex-{CODEX}", f"@openai/codex@{CODEX}")
    pip = install_from_pypi(f"pycodex-{PYCODEX}", f"python-codex=={PYCODEX}")
    if npm is None:
        return
    leave_network()
    server = ThreadingHTTPServer(("127.0.0.1", 0), Server)
    server.handle_error = lambda *_: None  # an agent that was killed
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
        folder = Path(name)
        codex = Codex(npm / "node_modules/.bin/codex", folder, server.server_address[1])
        turns = codex.session("turns", ("First prompt.", FIRST_TURN), ("Second prompt.", SECOND_TURN))
        compacted = codex.session(
            "compacted", ("First prompt.", COMPACTED_TURN), ("Second prompt.", SECOND_TURN), limit=20_000
        )
        made = chain(damaged_cases(folder, turns, compacted, codex.fork(turns)), corpus_cases(folder / "corpus", corpus))
        right = compare(program, codex, pip, wanted, made)
    for agent, results in right.items():
        if results:
            print(f"resume: {agent} does what is predicted in {sum(results)} of {len(results)} cases")
    sys.exit(not all(all(results) for results in right.values()))


main()
