"""A contract that the real agent is held to: a run into a fault, the check that has to pass, and those that have to fail."""

import json
import subprocess
from dataclasses import dataclass
from typing import Callable

import agent

TRY = (("Try this.",),)


class Failure(Exception):
    """What is not as it has to be."""


@dataclass(frozen=True)
class Wrong:
    """A change after which the check has to name exactly these rules."""

    rules: set
    profile: tuple = ()  # lines in place of those with the same key
    capture: Callable = None  # of the list of records
    rollout: Callable = None  # of the list of records


@dataclass(frozen=True)
class Contract:
    """A row of what is promised, in one condition."""

    row: str
    name: str
    script: str  # what the server plays
    wrong: tuple
    told: str = ""  # by the last process
    code: int = 1  # of the last process
    processes: tuple = TRY
    models: tuple = ()  # of the processes
    options: str = ""  # lines of the configuration | lines of the provider's
    profile: tuple = ()  # lines, beside the limits
    also: Callable = None  # what no capture shows: is given the Run, raises Failure
    environment: tuple = ()  # pairs; {url} is the address of the server, {folder} what is kept
    retries: tuple = (1, 2)  # of the same request, of the stream: few, so that a run into every limit is short
    faulty: tuple = ()  # rules about servers that the script breaks

    def configured(self):
        """The options of the configuration, with the limits."""
        top, _, provider = self.options.partition("|")
        request, stream = self.retries
        return f"{top}|request_max_retries = {request}\nstream_max_retries = {stream}\n{provider}\n"

    def expected(self, version, changes=()):
        """The profile that says what is configured, some values of which are others."""
        request, stream = self.retries
        limits = (f"limits.request_retries = {request}", f"limits.stream_retries = {stream}")
        lines = ("version = 1", f'from = "codex@{version}"', *limits, *self.profile, *changes)
        values = dict(line.split(" = ", 1) for line in lines)
        return "".join(f"{key} = {value}\n" for key, value in values.items())


class Run:
    """What a contract's run has left."""

    def __init__(self, contract, folder, told, version):
        self.contract, self.folder, self.told, self.version = contract, folder, told, version
        self.home, self.work = folder / "home/.codex", folder / "work"
        self.capture, self.sessions = folder / "capture.jsonl", self.home / "sessions"

    def records(self):
        return [json.loads(line) for line in self.capture.read_text().splitlines()]

    def rollouts(self):
        return sorted(self.sessions.rglob("rollout-*.jsonl"))

    def events(self):
        """What `codex exec --json` told, as far as it is JSON."""
        return [json.loads(line) for line in self.told.splitlines() if line.startswith("{")]

    def profile(self, changes=()):
        """A file with the profile of the contract, some values of which are others."""
        path = self.folder / f"profile-{len(list(self.folder.glob('profile-*')))}.toml"
        path.write_text(self.contract.expected(self.version, changes))
        return path

    def check(self, program, *options, capture=None, sessions=None):
        """The exit code of a check, and the findings that count. Another capture is checked by itself."""
        rollouts = () if capture else ("--rollout", sessions or self.sessions)
        argv = [program, capture or self.capture, *rollouts, "--format", "json", *options]
        argv += [f"--rule={rule}=off" for rule in self.contract.faulty]
        done = subprocess.run(argv, capture_output=True, text=True, timeout=agent.TIMEOUT_S, cwd=self.folder)
        if done.returncode not in (0, 1):
            raise Failure(f"can't be checked: {done.stderr}")
        findings = json.loads(done.stdout)["findings"]
        return done.returncode, [one for one in findings if one["level"] != "note" and not one["accepted"]]


def in_words(findings):
    return "; ".join(f"{one['rule']} {one['pointer']}: {one['message']}" for one in findings[:6])


def write(path, records):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(record, ensure_ascii=False, separators=(",", ":")) + "\n" for record in records))
    return path


def drive(program, codex, contract, folder):
    """Runs the agent into what the script holds for it."""
    folder.mkdir(parents=True)
    script = folder / "script.toml"
    script.write_text(contract.script)
    server = agent.Server(program, script, folder)
    try:
        place = agent.Place(folder, codex.model, server.url, contract.configured())
        place.environment.update((key, value.format(url=server.url, folder=folder)) for key, value in contract.environment)
        code, told = codex.drive(place, contract.processes, models=contract.models)
    finally:
        status, violations = server.stop()
    (folder / "told").write_text(told)
    if status != 0:
        raise Failure(f"the server says: {violations}")
    if code != contract.code or contract.told not in told:
        raise Failure(f"ended with {code}, expected {contract.code} and {contract.told!r}: {told[-800:]!r}")
    return Run(contract, folder, told, codex.version)


def expect(findings, rules, what):
    found = {one["rule"] for one in findings}
    if found != rules:
        raise Failure(f"{what}: expected {sorted(rules) or 'nothing'}, found {sorted(found)}: {in_words(findings)}")


def changed(run, number, wrong, program):
    """The findings after a change."""
    if wrong.profile:
        return run.check(program, "--profile", run.profile(wrong.profile))
    if wrong.capture:
        records = run.records()
        wrong.capture(records)
        capture = write(run.folder / f"changed-{number}.jsonl", records)
        return run.check(program, "--profile", run.profile(), capture=capture)
    sessions = run.folder / f"changed-{number}"
    for path in run.rollouts():
        records = [json.loads(line) for line in path.read_text().splitlines()]
        wrong.rollout(records)
        write(sessions / path.name, records)
    return run.check(program, "--profile", run.profile(), sessions=sessions)


def hold(program, codex, contract, folder):
    """Runs a contract and all its checks; raises Failure."""
    run = drive(program, codex, contract, folder)
    for what, options in (("by default", ()), ("as configured", ("--profile", run.profile()))):
        code, findings = run.check(program, *options)
        expect(findings, set(), what)
        if code != 0:
            raise Failure(f"{what}: exit {code} without a finding")
    if contract.also:
        contract.also(run)
    for number, wrong in enumerate(contract.wrong):
        _, findings = changed(run, number, wrong, program)
        how = wrong.profile or (wrong.capture or wrong.rollout).__name__
        expect(findings, wrong.rules, f"with {how}")
