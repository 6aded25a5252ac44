"""What every client produces and every other client must read back, byte for byte.

Content follows from (producer, codec, index) and from the run's base time alone, so a consumer needs nothing from the
producer. A record's index stands in its key ("key-7") or, where the key is null, at the head of its value ("7:...").
"""
import hashlib
from typing import NamedTuple, Optional

CODECS = ("none", "gzip", "snappy", "lz4", "zstd")
# The order in which a topic is filled: forty records in each mode.
MODES = ("acks-0", "acks-1", "acks-all", "idempotent")
PER_MODE = 40
PARTITIONS = 2

# Clients that are fed lines of text: no null key or value, no headers and no timestamps of their own choice.
TEXT_PRODUCERS = ("kcat", "java-tools")
# kafka-clients before 0.11 has no headers and no idempotence; before 2.1 it has no zstd.
WITHOUT_HEADERS = ("java-0.10.2.2",)
# kafka-python takes no null for a header's value.
WITHOUT_NULL_HEADERS = ("kafka-python",)
WITHOUT_ZSTD = ("java-0.10.2.2", "java-1.1.1", "java-2.0.1")
# The protocol by hand, with what Python's standard library compresses.
BY_HAND = ("python-ssl", "openssl")


class Record(NamedTuple):
    """A record as a client hands it out. None as `headers`: this client does not tell."""
    partition: int
    offset: int
    timestamp: Optional[int]
    key: Optional[bytes]
    value: Optional[bytes]
    headers: Optional[list]


class Message(NamedTuple):
    """A record to produce. None as `partition`: the client's partitioner decides; as `timestamp`: its clock."""
    partition: Optional[int]
    timestamp: Optional[int]
    key: Optional[bytes]
    value: Optional[bytes]
    headers: list


def modes_of(producer):
    return [m for m in MODES if not (m == "idempotent" and producer in WITHOUT_HEADERS)]


def codecs_of(producer):
    if producer in BY_HAND:
        return ["none", "gzip"]
    return [c for c in CODECS if not (c == "zstd" and producer in WITHOUT_ZSTD)]


def count_of(producer):
    return PER_MODE * len(modes_of(producer))


def topic_of(run, producer, codec):
    return f"c{run}.{producer}.{codec}"


def filler(seed, length):
    """Bytes of which half are noise: they shrink under every codec, and no codec gives up on them."""
    parts, size, block = [], 0, 0
    while size < length:
        digest = hashlib.sha256(f"{seed}/{block}".encode()).digest()
        parts.append(digest + digest[:1] * 32)
        size += 64
        block += 1
    return b"".join(parts)[:length]


def message(producer, codec, index, base):
    """Record number `index` of that producer's topic for that codec."""
    seed = f"{producer}/{codec}/{index}"
    length = (1, 50, 500, 5000)[index % 4]
    if producer in TEXT_PRODUCERS:
        value = f"{index}:".encode() + filler(seed, length // 2 + 1).hex().encode()
        return Message(None, None, f"key-{index}".encode(), value, [])
    key = None if index % 5 == 4 else f"key-{index}".encode()
    value = f"{index}:".encode() + filler(seed, length)
    if index % 10 == 3:
        value = None
    elif index % 10 == 7:
        value = b""
    headers = [("index", str(index).encode()), ("empty", b""), ("null", None), ("index", b"\x00\xff")]
    if producer in WITHOUT_HEADERS:
        headers = []
    if producer in WITHOUT_NULL_HEADERS:
        headers = [h for h in headers if h[1] is not None]
    return Message(index % PARTITIONS, base + index * 1000, key, value, headers)


def index_of(record):
    if record.key is not None:
        return int(record.key.removeprefix(b"key-"))
    if not record.value:
        raise AssertionError(f"partition {record.partition} offset {record.offset}: neither key nor value")
    return int(record.value.split(b":", 1)[0])


def shorten(value):
    return f"{value[:40]!r}... ({len(value)} bytes)" if isinstance(value, bytes) and len(value) > 40 else repr(value)


def verify(records, producer, codec, base, indexes=None):
    """Every index once, ascending in its partition, offsets without a gap, content as produced."""
    indexes = range(count_of(producer)) if indexes is None else indexes
    seen, latest = set(), {}
    for record in records:
        index = index_of(record)
        where = f"partition {record.partition} offset {record.offset} (record {index})"
        if index in seen:
            raise AssertionError(f"{where}: read twice")
        seen.add(index)
        before = latest.get(record.partition)
        if before is not None and (record.offset != before[0] + 1 or index <= before[1]):
            raise AssertionError(f"{where} follows offset {before[0]} (record {before[1]})")
        latest[record.partition] = (record.offset, index)
        compare(record, message(producer, codec, index, base), where)
    missing = set(indexes) - seen
    if missing:
        raise AssertionError(f"{len(missing)} records missing, the first is {min(missing)}")
    if seen - set(indexes):
        raise AssertionError(f"{len(seen - set(indexes))} records too many")


def compare(record, wanted, where):
    for what, got, want in (
        ("key", record.key, wanted.key),
        ("value", record.value, wanted.value),
        ("partition", record.partition, wanted.partition),
        ("timestamp", record.timestamp, wanted.timestamp),
        ("headers", record.headers, [tuple(h) for h in wanted.headers]),
    ):
        # What the producer left open, or this consumer does not tell, cannot differ.
        if (want is None and what in ("partition", "timestamp")) or (got is None and what in ("headers", "timestamp")):
            continue
        if got != want:
            raise AssertionError(f"{where}: {what} is {shorten(got)}, expected {shorten(want)}")
