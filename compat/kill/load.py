"""Producers that know what they sent and what was acknowledged, and a reader that knows what it saw, through any number of
deaths of the broker."""
import random
import threading
import time

from harness import batches, wire

IN_FLIGHT = 5
# Answers after which a producer sends the same batch again.
RETRIABLE = {3, 5, 6, 7, 19, 20}


class Sent:
    __slots__ = ("values", "sequence", "records")

    def __init__(self, values, sequence, records):
        self.values, self.sequence, self.records = values, sequence, records


class Producer(threading.Thread):
    """One partition's only producer, with acks=all and five batches under way. An idempotent one keeps its id and its
    sequence numbers over every death of the broker, and sends again what was not acknowledged; so does a plain one,
    whose records may come twice for it."""

    def __init__(self, bootstrap, topic, partition, idempotent, seed):
        super().__init__(daemon=True)
        self.bootstrap, self.topic, self.partition, self.idempotent = bootstrap, topic, partition, idempotent
        self.random = random.Random(f"{seed}/{partition}")
        self.identity, self.epoch, self.sequence, self.number = -1, -1, 0, 0
        # {offset: value} of what was acknowledged, all values in the order in which they were first sent
        self.acknowledged, self.order = {}, []
        self.unacknowledged, self.ending, self.problem = [], threading.Event(), None
        self.reconnects = self.duplicates = 0

    def run(self):
        try:
            while not (self.ending.is_set() and not self.unacknowledged):
                try:
                    self.session()
                except (OSError, ConnectionError):
                    # The broker is dead or not yet back; nothing announces its return but a connection.
                    self.reconnects += 1
                    time.sleep(0.005)
        except Exception as problem:
            self.problem = problem

    def session(self):
        with wire.Connection(self.bootstrap, seconds=30) as connection:
            if self.idempotent and self.identity < 0:
                self.identity, self.epoch = wire.init_producer_id(connection)
            for batch in self.unacknowledged:
                self.send(connection, batch)
            while True:
                while len(self.unacknowledged) < IN_FLIGHT and not self.ending.is_set():
                    batch = self.batch()
                    self.unacknowledged.append(batch)
                    self.send(connection, batch)
                if not self.unacknowledged:
                    return
                (_, code, offset), = wire.read_produce(connection.receive())
                if code in RETRIABLE:
                    raise ConnectionError(f"error {code}: from the start again")
                self.acknowledge(self.unacknowledged[0], code, offset)
                self.unacknowledged.pop(0)

    def batch(self):
        count = self.random.randint(1, 20)
        values = []
        for _ in range(count):
            values.append(f"{self.partition}/{self.number}/".encode() + bytes([65 + self.number % 26]) * self.random.randint(0, 300))
            self.number += 1
        self.order += values
        compression = batches.GZIP if self.random.random() < 0.3 else 0
        now = int(time.time() * 1000)
        records = batches.build([(None, v, [], now) for v in values], self.identity, self.epoch,
                                self.sequence if self.idempotent else -1, compression)
        sent = Sent(values, self.sequence, records)
        self.sequence += count
        return sent

    def send(self, connection, batch):
        connection.send(wire.PRODUCE, 7, wire.produce_body(self.topic, self.partition, batch.records, -1))

    def acknowledge(self, batch, code, offset):
        where = f"partition {self.partition}, sequence {batch.sequence}"
        if code == 46 and self.idempotent:
            # DUPLICATE_SEQUENCE_NUMBER: stored before, and so long ago that its offset is forgotten.
            self.duplicates += 1
            return
        wire.expect(code, f"Produce {where}")
        if offset < 0:
            raise AssertionError(f"{where}: acknowledged at offset {offset}")
        for position, value in enumerate(batch.values, offset):
            before = self.acknowledged.setdefault(position, value)
            if before != value:
                raise AssertionError(f"{where}: offset {position} was acknowledged for another record before")


class Follower(threading.Thread):
    """Reads a partition from its start as it grows. What it has seen must never change or go away."""

    def __init__(self, bootstrap, topic, partition):
        super().__init__(daemon=True)
        self.bootstrap, self.topic, self.partition = bootstrap, topic, partition
        self.seen, self.ending, self.problem = {}, threading.Event(), None

    def run(self):
        position = 0
        while not self.ending.is_set():
            try:
                with wire.Connection(self.bootstrap, seconds=30) as connection:
                    while not self.ending.is_set():
                        for offset, value in read(connection, self.topic, self.partition, position):
                            self.seen[offset] = value
                            position = offset + 1
            except (OSError, ConnectionError):
                time.sleep(0.005)
            except wire.ErrorCode as problem:
                if problem.code not in RETRIABLE:
                    self.problem = problem
                    return
            except Exception as problem:
                self.problem = problem
                return


def read(connection, topic, partition, position):
    """[(offset, value)] of one fetch"""
    _, found = wire.fetch(connection, topic, partition, position, wait_ms=100)
    return [(r.offset, r.value) for batch in found for r in batch.records if r.offset >= position]
