"""Apache Kafka's console tools as the checks see them."""
import json
import re
import sys
from concurrent.futures import ThreadPoolExecutor

sys.path.insert(0, __file__.rsplit("/", 2)[0])

from harness import records, wire  # noqa: E402
from harness.adapter import Adapter, directory_of  # noqa: E402
from harness.records import Record  # noqa: E402
from harness.suite import main  # noqa: E402

sys.path.insert(0, directory_of(__file__))

import own_checks  # noqa: E402
from tool import Tools  # noqa: E402

VERSION = open(f"{directory_of(__file__)}/version").read().strip()
# Between the fields of a printed record, at its end, and for null: nothing that a record contains.
FIELD, END, NULL = "<jackdaw-field>", "<jackdaw-end>", "<jackdaw-null>"


class JavaTools(Adapter):
    name = "java-tools"
    offers = frozenset((
        "create", "delete", "partitions", "configs", "alter-configs", "create-partitions", "delete-records", "cluster"))

    def __init__(self, bootstrap, tls):
        super().__init__(bootstrap, tls)
        self.tools = Tools(bootstrap, tls, VERSION)
        # Where the checks themselves want to know how much is there: a tool for every look would be slow.
        self.raw = wire.Connection(bootstrap, tls)

    def cross_codecs(self, peer):
        # One each, another one from peer to peer: a tool reads one partition and ends.
        codecs = records.codecs_of(peer)
        return [codecs[sum(peer.encode()) % len(codecs)]]

    def produce(self, topic, messages, codec, mode):
        lines = b"".join(m.key + b"\t" + m.value + b"\n" for m in messages)
        acks = "all" if mode == "idempotent" else mode.removeprefix("acks-")
        self.tools.run(
            "console-producer", "--topic", topic, "--compression-codec", codec, "--request-required-acks", acks,
            "--command-config", self.tools.config, "--command-property", "linger.ms=20",
            "--command-property", f"enable.idempotence={str(mode == 'idempotent').lower()}",
            "--reader-property", "parse.key=true", "--reader-property", "key.separator=\t", given=lines)

    def consume(self, topic, positions, count, reset="error"):
        ends = {p: self.bounds(topic, p)[1] for p in positions}
        wanted = {p: min(count, ends[p] - o) for p, o in positions.items() if ends[p] > o}
        if sum(wanted.values()) < count:
            raise AssertionError(f"{sum(wanted.values())} records in the topic, {count} expected")
        with ThreadPoolExecutor(len(wanted)) as pool:
            return [r for part in pool.map(lambda p: self.read(topic, p, positions[p], wanted[p]), wanted) for r in part]

    def read(self, topic, partition, offset, count):
        printed = [f"print.{what}=true" for what in ("key", "timestamp", "partition", "offset")]
        chosen = [*printed, f"key.separator={FIELD}", f"line.separator={END}", f"null.literal={NULL}"]
        out = self.tools.run(
            "console-consumer", "--topic", topic, "--partition", str(partition), "--offset", str(offset),
            "--max-messages", str(count), "--timeout-ms", "20000", "--command-config", self.tools.config,
            *(word for one in chosen for word in ("--formatter-property", one)))
        got = [parse(line) for line in out.split(END.encode())[:-1]]
        if len(got) != count:
            raise AssertionError(f"{len(got)} of {count} records of {topic}-{partition} from offset {offset}")
        return got

    def bounds(self, topic, partition):
        return (wire.offset_for(self.raw, topic, partition, wire.EARLIEST),
                wire.offset_for(self.raw, topic, partition, wire.LATEST))

    def offset_at(self, topic, partition, timestamp):
        out = self.tools.text("get-offsets", "--topic-partitions", f"{topic}:{partition}", "--time", str(timestamp))
        found = re.search(rf"^{re.escape(topic)}:{partition}:(-?\d*)$", out, re.M)
        # Nothing at all, an empty offset or -1 where no record is that late, by release.
        return int(found[1]) if found and found[1] and int(found[1]) >= 0 else None

    def create_topic(self, topic, partitions, configs=None):
        pairs = [word for k, v in (configs or {}).items() for word in ("--config", f"{k}={v}")]
        self.tools.text("topics", "--create", "--topic", topic, "--partitions", str(partitions), *pairs)

    def prepare(self, topic, partitions, configs=None):
        wire.create_topic(self.raw, topic, partitions, configs or {})
        wire.await_leaders(self.raw, topic, partitions)

    def delete_topic(self, topic):
        self.tools.text("topics", "--delete", "--topic", topic)

    def create_partitions(self, topic, count):
        self.tools.text("topics", "--alter", "--topic", topic, "--partitions", str(count))

    def partitions(self, topic):
        out = self.tools.text("topics", "--describe", "--topic", topic, code=None)
        found = re.search(r"PartitionCount: (\d+)", out)
        return int(found[1]) if found else 0

    def topic_configs(self, topic):
        out = self.tools.text("configs", "--describe", "--all", "--entity-type", "topics", "--entity-name", topic)
        return dict(re.findall(r"^  ([a-z.]+)=(\S*) sensitive=", out, re.M))

    def alter_topic_config(self, topic, key, value):
        self.tools.text("configs", "--alter", "--entity-type", "topics", "--entity-name", topic, "--add-config", f"{key}={value}")

    def delete_records(self, topic, partition, before):
        wanted = {"partitions": [{"topic": topic, "partition": partition, "offset": before}], "version": 1}
        out = self.tools.text("delete-records", "--offset-json-file", self.tools.file(json.dumps(wanted), "json"))
        if f"low_watermark: {before}" not in out:
            raise AssertionError(out)

    def cluster(self):
        identity = re.search(r"Cluster ID: (\S+)", self.tools.run(
            "cluster", "cluster-id", "--config", self.tools.config).decode())[1]
        brokers = re.findall(r"^\S+ \(id: \d+", self.tools.text("broker-api-versions"), re.M)
        return identity, len(brokers)

    def attempt(self, tls, seconds):
        tools = Tools(self.bootstrap, tls, VERSION)
        limit = tools.file(tools.settings(tls) + f"default.api.timeout.ms={seconds * 1000}\nrequest.timeout.ms={seconds * 500}\n",
                           "properties")
        tools.run("topics", "--list", "--command-config", limit, seconds=seconds + 10)

    def close(self):
        self.raw.close()


def parse(line):
    timestamp, partition, offset, key, value = line.split(FIELD.encode(), 4)
    number = re.fullmatch(rb"(?:CreateTime|LogAppendTime):(-?\d+)", timestamp)
    return Record(int(partition.removeprefix(b"Partition:")), int(offset.removeprefix(b"Offset:")), int(number[1]),
                  None if key == NULL.encode() else key, None if value == NULL.encode() else value, None)


if __name__ == "__main__":
    sys.exit(main(JavaTools, directory_of(__file__), further=own_checks.run))
