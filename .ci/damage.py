"""Kinds of damage to a rollout: tables of functions from an undamaged `Rollout` to the bytes of a damaged one.

`TURNS` is for two turns with tool calls, both as codex 0.169.0 writes them and as older versions did (`as_legacy`);
`NEW` only for the first, `OLD` only for the second; `COMPACTED` for a session with a compaction; `FORKED` for a fork
and the rollout it continues. `NAMED` damages the name of the file instead, `COMPRESSED` how it is compressed.
"""

import copy
import gzip
import json

OTHER_ID = "01a1fd96-0000-7000-8000-00000000aaaa"


def compact(value):
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()


def join(lines):
    return b"".join(line + b"\n" for line in lines)


class Rollout:
    """An undamaged rollout: its lines, its records, and places in it by what stands there."""

    def __init__(self, data):
        self.data = data
        self.lines = data.removesuffix(b"\n").split(b"\n")
        self.records = [json.loads(line) for line in self.lines]
        self.id = self.records[0]["payload"]["id"]

    def place(self, number, record_type, **payload):
        """The place of the number-th record of this type that has these values in its payload."""
        found = (r["type"] == record_type and payload.items() <= r["payload"].items() for r in self.records)
        return [place for place, holds in enumerate(found) if holds][number]

    def item(self, number, item_type, **payload):
        return self.place(number, "response_item", type=item_type, **payload)

    def call(self, number):
        return self.item(number, "function_call")

    def output(self, number):
        return self.item(number, "function_call_output")

    def prompt(self, number):
        return self.item(number, "message", role="user")

    @property
    def answer(self):
        return self.item(0, "message", role="assistant")

    @property
    def last_answer(self):
        return self.item(-1, "message", role="assistant")

    def half(self, place):
        """The first half of a record."""
        return self.lines[place][: len(self.lines[place]) // 2]

    def put(self, place, *lines, take=1):
        """The rollout with these lines in the place of `take` records."""
        return join(self.lines[:place] + list(lines) + self.lines[place + take :])

    def add(self, place, *lines):
        return self.put(place, *lines, take=0)

    def cut(self, place):
        """The rollout up to the middle of a record."""
        return join(self.lines[:place]) + self.half(place)

    def tear(self, place):
        """The rollout with the second half of a record missing, but not its newline."""
        return self.put(place, self.half(place))

    def move(self, place, to):
        lines = list(self.lines)
        lines.insert(to, lines.pop(place))
        return join(lines)

    def edit(self, place, change):
        """The rollout with one record changed by a function that is given it."""
        record = copy.deepcopy(self.records[place])
        change(record)
        return self.put(place, compact(record))

    def edit_meta(self, **values):
        return self.edit(0, lambda record: record["payload"].update(values))

    def say(self, new):
        """The rollout with other bytes for the text of the first answer."""
        return self.put(self.answer, self.lines[self.answer].replace(b"First answer", new))

    def field(self, field, place=None):
        """The rollout with a field put before the others of a record, that of the first answer unless told."""
        place = self.answer if place is None else place
        return self.put(place, b"{" + field + b"," + self.lines[place][1:])

    def append(self, *payloads, record_type="response_item"):
        lines = []
        for ordinal, payload in enumerate(payloads, len(self.lines)):
            record = {"timestamp": "2026-11-21T10:11:13.000Z"}
            record |= {"ordinal": ordinal} if "ordinal" in self.records[0] else {}
            lines.append(compact(record | {"type": record_type, "payload": payload}))
        return self.data + join(lines)

    def roll_back(self, turns):
        return self.append({"type": "thread_rolled_back", "num_turns": turns}, record_type="event_msg")


def as_legacy(rollout):
    """The session as versions before 0.153 wrote it: no ordinals, no ids, user messages also as events."""
    lines = []
    for record in copy.deepcopy(rollout.records):
        payload = record["payload"]
        events = ("task_started", "task_complete")
        if record["type"] not in ("session_meta", "response_item", "turn_context") and payload.get("type") not in events:
            continue
        for key in ("history_mode", "internal_chat_message_metadata_passthrough"):
            payload.pop(key, None)
        if record["type"] == "response_item":
            payload.pop("id", None)
        record = {key: record[key] for key in ("timestamp", "type", "payload")}
        lines.append(compact(record))
        text = payload["content"][0]["text"] if payload.get("role") == "user" else ""
        if text.endswith("prompt."):
            event = {"type": "user_message", "message": text, "images": [], "local_images": [], "text_elements": []}
            lines.append(compact(record | {"type": "event_msg", "payload": event}))
    return Rollout(join(lines))


def other_meta(rollout):
    """A second session_meta, of another session."""
    record = copy.deepcopy(rollout.records[0])
    record["payload"] |= {"id": OTHER_ID, "session_id": OTHER_ID}
    record |= {"ordinal": len(rollout.lines)} if "ordinal" in record else {}
    return compact(record)


def two_writers(rollout):
    """The last turn by two processes at a time."""
    start = rollout.place(-1, "event_msg", type="task_started")
    own = rollout.lines[start:]
    other = [line.replace(b"call_b1", b"call_z1").replace(b"Second ", b"Other ") for line in own]
    return join(rollout.lines[:start] + [line for pair in zip(own, other) for line in pair])


def nul_hole(rollout):
    """The answer's record and the beginning of the next one overwritten, as after a loss of power."""
    start, length = len(join(rollout.lines[: rollout.answer])) + 30, len(rollout.lines[rollout.answer])
    return rollout.data[:start] + b"\0" * length + rollout.data[start + length :]


def without(rollout, holds):
    return join(line for line, record in zip(rollout.lines, rollout.records) if not holds(record))


def call(call_id, **fields):
    return {"type": "function_call", "name": "exec_command", "arguments": "{}", "call_id": call_id} | fields


def output(call_id, value="x", family="function_call_output"):
    return {"type": family, "call_id": call_id, "output": value}


def message(content, role="user"):
    return {"type": "message", "role": role, "content": content}


TEXT = {"type": "input_text", "text": "x"}

TURNS = {
    "intact": lambda r: r.data,
    # where the file ends
    "no_final_newline": lambda r: r.data[:-1],
    "torn_last_record": lambda r: r.cut(len(r.lines) - 1),
    "torn_last_answer": lambda r: r.cut(r.last_answer),
    "torn_before_output": lambda r: r.cut(r.output(-1)),
    "torn_between_two_outputs": lambda r: r.cut(r.output(1)),
    "torn_second_call": lambda r: r.cut(r.call(1)),
    "torn_prompt": lambda r: r.cut(r.prompt(-1)),
    "cut_after_calls": lambda r: join(r.lines[: r.output(0)]),
    "nul_tail": lambda r: r.data + b"\0" * 4096,
    "nul_after_last_item": lambda r: join(r.lines[: r.last_answer + 1])[:-1] + b"\0" * 20,
    "torn_character_at_end": lambda r: r.data + '{"timestamp":"é'.encode()[:-1],
    "empty": lambda r: b"",
    "only_blank_lines": lambda r: b"\n  \n",
    "only_meta": lambda r: join(r.lines[:1]),
    # lines in the middle
    "torn_then_newline": lambda r: r.tear(r.answer),
    "torn_then_repeated": lambda r: r.add(r.answer, r.half(r.answer)),
    "torn_without_newline": lambda r: r.put(r.call(0), r.half(r.call(0)) + r.lines[r.call(1)], take=2),
    "torn_call": lambda r: r.tear(r.call(0)),
    "torn_output": lambda r: r.tear(r.output(0)),
    "torn_turn_contexts": lambda r: join(
        line[:99] if record["type"] == "turn_context" else line for line, record in zip(r.lines, r.records)
    ),
    "headless": lambda r: r.put(r.answer, r.lines[r.answer][99:]),
    "garbage_line": lambda r: r.add(r.answer, b"%%% no JSON"),
    "garbage_after_record": lambda r: r.put(r.answer, r.lines[r.answer] + b" xyz"),
    "stray_closer": lambda r: r.put(r.answer, r.lines[r.answer] + b"}"),
    "nul_hole": nul_hole,
    "nul_line": lambda r: r.add(r.answer, b"\0" * 50),
    "two_items_on_line": lambda r: r.put(r.call(0), r.lines[r.call(0)] + b" " + r.lines[r.call(1)], take=2),
    "all_on_one_line": lambda r: b"".join(r.lines),
    "pretty_printed": lambda r: join(json.dumps(record, indent=2).encode() for record in r.records),
    "pretty_printed_record": lambda r: r.put(r.answer, json.dumps(r.records[r.answer], indent=2).encode()),
    "crlf": lambda r: r.data.replace(b"\n", b"\r\n"),
    "only_cr": lambda r: r.data.replace(b"\n", b"\r"),
    "blank_lines_and_indentation": lambda r: b"\n \n" + join(b" \t" + line + b" \n\t" for line in r.lines),
    "byte_order_mark": lambda r: b"\xef\xbb\xbf" + r.data,
    "byte_order_mark_in_middle": lambda r: r.put(r.answer, b"\xef\xbb\xbf" + r.lines[r.answer]),
    "form_feed": lambda r: r.put(r.answer, b"\x0c" + r.lines[r.answer]),
    "invalid_utf8": lambda r: r.say(b"First \xff\xfe answer"),
    "invalid_utf8_in_garbage": lambda r: r.add(r.answer, b"\xff\xfe"),
    "control_character": lambda r: r.say(b"First \x01 answer"),
    "unpaired_surrogate": lambda r: r.say(b"First \\ud800 answer"),
    "unusual_characters": lambda r: r.say("First \\u0000 \\ud83d\\ude00 \u2028 answer".encode()),
    "nested_127": lambda r: r.field(b'"x":' + b"[" * 126 + b"]" * 126),
    "nested_128": lambda r: r.field(b'"x":' + b"[" * 127 + b"]" * 127),
    "nested_100000_unclosed": lambda r: r.add(r.answer, b"[" * 100000),
    "duplicate_keys": lambda r: r.say(b'x","text":"First answer'),
    "huge_integer": lambda r: r.field(b'"x":123456789012345678901234567890'),
    "huge_float": lambda r: r.field(b'"x":1e400'),
    "no_objects": lambda r: r.add(r.answer, b"[1,2]", b"42", b'"text"', b"null", b"{}"),
    # the first record
    "meta_missing": lambda r: r.put(0),
    "meta_torn": lambda r: r.tear(0),
    "meta_glued_to_next": lambda r: r.put(0, r.lines[0] + r.lines[1], take=2),
    "meta_without_cwd": lambda r: r.edit(0, lambda record: record["payload"].pop("cwd")),
    "meta_with_unknown_mode": lambda r: r.edit_meta(history_mode="quantum"),
    "meta_not_first": lambda r: r.move(0, 1),
    "garbage_before_meta": lambda r: r.add(0, b"%%% no JSON"),
    "meta_repeated_in_middle": lambda r: r.add(r.answer, r.lines[0]),
    "meta_of_other_session_at_end": lambda r: r.data + join([other_meta(r)]),
    # records and their order
    "whole_file_twice": lambda r: r.data + r.data,
    "two_writers": two_writers,
    "reversed": lambda r: join(r.lines[:1] + r.lines[:0:-1]),
    "answer_missing": lambda r: r.put(r.answer),
    "answer_repeated": lambda r: r.add(r.answer, r.lines[r.answer]),
    "call_and_output_repeated": lambda r: r.add(r.output(0), r.lines[r.call(0)], r.lines[r.output(0)]),
    "output_before_call": lambda r: r.move(r.output(0), r.call(0)),
    "output_at_end": lambda r: r.move(r.output(0), len(r.lines)),
    "orphan_outputs": lambda r: r.append(output("none"), output("none", family="custom_tool_call_output")),
    "output_of_other_family": lambda r: r.append(call("1"), output("1", family="custom_tool_call_output")),
    "calls_without_output": lambda r: r.append(
        call("1", id="fc_1"),
        call("2"),
        {"type": "custom_tool_call", "id": "ctc_0", "name": "apply_patch", "input": "x", "call_id": "3"},
        {"type": "tool_search_call", "id": "tsc_1", "call_id": "4", "execution": "client", "arguments": {}},
        {"type": "web_search_call", "id": "ws_1", "status": "completed", "action": {"type": "search", "query": "q"}},
    ),
    "malformed_items": lambda r: r.append(
        message("text"),
        message([{"type": "smell"}, TEXT]),
        call("1", arguments={"a": 1}),
        output("1"),
        call("2"),
        output("2", {"content": "x", "success": False}),
    ),
    "unknown_record": lambda r: r.append({"x": 1}, record_type="brand_new_record"),
    "unknown_event": lambda r: r.append({"type": "brand_new_event"}, record_type="event_msg"),
    "unknown_items": lambda r: r.append(
        {"type": "brand_new_item", "id": "x_1"}, message([TEXT], role="wizard"), message([TEXT], role="system")
    ),
    "unknown_fields": lambda r: r.edit(r.answer, lambda record: record["payload"]["content"][0].update(x={"a": 1.5})),
    "events_missing": lambda r: without(r, lambda record: record["type"] == "event_msg"),
    "rolled_back": lambda r: r.roll_back(1),
    "rolled_back_too_far": lambda r: r.roll_back(9),
    "timestamp_missing": lambda r: r.edit(r.answer, lambda record: record.pop("timestamp")),
}

NEW = {
    "invalid_utf8_without_settings": lambda r: Rollout(
        without(r, lambda record: record["payload"].get("type") == "thread_settings_applied")
    ).say(b"First \xff\xfe answer"),
    "meta_with_legacy_mode": lambda r: r.edit_meta(history_mode="legacy"),
    "ordinal_gap": lambda r: r.put(r.answer - 1),
    "ordinals_decrease": lambda r: join(compact(x | {"ordinal": 999 - n}) for n, x in enumerate(r.records)),
    "ordinal_missing": lambda r: r.edit(r.answer, lambda record: record.pop("ordinal")),
    "ordinal_missing_at_end": lambda r: r.edit(len(r.lines) - 1, lambda record: record.pop("ordinal")),
    "ordinal_is_text": lambda r: r.edit(r.answer, lambda record: record.update(ordinal="20")),
    "ordinal_largest": lambda r: r.edit(r.answer, lambda record: record.update(ordinal=2**64 - 1)),
    "ordinal_too_large": lambda r: r.edit(r.answer, lambda record: record.update(ordinal=2**64)),
    "metadata_is_text": lambda r: r.edit(r.answer, lambda record: record.update(metadata="x")),
}

OLD = {"meta_with_paginated_mode": lambda r: r.edit_meta(history_mode="paginated")}


def compaction(change):
    """The kind that changes the payload of the compaction."""
    return lambda r: r.edit(r.place(-1, "compacted"), lambda record: change(record["payload"]))


def keep_item(item):
    """The kind that adds an item to those that the compaction keeps."""

    def change(payload):
        payload["replacement_history"].append(item)
        payload["replacement_history_metadata"].append({})

    return compaction(change)


COMPACTED = {
    "intact": lambda r: r.data,
    "torn": lambda r: r.tear(r.place(-1, "compacted")),
    "torn_at_end": lambda r: r.cut(r.place(-1, "compacted")),
    "everything_before_torn": lambda r: join(
        line[:99] if 0 < place < r.place(-1, "compacted") else line for place, line in enumerate(r.lines)
    ),
    "garbage_before": lambda r: r.add(r.place(-1, "compacted"), b"%%% no JSON"),
    "garbage_after": lambda r: r.add(r.place(-1, "compacted") + 1, b"%%% no JSON"),
    "invalid_utf8_before": lambda r: r.add(r.call(0), b"\xff\xfe"),
    "without_history": compaction(lambda p: [p.pop(key) for key in list(p) if key.startswith("replacement_history")]),
    "history_null": compaction(lambda p: p.update(replacement_history=None, replacement_history_metadata=None)),
    "history_empty": compaction(lambda p: p.update(replacement_history=[], replacement_history_metadata=[])),
    "metadata_missing": compaction(lambda p: p.pop("replacement_history_metadata")),
    "metadata_too_short": compaction(lambda p: p["replacement_history_metadata"].pop()),
    "message_missing": compaction(lambda p: p.pop("message")),
    "window_is_text": compaction(lambda p: p.update(window_number="x")),
    "keeps_unknown_item": keep_item({"type": "brand_new_item"}),
    "keeps_malformed_item": keep_item(message("text")),
    "keeps_call_without_output": keep_item(call("1", id="fc_1")),
    "meta_repeated_before": lambda r: r.add(r.call(0), r.lines[0]),
    "meta_repeated_after": lambda r: r.add(r.place(-1, "turn_context"), r.lines[0]),
    "rolled_back": lambda r: r.roll_back(1),
    "rolled_back_over": lambda r: r.roll_back(2),
}


def base(child, **values):
    """The fork's rollout with another place where it begins."""
    return child.edit(0, lambda record: record["payload"]["history_base"].update(values))


# From the parent's and the fork's rollout to the bytes of both; None for a missing file.
FORKED = {
    "intact": lambda p, c: (p.data, c.data),
    "parent_missing": lambda p, c: (None, c.data),
    "parent_empty": lambda p, c: (b"", c.data),
    "parent_too_short": lambda p, c: (p.data[:-100], c.data),
    "parent_goes_on": lambda p, c: (p.roll_back(1), c.data),
    "parent_damaged": lambda p, c: (nul_hole(p), c.data),
    "parent_invalid_utf8": lambda p, c: (p.say(b"\xff" * len(b"First answer")), c.data),
    "parent_of_other_id": lambda p, c: (p.edit_meta(id=OTHER_ID), c.data),
    "parent_legacy": lambda p, c: (p.edit_meta(history_mode="legacy"), c.data),
    "cycle": lambda p, c: (p.edit_meta(history_base=c.records[0]["payload"]["history_base"] | {"thread_id": c.id}), c.data),
    "cycle_of_one": lambda p, c: (p.data, base(c, thread_id=c.id)),
    "offset_inside_record": lambda p, c: (p.data, base(c, end_byte_offset=len(join(p.lines[: p.answer])) + 10)),
    "offset_zero": lambda p, c: (p.data, base(c, end_byte_offset=0)),
    "offset_past_end": lambda p, c: (p.data, base(c, end_byte_offset=len(p.data) + 1)),
    "ordinal_differs": lambda p, c: (p.data, base(c, end_ordinal_exclusive=9)),
    "base_null": lambda p, c: (p.data, c.edit_meta(history_base=None)),
    "base_malformed": lambda p, c: (p.data, base(c, thread_id="nobody")),
    "meta_repeated": lambda p, c: (p.data, c.add(c.answer, c.lines[0])),
    "torn_at_end": lambda p, c: (p.data, c.cut(c.answer)),
    "rolled_back_into_parent": lambda p, c: (p.data, c.roll_back(2)),
}

# From a file name and the id in it to another file name.
NAMED = {
    "other_id": lambda name, session: name.replace(session, OTHER_ID),
    "no_id": lambda name, session: name.replace(f"-{session}", ""),
}


def frame(data):
    """A zstd frame of blocks that are not compressed (RFC 8878)."""
    parts = [data[at : at + 4096] for at in range(0, len(data), 4096)] or [b""]
    blocks = [(len(part) << 3 | (part is parts[-1])).to_bytes(3, "little") + part for part in parts]
    return b"\x28\xb5\x2f\xfd\x00\x58" + b"".join(blocks)


# From an undamaged rollout to the bytes of a file whose name ends in `.jsonl` and what is given.
COMPRESSED = {
    "whole": (".zst", lambda rollout: frame(rollout.data)),
    "two_frames": (".zst", lambda rollout: frame(rollout.data[:9000]) + frame(rollout.data[9000:])),
    "cut_in_block": (".zst", lambda rollout: frame(rollout.data)[: len(rollout.data) // 2]),
    "cut_behind_last_record": (".zst", lambda rollout: frame(rollout.data + b" " * 5000)[:-2000]),
    "second_frame_cut": (".zst", lambda rollout: frame(rollout.data) + frame(b"{}")[:-1]),
    "text_behind_frame": (".zst", lambda rollout: frame(rollout.data) + b"{}\n"),
    "nul_behind_frame": (".zst", lambda rollout: frame(rollout.data) + bytes(512)),
    "cut_in_header": (".zst", lambda rollout: frame(rollout.data)[:5]),
    "not_compressed": (".zst", lambda rollout: rollout.data),
    "named_plain": ("", lambda rollout: frame(rollout.data)),
    "gzip_named_zst": (".zst", lambda rollout: gzip.compress(rollout.data)),
    "gzip_named_plain": ("", lambda rollout: gzip.compress(rollout.data)),
}
