"""The Kafka protocol by hand, for what client libraries cannot be made to do: a connection over any transport, and the
few requests that the checks need, in versions that every broker since 2.1 speaks and whose encoding is not flexible."""
import contextlib
import socket
import ssl
import struct

from harness.batches import batches
from harness.report import wait_for

PRODUCE, FETCH, LIST_OFFSETS, METADATA = 0, 1, 2, 3
API_VERSIONS, CREATE_TOPICS, DELETE_TOPICS, INIT_PRODUCER_ID = 18, 19, 20, 22

LATEST, EARLIEST = -1, -2
# COORDINATOR_LOAD_IN_PROGRESS, COORDINATOR_NOT_AVAILABLE, NOT_COORDINATOR
COORDINATOR_NOT_READY = (14, 15, 16)

ERROR_NAMES = {
    0: "NONE", 1: "OFFSET_OUT_OF_RANGE", 2: "CORRUPT_MESSAGE", 3: "UNKNOWN_TOPIC_OR_PARTITION", 5: "LEADER_NOT_AVAILABLE",
    6: "NOT_LEADER_OR_FOLLOWER", 14: "COORDINATOR_LOAD_IN_PROGRESS", 15: "COORDINATOR_NOT_AVAILABLE", 16: "NOT_COORDINATOR",
    22: "ILLEGAL_GENERATION", 25: "UNKNOWN_MEMBER_ID", 27: "REBALANCE_IN_PROGRESS", 35: "UNSUPPORTED_VERSION",
    36: "TOPIC_ALREADY_EXISTS", 45: "OUT_OF_ORDER_SEQUENCE_NUMBER", 46: "DUPLICATE_SEQUENCE_NUMBER",
    47: "INVALID_PRODUCER_EPOCH", 59: "UNKNOWN_PRODUCER_ID", 79: "MEMBER_ID_REQUIRED", 87: "INVALID_RECORD",
}


class ErrorCode(Exception):
    def __init__(self, code, where):
        super().__init__(f"{where}: error {code} {ERROR_NAMES.get(code, '')}".rstrip())
        self.code = code


def expect(code, where, *others):
    if code != 0 and code not in others:
        raise ErrorCode(code, where)
    return code


# Primitives

def int16(value):
    return struct.pack(">h", value)


def int32(value):
    return struct.pack(">i", value)


def int64(value):
    return struct.pack(">q", value)


def string(text):
    if text is None:
        return int16(-1)
    data = text.encode()
    return int16(len(data)) + data


def octets(data):
    return int32(-1) if data is None else int32(len(data)) + data


def array(items):
    return int32(len(items)) + b"".join(items)


class Reader:
    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, count):
        if count < 0 or self.at + count > len(self.data):
            raise AssertionError(f"answer ends at byte {len(self.data)}, {count} more wanted at byte {self.at}")
        self.at += count
        return self.data[self.at - count:self.at]

    def number(self, form):
        return struct.unpack(">" + form, self.take(struct.calcsize(">" + form)))[0]

    def int8(self):
        return self.number("b")

    def int16(self):
        return self.number("h")

    def int32(self):
        return self.number("i")

    def int64(self):
        return self.number("q")

    def string(self):
        length = self.int16()
        return None if length < 0 else self.take(length).decode()

    def octets(self):
        length = self.int32()
        return None if length < 0 else self.take(length)

    def array(self, element):
        return [element() for _ in range(max(0, self.int32()))]


# Connections

def address(bootstrap):
    host, _, port = bootstrap.rpartition(":")
    return host.strip("[]"), int(port)


def tls_context(tls):
    context = ssl.create_default_context(cafile=tls.ca)
    if tls.certificate:
        context.load_cert_chain(tls.certificate, tls.key)
    return context


class SocketTransport:
    def __init__(self, bootstrap, tls=None, seconds=30, context=None):
        host, port = address(bootstrap)
        self.socket = socket.create_connection((host, port), seconds)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if tls:
            context = context or tls_context(tls)
            self.socket = context.wrap_socket(self.socket, server_hostname=host)

    def send(self, data):
        self.socket.sendall(data)

    def receive(self, count):
        return self.socket.recv(count)

    def close(self):
        self.socket.close()


class Connection:
    """One request at a time, or several under way: `send`, then `receive` in the same order."""

    def __init__(self, bootstrap, tls=None, client_id="jackdaw-wire", seconds=30, transport=None):
        self.transport = transport or SocketTransport(bootstrap, tls, seconds)
        self.client_id, self.correlation = client_id, 0
        self.waiting = []

    def send(self, api, version, body, answered=True):
        self.correlation += 1
        frame = int16(api) + int16(version) + int32(self.correlation) + string(self.client_id) + body
        if answered:
            self.waiting.append(self.correlation)
        self.transport.send(int32(len(frame)) + frame)

    def receive(self):
        wanted = self.waiting.pop(0)
        answer = Reader(self.exactly(Reader(self.exactly(4)).int32()))
        got = answer.int32()
        if got != wanted:
            raise AssertionError(f"correlation id {got} in the answer, {wanted} was due")
        return answer

    def call(self, api, version, body):
        self.send(api, version, body)
        return self.receive()

    def exactly(self, count):
        parts = []
        while count > 0:
            part = self.transport.receive(min(count, 1 << 20))
            if not part:
                raise ConnectionError("the broker closed the connection")
            parts.append(part)
            count -= len(part)
        return b"".join(parts)

    def close(self):
        self.transport.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        with contextlib.suppress(OSError):
            self.close()


