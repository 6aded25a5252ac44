"""Record batches of magic 2, built and read by hand."""
import struct
import zlib
from typing import NamedTuple

from harness.records import Record

HEADER = struct.Struct(">qiibIhiqqqhii")
GZIP = 1


def crc32c_table():
    table = []
    for byte in range(256):
        for _ in range(8):
            byte = (byte >> 1) ^ (0x82F63B78 if byte & 1 else 0)
        table.append(byte)
    return table


TABLE = crc32c_table()


def crc32c(data):
    crc = 0xFFFFFFFF
    table = TABLE
    for byte in data:
        crc = table[(crc ^ byte) & 0xFF] ^ (crc >> 8)
    return crc ^ 0xFFFFFFFF


def varint(value):
    value = (value << 1) ^ (value >> 63)
    out = bytearray()
    while value & ~0x7F:
        out.append((value & 0x7F) | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def sized(data):
    return varint(-1) if data is None else varint(len(data)) + data


class Batch(NamedTuple):
    base_offset: int
    attributes: int
    producer_id: int
    producer_epoch: int
    base_sequence: int
    records: list
    last_offset: int


def build(messages, producer_id=-1, epoch=-1, sequence=-1, compression=0):
    """`messages`: [(key, value, headers, timestamp)]; compression none or gzip."""
    base = messages[0][3]
    body = bytearray()
    for delta, (key, value, headers, timestamp) in enumerate(messages):
        record = b"\x00" + varint(timestamp - base) + varint(delta) + sized(key) + sized(value) + varint(len(headers))
        for name, content in headers:
            record += sized(name.encode()) + sized(content)
        body += varint(len(record)) + record
    if compression == GZIP:
        packer = zlib.compressobj(wbits=31)
        body = packer.compress(bytes(body)) + packer.flush()
    latest = max(m[3] for m in messages)
    after_crc = struct.pack(">hiqqqhii", compression, len(messages) - 1, base, latest, producer_id, epoch, sequence,
                            len(messages)) + bytes(body)
    return struct.pack(">qiibI", 0, len(after_crc) + 9, -1, 2, crc32c(after_crc)) + after_crc


def batches(data):
    """All whole batches in `data`, their records decoded (none and gzip), with the checksum tried."""
    found, at = [], 0
    while at + HEADER.size <= len(data):
        (base, length, _, magic, crc, attributes, last, first, _, producer, epoch, sequence, count) = HEADER.unpack_from(data, at)
        end = at + 12 + length
        if end > len(data):
            break
        if magic != 2:
            raise AssertionError(f"batch at offset {base} has magic {magic}")
        if crc32c(data[at + 21:end]) != crc:
            raise AssertionError(f"batch at offset {base}: the checksum does not match")
        body = data[at + HEADER.size:end]
        if attributes & 7 == GZIP:
            body = zlib.decompress(body, wbits=31)
        elif attributes & 7:
            raise AssertionError(f"batch at offset {base} has compression {attributes & 7}, which is not read here")
        found.append(Batch(base, attributes, producer, epoch, sequence, records(body, count, base, first), base + last))
        at = end
    return found


def records(body, count, base, first):
    at = 0

    def number():
        nonlocal at
        value = shift = 0
        while True:
            byte = body[at]
            at += 1
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return (value >> 1) ^ -(value & 1)

    def content():
        nonlocal at
        length = number()
        if length < 0:
            return None
        at += length
        return bytes(body[at - length:at])

    out = []
    for _ in range(count):
        number()
        at += 1
        timestamp, offset = first + number(), base + number()
        key, value = content(), content()
        headers = [(content().decode(), content()) for _ in range(number())]
        out.append(Record(0, offset, timestamp, key, value, headers))
    return out
