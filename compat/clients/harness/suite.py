"""The checks of producing, fetching, administration and reading across clients: the same for every client."""
from functools import partial

from harness import batches, groups, records, tls, wire
from harness.records import PARTITIONS, PER_MODE, message, topic_of, verify
from harness.report import Report, Skip, options, wait_for


def main(make, directory, variant=None, further=None):
    """Runs what the command line selects. `make(bootstrap, tls)` gives the client's adapter; `further(adapter, report, base)`
    has the checks that are this client's alone."""
    chosen = options("Checks of one Kafka client against the broker at HOST:PORT.")
    report = Report(directory, chosen, variant)
    adapter = make(chosen.bootstrap, chosen.tls)
    try:
        produce = Produce(adapter, report, chosen.run)
        produce.run()
        Fetch(adapter, report, chosen.run, produce.broken).run()
        administration(adapter, report, chosen.run)
        for peer in chosen.peers:
            report.check(f"cross.{peer}", lambda: cross(adapter, peer, chosen.run))
        groups.run(adapter, report, chosen.run)
        if further:
            further(adapter, report, chosen.run)
        tls.run(adapter, report, chosen)
    finally:
        adapter.close()
    return report.finish()


class Produce:
    """Every codec in every mode; what is acknowledged is where the end offsets say."""

    def __init__(self, adapter, report, base):
        self.adapter, self.report, self.base = adapter, report, base
        # Codecs of which not even the topic is there.
        self.broken = set()

    def run(self):
        for codec in records.codecs_of(self.adapter.name):
            names = {mode: f"produce.{codec}.{mode}" for mode in records.modes_of(self.adapter.name)}
            if not self.read_later(codec) and not any(self.report.selects(name) for name in names.values()):
                continue
            topic = topic_of(self.base, self.adapter.name, codec)
            try:
                self.adapter.prepare(topic, PARTITIONS, {"retention.ms": "-1"})
            except Exception as problem:
                self.report.fail(f"produce.{codec}", problem)
                self.broken.add(codec)
                continue
            for number, (mode, name) in enumerate(names.items()):
                body = partial(self.fill, topic, codec, mode, number)
                if not self.report.check(name, body) and not self.report.selects(name):
                    # Not asked for, but the fetch section reads what it leaves behind.
                    self.report.quietly(name, body)

    def read_later(self, codec):
        """Whether a check of the fetch section that was asked for reads this codec's topic."""
        others = ("bounds", "offset", "timestamp", "timestamp-none", "reset") if codec == Fetch.CODEC else ()
        return any(self.report.selects(f"fetch.{name}") for name in (codec, *others))

    def fill(self, topic, codec, mode, number):
        name = self.adapter.name
        indexes = range(number * PER_MODE, (number + 1) * PER_MODE)
        before = self.ends(topic)
        if sum(before.values()) != indexes.start:
            raise AssertionError(f"{sum(before.values())} records in the topic, {indexes.start} expected before this step")
        where = self.adapter.produce(topic, [message(name, codec, i, self.base) for i in indexes], codec, mode)
        # Nothing is acknowledged under acks=0: the records arrive when they arrive.
        wait_for(lambda: sum(self.ends(topic).values()) >= indexes.stop, f"{indexes.stop} records in the topic")
        after = self.ends(topic)
        if sum(after.values()) != indexes.stop:
            raise AssertionError(f"{sum(after.values())} records in the topic, {indexes.stop} expected")
        if where is None or mode == "acks-0":
            return
        for partition in range(PARTITIONS):
            got = sorted(o for p, o in where if p == partition)
            if got != list(range(before[partition], after[partition])):
                raise AssertionError(f"partition {partition}: acknowledged offsets {got[:3]}...{got[-3:]} "
                                     f"({len(got)}), expected {before[partition]} to {after[partition] - 1}")

    def ends(self, topic):
        return {p: self.adapter.bounds(topic, p)[1] for p in range(PARTITIONS)}


def read_all(adapter, producer, codec, base):
    topic = topic_of(base, producer, codec)
    count = records.count_of(producer)
    there = sum(adapter.bounds(topic, p)[1] for p in range(PARTITIONS))
    if there != count:
        raise AssertionError(f"{there} records in the topic, {count} expected")
    got = adapter.consume(topic, {p: 0 for p in range(PARTITIONS)}, count)
    verify(got, producer, codec, base)
    return got


