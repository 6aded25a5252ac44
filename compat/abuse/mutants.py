"""Recorded requests of every API and version, each changed a little: what no client would send, but almost."""
import contextlib
import glob
import gzip
import json
import os
import random
import select
import socket
import struct

from harness.batches import crc32c

FIXTURES = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "fixtures")
# Numbers that break sums, sizes and loops: as one, two, four and eight bytes.
EXTREMES = [bytes([v]) for v in (0, 1, 0x7F, 0x80, 0xFF)]
EXTREMES += [struct.pack(">H", v) for v in (0, 1, 0x7FFF, 0x8000, 0xFFFE, 0xFFFF)]
EXTREMES += [struct.pack(">I", v) for v in (0, 1, 1000, 0x00FFFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFE, 0xFFFFFFFF)]
EXTREMES += [struct.pack(">Q", v) for v in (0, 1 << 31, 1 << 62, (1 << 63) - 1, 1 << 63, (1 << 64) - 2, (1 << 64) - 1)]
EXTREMES += [b"\xff\xff\xff\xff\x0f", b"\xff\xff\xff\xff\x07", b"\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01"]


def recorded(most_of_each=3):
    """Request frames without their lengths: up to `most_of_each` different ones for each API and version."""
    found = {}
    for path in sorted(glob.glob(f"{FIXTURES}/kafka-*/sweep-*/*.jsonl.gz") + glob.glob(f"{FIXTURES}/kafka-*/raw-*/*.jsonl.gz")):
        with gzip.open(path, "rt") as lines:
            for exchange in map(json.loads, list(lines)[1:]):
                if exchange.get("api_key") is None or not exchange["request"]:
                    continue
                kind = found.setdefault((exchange["api_key"], exchange["api_version"]), [])
                frame = bytes.fromhex(exchange["request"])
                if len(kind) < most_of_each and frame not in kind:
                    kind.append(frame)
    if len(found) < 200:
        raise AssertionError(f"only {len(found)} APIs and versions are in {FIXTURES}")
    return [frame for kind in sorted(found) for frame in found[kind]]


def changed(rng, frame):
    """The frame after one to four changes; API key and version stay, so that it gets to its decoder."""
    data = bytearray(frame)
    for _ in range(rng.choice((1, 1, 2, 4))):
        if len(data) <= 8:
            break
        place, way = rng.randrange(8, len(data)), rng.randrange(6)
        if way == 0:
            data[place] ^= 1 << rng.randrange(8)
        elif way == 1:
            extreme = rng.choice(EXTREMES)
            data[place:place + len(extreme)] = extreme
        elif way == 2:
            del data[place:]
        elif way == 3:
            del data[place:place + rng.randrange(1, 9)]
        elif way == 4:
            end = min(len(data), place + rng.randrange(1, 40))
            data[place:place] = data[place:end] * rng.randrange(1, 4)
        else:
            data += rng.randbytes(rng.randrange(1, 40))
    return bytes(data)


def record_batches(frame):
    """Where record batches of magic 2 with a right CRC lie in a frame: (first byte of what the CRC covers, end)."""
    found = []
    for at in range(8, len(frame) - 61):
        length, = struct.unpack_from(">i", frame, at + 8)
        end = at + 12 + length
        if frame[at + 16] == 2 and at + 61 <= end <= len(frame):
            if struct.unpack_from(">I", frame, at + 17)[0] == crc32c(frame[at + 21:end]):
                found.append((at + 21, end))
    return found


def changed_batch(rng, frame, batch):
    """The frame with bytes of a batch overwritten and its CRC made right: what is wrong lies deeper."""
    data, (start, end) = bytearray(frame), batch
    for _ in range(rng.choice((1, 1, 2, 4))):
        # Half of them in the batch's own fields, half in the records, packed or not.
        place = rng.randrange(start, start + 40) if rng.randrange(2) or end <= start + 40 else rng.randrange(start + 40, end)
        extreme = rng.choice(EXTREMES) if rng.randrange(2) else rng.randbytes(1)
        extreme = extreme[:end - place]
        data[place:place + len(extreme)] = extreme
    struct.pack_into(">I", data, start - 4, crc32c(data[start:end]))
    return bytes(data)


def mutant(rng, frame, batches):
    within = batches.get(frame)
    return changed_batch(rng, frame, rng.choice(within)) if within and rng.randrange(3) else changed(rng, frame)


def send(address, count, seed, at_once=32):
    """Sends `count` mutants, one to four on a connection, and takes what comes for a moment; a broker may answer or close."""
    rng, frames, sent = random.Random(seed), recorded(), 0
    batches = {frame: found for frame in frames if (found := record_batches(frame))}
    if len(batches) < 20:
        raise AssertionError(f"only {len(batches)} recorded requests hold record batches")
    # Those with batches come more often than their share: there is more in them to get wrong.
    frames += [*batches] * 5
    while sent < count:
        crowd = []
        for _ in range(at_once):
            one = socket.create_connection(address, 30)
            crowd.append(one)
            for frame in [mutant(rng, rng.choice(frames), batches) for _ in range(rng.randrange(1, 5))]:
                sent += 1
                with contextlib.suppress(ConnectionError):
                    one.sendall(struct.pack(">i", len(frame)) + frame)
        waiting = set(crowd)
        while waiting:
            readable, _, _ = select.select(waiting, [], [], 0.05)
            if not readable:
                break
            for one in readable:
                # One read is enough: what matters is that the broker lives through what it was sent.
                with contextlib.suppress(ConnectionError):
                    one.recv(1 << 20)
                waiting.discard(one)
        for one in crowd:
            one.close()
