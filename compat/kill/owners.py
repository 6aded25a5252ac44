"""Clients that know how their topics must look, through any number of deaths of the broker."""
import copy
import random
import threading
import time

from harness import batches, wire

CREATE_PARTITIONS, DELETE_RECORDS, DESCRIBE_CONFIGS, INCREMENTAL_ALTER_CONFIGS = 37, 21, 32, 44
TOPIC_RESOURCE, SET = 2, 0


class Topic:
    """What an acknowledged topic looks like: for each partition its first offset and its records from offset 0 on."""

    def __init__(self, partitions, retention):
        self.retention = retention
        self.starts = [0] * partitions
        self.values = [[] for _ in range(partitions)]


class Client(threading.Thread):
    """Makes changes, one request at a time, over every death of the broker. A request that a death left without an answer
    may have been carried out or not: the next look decides, and from then on it holds."""

    def __init__(self, bootstrap, name, seed):
        super().__init__(daemon=True, name=name)
        self.bootstrap, self.random = bootstrap, random.Random(f"{seed}/{name}")
        self.changes = self.records = self.doubts = 0
        self.doubt = None
        self.ending, self.problem = threading.Event(), None

    def run(self):
        try:
            while not self.ending.is_set() or self.doubt:
                try:
                    self.session()
                except (OSError, ConnectionError):
                    # The broker is dead or not yet back; nothing announces its return but a connection.
                    time.sleep(0.005)
        except Exception as problem:
            self.problem = f"{type(problem).__name__}: {problem}"

    def session(self):
        with wire.Connection(self.bootstrap, seconds=30) as connection:
            self.begin(connection)
            while not self.ending.is_set():
                self.change(connection)
            self.begin(connection)


class Owner(Client):
    """Has topics of its own."""

    def __init__(self, bootstrap, number, seed):
        super().__init__(bootstrap, f"churn-{number}", seed)
        self.topics = {f"{self.name}-{i}": None for i in range(3)}

    def begin(self, connection):
        for name in self.topics:
            self.starts_again(connection, name)
            self.look(connection, name)

    def change(self, connection):
        """One change, and what the topic then looks like."""
        name = self.random.choice([*self.topics])
        topic = self.topics[name]
        if topic is None:
            way = self.create
        else:
            way = self.random.choices((self.delete, self.grow, self.fill, self.empty, self.configure), (2, 1, 12, 2, 2))[0]
        after = copy.deepcopy(topic)
        send, after = way(name, after)
        self.doubt = (name, after)
        send(connection)
        self.topics[name], self.doubt = after, None
        self.changes += 1
        if self.random.randrange(10) == 0:
            self.look(connection, name)

    # The changes

    def create(self, name, _):
        after = Topic(self.random.randrange(1, 4), str(self.random.randrange(10**9, 10**10)))
        settings = {"retention.ms": after.retention, "segment.bytes": "1048576", "file.delete.delay.ms": "100"}
        return lambda c: wire.create_topic(c, name, len(after.starts), settings), after

    def delete(self, name, _):
        return lambda c: wire.delete_topic(c, name), None

    def grow(self, name, after):
        after.starts.append(0)
        after.values.append([])
        return lambda c: create_partitions(c, name, len(after.starts)), after

    def fill(self, name, after):
        partition = self.random.randrange(len(after.starts))
        values = [self.random.randbytes(self.random.choice((10, 100, 5000))) for _ in range(self.random.randrange(1, 30))]
        stamp = int(time.time() * 1000)
        records = batches.build([(None, value, [], stamp) for value in values])
        expected = len(after.values[partition])
        after.values[partition] += values

        def send(connection):
            offset = wire.produce(connection, name, partition, records)
            if offset != expected:
                raise AssertionError(f"{name}-{partition}: records at offset {offset}, {expected} was next")
            self.records += len(values)

        return send, after

    def empty(self, name, after):
        partition = self.random.randrange(len(after.starts))
        start = self.random.randint(after.starts[partition], len(after.values[partition]))
        after.starts[partition] = start
        return lambda c: delete_records(c, name, partition, start), after

    def configure(self, name, after):
        after.retention = str(self.random.randrange(10**9, 10**10))
        return lambda c: alter_config(c, name, "retention.ms", after.retention), after

    # The look

    def starts_again(self, connection, name):
        """As in Kafka the first offsets are written from time to time (log.flush.start.offset.checkpoint.interval.ms): a
        death may bring deleted records back, but none that is not known."""
        for topic in (self.topics[name], self.doubt[1] if self.doubt and self.doubt[0] == name else None):
            for partition in range(len(topic.starts) if topic else 0):
                try:
                    first = wire.offset_for(connection, name, partition, wire.EARLIEST)
                except wire.ErrorCode:
                    continue
                topic.starts[partition] = min(topic.starts[partition], first)

    def look(self, connection, name):
        if self.doubt and self.doubt[0] == name:
            # Before the doubt is over one more death may come: both are kept until a look went through.
            before, after = self.topics[name], self.doubt[1]
            same = [t for t in (before, after) if self.differs(connection, name, t) is None]
            if not same:
                raise AssertionError(f"{self.differs(connection, name, before)}; with the change in doubt: "
                                     f"{self.differs(connection, name, after)}")
            self.topics[name], self.doubt = same[-1], None
            self.doubts += 1
        elif problem := self.differs(connection, name, self.topics[name]):
            raise AssertionError(problem)

    def differs(self, connection, name, topic):
        """What is not as it must be; None where all is."""
        code, count = wire.metadata(connection, [name])[0][name]
        if topic is None:
            return None if code == 3 else f"{name} is there (error {code}), and was deleted"
        if code != 0 or count != len(topic.starts):
            return f"{name}: error {code} and {count} partitions, {len(topic.starts)} were acknowledged"
        if (retention := config(connection, name, "retention.ms")) != topic.retention:
            return f"{name}: retention.ms is {retention}, {topic.retention} was acknowledged"
        for partition, (start, values) in enumerate(zip(topic.starts, topic.values)):
            first = wire.offset_for(connection, name, partition, wire.EARLIEST)
            end = wire.offset_for(connection, name, partition, wire.LATEST)
            if (first, end) != (start, len(values)):
                return f"{name}-{partition}: offsets {first} to {end}, {start} to {len(values)} were acknowledged"
            if problem := self.misread(connection, name, partition, start, values):
                return problem
        return None

    def misread(self, connection, name, partition, start, values):
        at = start
        while at < len(values):
            _, found = wire.fetch(connection, name, partition, at)
            got = [r for batch in found for r in batch.records if r.offset >= at]
            if not got:
                return f"{name}-{partition}: nothing at offset {at} of {len(values)}"
            for record in got:
                if record.offset != at or record.value != values[at]:
                    return f"{name}-{partition}: offset {record.offset} where {at} was next, or another value"
                at += 1
        return None