def cross(adapter, peer, base):
    """What another client produced, byte for byte."""
    for codec in adapter.cross_codecs(peer):
        if codec in records.codecs_of(adapter.name):
            try:
                read_all(adapter, peer, codec, base)
            except AssertionError as problem:
                raise AssertionError(f"{codec}: {problem}") from problem


class Fetch:
    # What the checks that need one topic read.
    CODEC = "gzip"

    def __init__(self, adapter, report, base, broken):
        self.adapter, self.report, self.base, self.broken = adapter, report, base, broken

    def run(self):
        name = self.adapter.name
        for codec in records.codecs_of(name):
            self.check(codec, lambda: read_all(self.adapter, name, codec, self.base), codec)
        for what, body in (("bounds", self.bounds), ("offset", self.from_offset), ("timestamp", self.from_timestamp),
                           ("timestamp-none", self.after_the_last), ("reset", self.reset)):
            self.check(what, body, self.CODEC)
        self.report.check("fetch.large", self.large)

    def check(self, what, body, codec):
        def there():
            if codec in self.broken:
                raise AssertionError(f"there is no topic for {codec}")
            body()

        self.report.check(f"fetch.{what}", there)

    def topic(self):
        return topic_of(self.base, self.adapter.name, self.CODEC)

    def bounds(self):
        bounds = [self.adapter.bounds(self.topic(), p) for p in range(PARTITIONS)]
        if any(start != 0 for start, _ in bounds) or sum(end for _, end in bounds) != records.count_of(self.adapter.name):
            raise AssertionError(f"start and end offsets {bounds}")

    def busiest(self):
        """The partition with the most records; where the client cannot choose, one may have few."""
        ends = {p: self.adapter.bounds(self.topic(), p)[1] for p in range(PARTITIONS)}
        if sum(ends.values()) != records.count_of(self.adapter.name):
            raise AssertionError(f"{sum(ends.values())} records in the topic, {records.count_of(self.adapter.name)} expected")
        return max(ends, key=ends.get)

    def from_offset(self):
        """From the middle of a compressed batch: the records before it are in the same bytes and must not come out."""
        partition = self.busiest()
        end = self.adapter.bounds(self.topic(), partition)[1]
        whole = self.adapter.consume(self.topic(), {partition: 0}, end)
        for start in (1, end // 2 + 3, end - 1):
            got = self.adapter.consume(self.topic(), {partition: start}, end - start)
            if got != whole[start:]:
                raise AssertionError(f"from offset {start}: {len(got)} records from {got[0].offset if got else None}, "
                                     f"not those that a read from 0 gives")

    def from_timestamp(self):
        partition = self.busiest()
        end = self.adapter.bounds(self.topic(), partition)[1]
        whole = self.adapter.consume(self.topic(), {partition: 0}, end)
        if whole[0].timestamp is None:
            raise Skip("this client shows no timestamps")
        for wanted in (whole[0].timestamp - 5000, whole[end // 3].timestamp, whole[end // 2].timestamp - 1, whole[-1].timestamp):
            found = self.adapter.offset_at(self.topic(), partition, wanted)
            right = next(r.offset for r in whole if r.timestamp >= wanted)
            if found != right:
                raise AssertionError(f"timestamp {wanted}: offset {found}, expected {right}")

    def after_the_last(self):
        found = self.adapter.offset_at(self.topic(), self.busiest(), self.base + 3_600_000 * 24)
        if found is not None:
            raise AssertionError(f"offset {found} for a timestamp after all records")

    def reset(self):
        """An offset past the end: OFFSET_OUT_OF_RANGE, and auto.offset.reset=earliest leads back to the first record."""
        self.adapter.needs("reset")
        got = self.adapter.consume(self.topic(), {self.busiest(): 1_000_000}, 5, reset="earliest")
        if [r.offset for r in got[:5]] != list(range(5)):
            raise AssertionError(f"offsets {[r.offset for r in got[:5]]} after the reset, expected 0 to 4")

    def large(self):
        """A record near the default max.message.bytes, incompressible, alone and then among small ones."""
        topic = f"c{self.base}.{self.adapter.name}.large"
        self.adapter.prepare(topic, 1, {"retention.ms": "-1"})
        text = self.adapter.name in records.TEXT_PRODUCERS
        noise = records.filler(topic, 450_000).hex().encode() if text else records.filler(topic, 900_000)
        values = [b"small", noise, b"small again"]
        self.adapter.produce(topic, [records.Message(0, None, f"key-{i}".encode(), v, []) for i, v in enumerate(values)],
                             "none", "acks-all")
        got = self.adapter.consume(topic, {0: 0}, 3)
        if sorted(r.value for r in got) != sorted(values):
            raise AssertionError(f"values of {[len(r.value or b'') for r in got]} bytes, or other content")


def administration(adapter, report, base):
    topic = f"c{base}.{adapter.name}.admin"

    def create():
        adapter.needs("create")
        adapter.create_topic(topic, 3, {"retention.ms": "3600000", "cleanup.policy": "compact,delete"})
        wait_for(lambda: adapter.partitions(topic) == 3, "3 partitions in the metadata")

    def again():
        adapter.needs("create")
        try:
            adapter.create_topic(topic, 3, {})
        except Exception as problem:
            if "exist" not in str(problem).lower() and "exist" not in type(problem).__name__.lower():
                raise AssertionError(f"refused, but not as existing: {problem}") from problem
        else:
            raise AssertionError("a topic that exists was created a second time")

    def invalid():
        adapter.needs("create")
        try:
            adapter.create_topic(topic + ".invalid", 1, {"retention.ms": "soon"})
        except Exception:
            if adapter.partitions(topic + ".invalid") != 0:
                raise AssertionError("refused, but the topic is there") from None
        else:
            raise AssertionError("retention.ms=soon was accepted")

    def configs():
        adapter.needs("configs")
        got = adapter.topic_configs(topic)
        wanted = {"retention.ms": "3600000", "cleanup.policy": "compact,delete", "max.message.bytes": "1048588",
                  "message.timestamp.type": "CreateTime"}
        differ = {k: got.get(k) for k, v in wanted.items() if got.get(k) != v}
        if differ:
            raise AssertionError(f"topic configuration has {differ}")

    def alter():
        adapter.needs("alter-configs")
        adapter.alter_topic_config(topic, "retention.ms", "7200000")
        wait_for(lambda: adapter.topic_configs(topic).get("retention.ms") == "7200000", "retention.ms=7200000")

    def grow():
        adapter.needs("create-partitions")
        adapter.create_partitions(topic, 5)
        wait_for(lambda: adapter.partitions(topic) == 5, "5 partitions in the metadata")
        with wire.Connection(adapter.bootstrap, adapter.tls) as connection:
            wire.await_leaders(connection, topic, 5)

    def delete_records():
        adapter.needs("delete-records")
        with wire.Connection(adapter.bootstrap, adapter.tls) as connection:
            batch = batches.build([(b"k", str(i).encode(), [], base) for i in range(10)])
            wire.produce(connection, topic, 1, batch)
        adapter.delete_records(topic, 1, 4)
        if adapter.bounds(topic, 1) != (4, 10):
            raise AssertionError(f"start and end offset {adapter.bounds(topic, 1)}, expected (4, 10)")
        got = adapter.consume(topic, {1: 4}, 6)
        if [r.value for r in got] != [str(i).encode() for i in range(4, 10)]:
            raise AssertionError(f"{[r.value for r in got]} from offset 4")

    def cluster():
        adapter.needs("cluster")
        identity, nodes = adapter.cluster()
        if not identity or not nodes:
            raise AssertionError(f"cluster id {identity!r}, {nodes} brokers")

    def auto_create():
        """A topic that nobody made: the first produce waits through LEADER_NOT_AVAILABLE until it is there."""
        fresh = topic + ".auto"
        adapter.produce(fresh, [records.Message(None, None, b"k", b"first", [])], "none", "acks-all")
        count = adapter.partitions(fresh)
        if count < 1:
            raise AssertionError("no partition in the metadata")
        ends = {p: adapter.bounds(fresh, p)[1] for p in range(count)}
        if sum(ends.values()) != 1:
            raise AssertionError(f"end offsets {ends}, one record expected")
        where = next(p for p, end in ends.items() if end == 1)
        if adapter.consume(fresh, {where: 0}, 1)[0].value != b"first":
            raise AssertionError("not the value that was sent")

    def delete():
        adapter.needs("delete")
        adapter.delete_topic(topic)
        wait_for(lambda: adapter.partitions(topic) == 0, "the topic gone from the metadata")

    for name, body in (("create", create), ("create-again", again), ("create-invalid", invalid), ("configs", configs),
                       ("alter-configs", alter), ("create-partitions", grow), ("delete-records", delete_records),
                       ("cluster", cluster), ("auto-create", auto_create), ("delete", delete)):
        report.check(f"admin.{name}", body)


