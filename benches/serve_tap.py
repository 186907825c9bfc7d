"""A relay between an agent and a server under comparison, which keeps what both sides sent: the facts do not hang on what a
server says of itself."""

import re
import socket
import struct
import subprocess
import threading
import time
from dataclasses import dataclass

RESET_WAIT_S = 0.02  # so that the agent reads what came before a reset


@dataclass
class Exchange:
    """A request for a response, over HTTP or as a message on a WebSocket, and what came for it."""

    at: float  # seconds on a clock of its own
    target: str
    headers: list
    body: bytes  # decoded
    status: int | None  # None: no head came
    got: bytes  # the body that came; on a WebSocket all messages of the connection
    whole: bool  # whether the body came to its end
    ended: str  # how the server ended the connection: "eof", "reset", "" not at all
    is_socket: bool = False


class Tap:
    """Listens on a port of its own, and passes each connection on to another port."""

    def __init__(self, port):
        self.to, self.connections = port, []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
                server = socket.create_connection(("127.0.0.1", self.to))
            except OSError:
                return
            connection = Connection(client, server)
            self.connections.append(connection)
            for side in (connection.sent, connection.got):
                side.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=connection.pass_on, args=(connection.sent, server), daemon=True).start()
            threading.Thread(target=connection.pass_on, args=(connection.got, client), daemon=True).start()

    def close(self):
        self.listener.close()

    def exchanges(self):
        """Requests to the model in the order in which they came."""
        found = [exchange for connection in self.connections for exchange in connection.exchanges()]
        return sorted((each for each in found if "/responses" in each.target), key=lambda each: each.at)


class Side:
    """What one end of a connection sent."""

    def __init__(self, end):
        self.socket, self.bytes, self.marks, self.ended = end, bytearray(), [], ""

    def time_of(self, offset):
        return max(at for start, at in self.marks if start <= offset)


class Connection:
    """Both ends of a connection."""

    def __init__(self, client, server):
        self.sent, self.got = Side(client), Side(server)

    def pass_on(self, side, other):
        try:
            while data := side.socket.recv(1 << 16):
                side.marks.append((len(side.bytes), time.monotonic()))
                side.bytes += data
                other.sendall(data)
            side.ended = side.ended or "eof"
            other.shutdown(socket.SHUT_WR)
        except ConnectionResetError:
            side.ended = "reset"
            time.sleep(RESET_WAIT_S)
            other.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            other.shutdown(socket.SHUT_RD)  # wakes the thread that reads it, which would keep it open
            time.sleep(RESET_WAIT_S)
            other.close()
        except OSError:  # the other end has gone
            side.socket.close()

    def exchanges(self):
        sent, got = bytes(self.sent.bytes), bytes(self.got.bytes)
        answers = messages(got)
        for offset, start, headers, body, _, rest in messages(sent):
            _, status_line, _, answer, whole, answer_rest = next(answers, (0, "", [], b"", False, b""))
            status = int(status_line.split()[1]) if status_line else None
            target, at = start.split()[1], self.sent.time_of(offset)
            if status == 101:
                told = b"\n".join(payload for _, payload in frames(answer_rest))
                for place, payload in frames(rest):
                    at = self.sent.time_of(len(sent) - len(rest) + place)
                    yield Exchange(at, target, headers, payload, 101, told, True, self.got.ended, True)
                return
            body = decoded(dict(headers).get("content-encoding"), body)
            yield Exchange(at, target, headers, body, status, answer, whole, self.got.ended)


def messages(data):
    """The HTTP messages in what one side sent: offset, first line, headers, body, is it whole, all behind the head."""
    at = 0
    while (end := data.find(b"\r\n\r\n", at)) >= 0:
        first, *lines = data[at:end].decode("latin-1").split("\r\n")
        headers = [(name.lower(), value.strip()) for name, _, value in (line.partition(":") for line in lines)]
        known, start = dict(headers), end + 4
        if known.get("transfer-encoding") == "chunked":
            body, after, whole = dechunked(data, start)
        elif "content-length" in known:
            after = start + int(known["content-length"])
            body, whole = data[start:after], after <= len(data)
        elif first.startswith("HTTP/") and " 101" not in first:
            body, after, whole = data[start:], len(data), True
        else:
            body, after, whole = b"", start, True
        yield at, first, headers, body, whole, data[start:]
        at = after


def dechunked(data, at):
    """A chunked body, where it ends, and whether it does."""
    body = b""
    while found := re.compile(rb"([0-9a-fA-F]+)[^\r\n]*\r\n").match(data, at):
        size = int(found[1], 16)
        at = found.end()
        body += data[at : at + size]
        at += size + 2
        if size == 0:
            return body, at, True
    return body, len(data), False


def frames(data):
    """Offset and payload of the text messages in frames of a WebSocket."""
    at, text = 0, b""
    while at + 2 <= len(data):
        start, head, size = at, data[at], data[at + 1] & 0x7F
        is_masked, at = data[at + 1] & 0x80, at + 2
        if size >= 126:
            width = 2 if size == 126 else 8
            size, at = int.from_bytes(data[at : at + width], "big"), at + width
        mask, at = (data[at : at + 4], at + 4) if is_masked else (b"\0" * 4, at)
        payload, at = data[at : at + size], at + size
        if head & 0x0F in (0, 1):
            whole_mask = mask * (len(payload) // 4 + 1)
            number = int.from_bytes(payload, "big") ^ int.from_bytes(whole_mask[: len(payload)], "big")
            text += number.to_bytes(len(payload), "big")
            if head & 0x80:
                yield start, text
                text = b""


def decoded(encoding, body):
    if encoding == "zstd":
        return subprocess.run(["zstd", "-dcq"], input=body, capture_output=True, check=True).stdout
    return body