# Requests

def api_versions(connection):
    answer = connection.call(API_VERSIONS, 0, b"")
    expect(answer.int16(), "ApiVersions")
    return {key: (low, high) for key, low, high in
            answer.array(lambda: (answer.int16(), answer.int16(), answer.int16()))}


def metadata(connection, topics=None, create=False):
    """Metadata v4: {topic: (error, number of partitions)} and [(node, host, port)]"""
    names = int32(-1) if topics is None else array([string(t) for t in topics])
    answer = connection.call(METADATA, 4, names + (b"\x01" if create else b"\x00"))
    answer.int32()
    brokers = answer.array(lambda: (answer.int32(), answer.string(), answer.int32(), answer.string())[:3])
    answer.string()
    answer.int32()

    def partition():
        code, number, leader = answer.int16(), answer.int32(), answer.int32()
        for _ in range(2):
            answer.array(answer.int32)
        return code, number, leader

    def topic():
        code, name, _ = answer.int16(), answer.string(), answer.int8()
        return name, (code, len(answer.array(partition)))

    return dict(answer.array(topic)), brokers


def create_topic(connection, name, partitions, configs=None, existing=False):
    """CreateTopics v2"""
    values = array([string(k) + string(v) for k, v in (configs or {}).items()])
    body = array([string(name) + int32(partitions) + int16(1) + array([]) + values]) + int32(30_000) + b"\x00"
    answer = connection.call(CREATE_TOPICS, 2, body)
    answer.int32()
    for topic, code, text in answer.array(lambda: (answer.string(), answer.int16(), answer.string())):
        expect(code, f"CreateTopics {topic} ({text})", *([36] if existing else []))


def await_leaders(connection, topic, partitions, seconds=30):
    """Until every partition answers: Kafka acknowledges a new topic before its leaders take up their work."""
    def ready():
        try:
            return [offset_for(connection, topic, p, EARLIEST) for p in range(partitions)]
        except ErrorCode as problem:
            if problem.code not in (3, 5, 6):
                raise
            return None

    wait_for(ready, f"leaders of {topic}", seconds)


def delete_topic(connection, name):
    """DeleteTopics v1"""
    answer = connection.call(DELETE_TOPICS, 1, array([string(name)]) + int32(30_000))
    answer.int32()
    for topic, code in answer.array(lambda: (answer.string(), answer.int16())):
        expect(code, f"DeleteTopics {topic}")


def init_producer_id(connection, seconds=30):
    """InitProducerId v0, idempotent: (producer id, epoch). A broker that has just started may ask for patience."""
    def ask():
        answer = connection.call(INIT_PRODUCER_ID, 0, string(None) + int32(60_000))
        answer.int32()
        code = expect(answer.int16(), "InitProducerId", *COORDINATOR_NOT_READY)
        return (answer.int64(), answer.int16()) if code == 0 else None

    return wait_for(ask, "a producer id", seconds)


def produce_body(topic, partition, records, acks, timeout_ms=30_000):
    part = int32(partition) + octets(records)
    return string(None) + int16(acks) + int32(timeout_ms) + array([string(topic) + array([part])])


def read_produce(answer):
    """[(partition, error, base offset)] of a Produce v7 answer"""
    def partition():
        number, code, offset = answer.int32(), answer.int16(), answer.int64()
        answer.int64()
        answer.int64()
        return number, code, offset

    return [part for parts in answer.array(lambda: (answer.string(), answer.array(partition))[1]) for part in parts]


def produce(connection, topic, partition, records, acks=-1):
    """Produce v7 of one batch: its base offset, None where nothing is answered"""
    connection.send(PRODUCE, 7, produce_body(topic, partition, records, acks), answered=acks != 0)
    if acks == 0:
        return None
    _, code, offset = read_produce(connection.receive())[0]
    expect(code, f"Produce {topic}-{partition}")
    return offset


def fetch(connection, topic, partition, offset, max_bytes=1 << 20, wait_ms=500, min_bytes=1):
    """Fetch v4: (high watermark, [Batch])"""
    part = int32(partition) + int64(offset) + int32(max_bytes)
    body = (int32(-1) + int32(wait_ms) + int32(min_bytes) + int32(max_bytes) + b"\x00"
            + array([string(topic) + array([part])]))
    answer = connection.call(FETCH, 4, body)
    answer.int32()
    result = []

    def one():
        answer.int32()
        expect(answer.int16(), f"Fetch {topic}-{partition} at {offset}")
        watermark, _ = answer.int64(), answer.int64()
        answer.array(lambda: (answer.int64(), answer.int64()))
        result.append((watermark, batches(answer.octets() or b"")))

    answer.array(lambda: (answer.string(), answer.array(one)))
    return result[0]


def offset_for(connection, topic, partition, timestamp):
    """ListOffsets v1: LATEST and EARLIEST are timestamps too; the answer is -1 where there is none"""
    body = int32(-1) + array([string(topic) + array([int32(partition) + int64(timestamp)])])
    answer = connection.call(LIST_OFFSETS, 1, body)
    found = []

    def one():
        answer.int32()
        expect(answer.int16(), f"ListOffsets {topic}-{partition}")
        found.append((answer.int64(), answer.int64()))

    answer.array(lambda: (answer.string(), answer.array(one)))
    return found[0][1]

