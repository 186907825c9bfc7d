"""Tests of a small agent against `trace-diff serve`, with nothing but the standard library.

    python3 -m unittest discover examples/python

The program is the one that TRACE_DIFF names, else the one found by name.
"""

import json
import os
import subprocess
import tempfile
import unittest
import urllib.request
from pathlib import Path

SCRIPT = """
version = 1
strict_api = true

[[step]]
when = { last_user = "Say hello." }
reply = [{ call = "echo", arguments = { text = "hello" }, id = "call_1" }]

[[step]]
fault = { cut = { after_event = 2 } }
reply = "Never heard."

[[step]]
when = { output_of = "call_1", contains = "hello" }
reply = "Done."
"""


class Agent:
    """Asks the model, runs `echo` when it is called, and tries once more when a stream breaks."""

    def __init__(self, base_url):
        self.url = base_url + "/responses"

    def run(self, prompt):
        history = [{"type": "message", "role": "user", "content": [{"type": "input_text", "text": prompt}]}]
        while True:
            items = self.ask(history) or self.ask(history)
            if not items:
                raise ConnectionError("the stream broke twice")
            history += items
            calls = [item for item in items if item["type"] == "function_call"]
            if not calls:
                return items[-1]["content"][0]["text"]
            for call in calls:
                output = json.loads(call["arguments"])["text"]
                history.append({"type": "function_call_output", "call_id": call["call_id"], "output": output})

    def ask(self, history):
        """The items of one response; none if it was not completed."""
        body = json.dumps({"model": "small", "stream": True, "input": history}).encode()
        request = urllib.request.Request(self.url, body, {"content-type": "application/json"})
        items = []
        try:
            with urllib.request.urlopen(request, timeout=10) as response:
                for line in response:
                    if not line.startswith(b"data:"):
                        continue
                    event = json.loads(line[5:])
                    if event["type"] == "response.output_item.done":
                        items.append(event["item"])
                    if event["type"] == "response.completed":
                        return items
        except OSError:
            pass
        return []


class Server:
    """A fake server for one test: what it plays is a script, what it saw a capture."""

    def __init__(self, script):
        self.script = script

    def __enter__(self):
        self.folder = tempfile.TemporaryDirectory()
        folder = Path(self.folder.name)
        (folder / "script.toml").write_text(self.script)
        self.capture = folder / "capture.jsonl"
        program = os.environ.get("TRACE_DIFF", "trace-diff")
        argv = [program, "serve", folder / "script.toml", "--capture", self.capture]
        self.process = subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        # The line comes when requests are accepted: listening on http://127.0.0.1:40321
        self.base_url = self.process.stdout.readline().split()[-1] + "/v1"
        return self

    def stop(self):
        """Ends the server: 0 when the agent did what the script says, else 1 and why."""
        self.process.terminate()
        _, said = self.process.communicate()
        return self.process.returncode, said

    def requests(self):
        """The bodies that were sent, in order."""
        records = map(json.loads, self.capture.read_text().splitlines())
        return [record["body"]["json"] for record in records if record["type"] == "request"]

    def __exit__(self, *_):
        self.process.kill()
        self.process.communicate()
        self.folder.cleanup()


class AgentTests(unittest.TestCase):
    def test_a_call_is_answered_and_a_broken_stream_asked_for_again(self):
        with Server(SCRIPT) as server:
            self.assertEqual(Agent(server.base_url).run("Say hello."), "Done.")
            status, said = server.stop()
            self.assertEqual(status, 0, said)
            first, broken, again = server.requests()
            self.assertEqual(broken, again)
            self.assertEqual(again["input"][: len(first["input"])], first["input"])
            output = again["input"][-1]
            self.assertEqual((output["type"], output["call_id"], output["output"]), ("function_call_output", "call_1", "hello"))

    def test_what_an_agent_leaves_undone_is_told(self):
        with Server(SCRIPT) as server:
            self.assertIsNotNone(Agent(server.base_url).ask([{"type": "message", "role": "user", "content": "Say hello."}]))
            status, said = server.stop()
            self.assertEqual(status, 1)
            self.assertIn("step 2", said)


if __name__ == "__main__":
    unittest.main()