# Requests

def create_partitions(connection, name, count):
    """CreatePartitions v0"""
    body = wire.array([wire.string(name) + wire.int32(count) + wire.int32(-1)]) + wire.int32(30_000) + b"\x00"
    answer = connection.call(CREATE_PARTITIONS, 0, body)
    answer.int32()
    for topic, code, text in answer.array(lambda: (answer.string(), answer.int16(), answer.string())):
        wire.expect(code, f"CreatePartitions {topic} ({text})")


def delete_records(connection, name, partition, offset):
    """DeleteRecords v0"""
    part = wire.int32(partition) + wire.int64(offset)
    answer = connection.call(DELETE_RECORDS, 0, wire.array([wire.string(name) + wire.array([part])]) + wire.int32(30_000))
    answer.int32()

    def one():
        answer.int32()
        low = answer.int64()
        wire.expect(answer.int16(), f"DeleteRecords {name}-{partition} before {offset}")
        if low != offset:
            raise AssertionError(f"DeleteRecords {name}-{partition} before {offset}: low watermark {low}")

    answer.array(lambda: (answer.string(), answer.array(one)))


def alter_config(connection, name, key, value):
    """IncrementalAlterConfigs v0"""
    setting = wire.string(key) + bytes([SET]) + wire.string(value)
    body = wire.array([bytes([TOPIC_RESOURCE]) + wire.string(name) + wire.array([setting])]) + b"\x00"
    answer = connection.call(INCREMENTAL_ALTER_CONFIGS, 0, body)
    answer.int32()
    for code, text in answer.array(lambda: (answer.int16(), answer.string(), answer.int8(), answer.string())[:2]):
        wire.expect(code, f"IncrementalAlterConfigs {name} ({text})")


def config(connection, name, key):
    """DescribeConfigs v0"""
    body = wire.array([bytes([TOPIC_RESOURCE]) + wire.string(name) + wire.array([wire.string(key)])])
    answer = connection.call(DESCRIBE_CONFIGS, 0, body)
    answer.int32()
    values = {}

    def entry():
        found, value = answer.string(), answer.string()
        answer.take(3)
        values[found] = value

    def result():
        wire.expect(answer.int16(), f"DescribeConfigs {name}")
        answer.string()
        answer.int8()
        answer.string()
        answer.array(entry)

    answer.array(result)
    return values.get(key)
