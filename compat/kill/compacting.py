"""A client with a compacted topic: of each key the last value must be there, whatever the cleaner did when the broker died."""
import time

from harness import batches, wire
from owners import Client

KEYS = 40
SETTINGS = {"cleanup.policy": "compact", "segment.bytes": "1048576", "min.cleanable.dirty.ratio": "0.01",
            "delete.retention.ms": "500", "max.compaction.lag.ms": "1000"}


class Compacting(Client):
    """Writes a few keys again and again, now and then a tombstone."""

    def __init__(self, bootstrap, number, seed):
        super().__init__(bootstrap, f"compacted-{number}", seed)
        # By offset: what was written there, acknowledged or found to be there.
        self.created, self.written, self.most_gone = False, [], 0

    def begin(self, connection):
        if not self.created:
            wire.create_topic(connection, self.name, 1, SETTINGS, existing=True)
            self.created = True
        if self.doubt:
            end = wire.offset_for(connection, self.name, 0, wire.LATEST)
            if end == len(self.written) + len(self.doubt):
                self.written += self.doubt
            self.doubt, self.doubts = None, self.doubts + 1
        self.look(connection)

    def change(self, connection):
        records = []
        for _ in range(self.random.randrange(1, 20)):
            key = str(self.random.randrange(KEYS)).encode()
            records.append((key, None if self.random.randrange(10) == 0 else self.random.randbytes(3000)))
        self.doubt = records
        stamp = int(time.time() * 1000)
        offset = wire.produce(connection, self.name, 0, batches.build([(k, v, [], stamp) for k, v in records]))
        if offset != len(self.written):
            raise AssertionError(f"{self.name}: records at offset {offset}, {len(self.written)} was next")
        self.written, self.doubt = self.written + records, None
        self.records += len(records)
        self.changes += 1
        if self.random.randrange(100) == 0:
            self.look(connection)

    def look(self, connection):
        end = wire.offset_for(connection, self.name, 0, wire.LATEST)
        if end != len(self.written):
            raise AssertionError(f"{self.name} ends at {end}, {len(self.written)} were written")
        at, before, count, found = 0, -1, 0, {}
        while at < end:
            _, got = wire.fetch(connection, self.name, 0, at, max_bytes=4 << 20)
            if not got:
                raise AssertionError(f"{self.name}: nothing at offset {at} of {end}")
            for batch in got:
                for record in batch.records:
                    if record.offset < at:
                        continue
                    if record.offset <= before or (record.key, record.value) != self.written[record.offset]:
                        raise AssertionError(f"{self.name}: offset {record.offset} after {before}, or another record there")
                    before, count = record.offset, count + 1
                    found[record.key] = record.offset
                at = max(at, batch.last_offset + 1)
        latest = {key: offset for offset, (key, _) in enumerate(self.written)}
        for key, offset in latest.items():
            # A tombstone may be gone, and then so is all that was before it.
            is_there = found.get(key) == offset
            if not is_there and (self.written[offset][1] is not None or key in found):
                raise AssertionError(f"{self.name}: key {key!r} was last written at {offset}, {found.get(key)} is found")
        self.most_gone = max(self.most_gone, end - count)
