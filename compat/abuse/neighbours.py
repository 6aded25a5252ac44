"""The bad neighbours. Each method does its worst and returns while its connections still stand; leaving the crowd closes
them all."""
import contextlib
import random
import select
import socket
import ssl
import struct
import time

import mutants
from harness import wire

STALLED, STALLED_BYTES = 60, 90 << 20
CLOSE_SECONDS = 10
MUTANTS = 20_000


class Crowd:
    def __init__(self, bootstrap):
        self.address, self.sockets = wire.address(bootstrap), []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for one in self.sockets:
            with contextlib.suppress(OSError):
                one.close()

    def connect(self):
        one = socket.create_connection(self.address, 30)
        self.sockets.append(one)
        return one

    def expect_close(self, one, what):
        """The broker must end this connection by itself; bytes that it says before do not count."""
        end = time.monotonic() + CLOSE_SECONDS
        while time.monotonic() < end:
            readable, _, _ = select.select([one], [], [], max(0, end - time.monotonic()))
            if not readable:
                break
            try:
                if not one.recv(65536):
                    return
            except ConnectionError:
                return
        raise AssertionError(f"{what}: the connection is still open after {CLOSE_SECONDS} s")

    # What they do

    def stalled_frames(self, sent=200):
        """Sixty announce frames of 90 MB and stall."""
        header = wire.int16(wire.PRODUCE) + wire.int16(7) + wire.int32(1) + wire.string("stalled")
        for _ in range(STALLED):
            one = self.connect()
            self.push(one, struct.pack(">i", STALLED_BYTES) + header + bytes(sent))

    def stalled_megabytes(self):
        """The same after a megabyte each."""
        self.stalled_frames(1 << 20)

    def push(self, one, data):
        """Sends what the broker takes within a second; that it stops taking is its right."""
        one.settimeout(1)
        with contextlib.suppress(TimeoutError):
            one.sendall(data)
        one.settimeout(30)

    def half_open(self):
        for number in range(400):
            one = self.connect()
            kind = number % 4
            if kind == 1:
                one.sendall(b"\x00\x00")
            elif kind == 2:
                one.sendall(struct.pack(">i", 1000) + b"\x00\x12\x00\x00")
                one.shutdown(socket.SHUT_WR)
            elif kind == 3:
                # A reset instead of an end, in the middle of a frame.
                one.sendall(struct.pack(">i", 1000) + bytes(100))
                one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                one.close()

    def garbage(self):
        rng = random.Random(7)
        header = wire.int16(wire.METADATA) + wire.int16(4) + wire.int32(1) + wire.string("garbage")
        for name, data in (
            ("length -1", struct.pack(">i", -1)),
            ("length 2147483647", struct.pack(">i", 0x7FFFFFFF)),
            ("length past socket.request.max.bytes", struct.pack(">i", 104857601)),
            ("length 0", struct.pack(">i", 0)),
            ("a frame of 3 bytes", struct.pack(">i", 3) + bytes(3)),
            ("API 32000", framed(wire.int16(32000) + wire.int16(0) + wire.int32(1) + wire.string("x"))),
            ("Metadata v99", framed(wire.int16(3) + wire.int16(99) + wire.int32(1) + wire.string("x"))),
            ("an array of 2147483647", framed(header + wire.int32(0x7FFFFFFF))),
            ("a string past the end", framed(header + wire.int32(1) + wire.int16(32767) + b"abc")),
            ("a client id past the end", framed(wire.int16(3) + wire.int16(4) + wire.int32(1) + wire.int16(999) + b"abc")),
        ):
            for _ in range(10):
                one = self.connect()
                with contextlib.suppress(ConnectionError):
                    one.sendall(data)
                self.expect_close(one, name)
        for _ in range(200):
            with contextlib.suppress(ConnectionError):
                self.connect().sendall(rng.randbytes(rng.randint(1, 5000)))

    def mutants(self):
        """Requests that are almost right, of every API and version."""
        mutants.send(self.address, MUTANTS, seed=11)

    def tls_hello(self):
        for _ in range(20):
            one = self.connect()
            one.sendall(hello())
            self.expect_close(one, "a TLS hello")

    def http(self):
        for request in (b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", b"POST /topics/x HTTP/1.1\r\nContent-Length: 2\r\n\r\n{}"):
            for _ in range(10):
                one = self.connect()
                one.sendall(request)
                self.expect_close(one, "HTTP")

    def never_reads(self):
        """Requests without end, and nobody who takes the answers."""
        request = framed(wire.int16(wire.METADATA) + wire.int16(4) + wire.int32(1) + wire.string("deaf") + wire.int32(-1) + b"\x00")
        for _ in range(20):
            one = self.connect()
            one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            self.push_for(one, request * 2000, 4 << 20)

    def push_for(self, one, data, limit):
        """Sends up to `limit` bytes, as long as the broker takes them without a pause of 200 ms."""
        one.setblocking(False)
        sent = 0
        while sent < limit and select.select([], [one], [], 0.2)[1]:
            with contextlib.suppress(BlockingIOError):
                sent += one.send(data)

    def churn(self):
        for _ in range(2000):
            one = socket.create_connection(self.address, 30)
            one.close()

    def idle(self, count):
        """Connections that have said one thing and then say nothing more."""
        request = framed(wire.int16(wire.API_VERSIONS) + wire.int16(0) + wire.int32(1) + wire.string("idle"))
        for _ in range(count):
            self.connect().sendall(request)
        for one in self.sockets:
            size, = struct.unpack(">i", exactly(one, 4))
            exactly(one, size)


def exactly(one, count):
    data = b""
    while len(data) < count:
        part = one.recv(count - len(data))
        if not part:
            raise AssertionError("an idle connection was closed by the broker")
        data += part
    return data


def framed(body):
    return struct.pack(">i", len(body)) + body


# Reads all of the system's certificates: once is enough.
HELLO_CONTEXT = ssl.create_default_context()


def hello():
    """A ClientHello, by OpenSSL itself."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    machine = HELLO_CONTEXT.wrap_bio(incoming, outgoing, server_hostname="localhost")
    with contextlib.suppress(ssl.SSLWantReadError):
        machine.do_handshake()
    return outgoing.read()
