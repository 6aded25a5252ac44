"""kafka-python as the checks see it."""
import sys

sys.path.insert(0, __file__.rsplit("/", 2)[0])

from kafka import ConsumerRebalanceListener, KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition  # noqa: E402
from kafka.admin import ConfigResource, ConfigResourceType, NewPartitions, NewTopic  # noqa: E402
from kafka.coordinator.assignors.cooperative_sticky import CooperativeStickyAssignor  # noqa: E402
from kafka.coordinator.assignors.range import RangePartitionAssignor  # noqa: E402
from kafka.structs import OffsetAndMetadata  # noqa: E402

from harness.adapter import Adapter, directory_of  # noqa: E402
from harness.member import PollingMember  # noqa: E402
from harness.records import Record  # noqa: E402
from harness.suite import main  # noqa: E402

SECONDS = 30


def record(r):
    return Record(r.partition, r.offset, r.timestamp, r.key, r.value, list(r.headers))


class KafkaPython(Adapter):
    name = "kafka-python"
    offers = frozenset((
        "create", "delete", "partitions", "configs", "alter-configs", "create-partitions", "delete-records", "cluster",
        "offsets", "reset", "groups", "commit", "static", "cooperative", "pattern", "group-admin", "delete-groups"))

    def __init__(self, bootstrap, tls):
        super().__init__(bootstrap, tls)
        self.admin = KafkaAdminClient(**self.settings())
        self.reader = KafkaConsumer(**self.settings(), enable_auto_commit=False)

    def settings(self, tls=None):
        tls = self.tls if tls is None else tls
        chosen = {"bootstrap_servers": self.bootstrap}
        if tls:
            chosen |= {"security_protocol": "SSL", "ssl_cafile": tls.ca, "ssl_certfile": tls.certificate, "ssl_keyfile": tls.key}
        return chosen

    def produce(self, topic, messages, codec, mode):
        acks = {"acks-0": 0, "acks-1": 1}.get(mode, "all")
        producer = KafkaProducer(
            **self.settings(), acks=acks, enable_idempotence=mode == "idempotent", linger_ms=20,
            compression_type=None if codec == "none" else codec)
        try:
            sent = [producer.send(topic, m.value, m.key, list(m.headers), m.partition, m.timestamp) for m in messages]
            producer.flush(SECONDS)
            done = [s.get(SECONDS) for s in sent]
            return [(d.partition, d.offset) for d in done]
        finally:
            producer.close()

    def consume(self, topic, positions, count, reset="error"):
        # "none" raises where an offset is out of range.
        consumer = KafkaConsumer(**self.settings(), enable_auto_commit=False, consumer_timeout_ms=SECONDS * 1000,
                                 auto_offset_reset="none" if reset == "error" else reset)
        try:
            consumer.assign([TopicPartition(topic, p) for p in positions])
            for partition, offset in positions.items():
                consumer.seek(TopicPartition(topic, partition), offset)
            got = []
            for r in consumer:
                got.append(record(r))
                if len(got) == count:
                    return got
            raise AssertionError(f"{len(got)} of {count} records came")
        finally:
            consumer.close()

    def bounds(self, topic, partition):
        where = TopicPartition(topic, partition)
        return self.reader.beginning_offsets([where])[where], self.reader.end_offsets([where])[where]

    def offset_at(self, topic, partition, timestamp):
        where = TopicPartition(topic, partition)
        found = self.reader.offsets_for_times({where: timestamp})[where]
        return found.offset if found else None

    def create_topic(self, topic, partitions, configs=None):
        self.admin.create_topics([NewTopic(topic, partitions, 1, topic_configs=configs or {})])

    def delete_topic(self, topic):
        self.admin.delete_topics([topic])

    def create_partitions(self, topic, count):
        self.admin.create_partitions({topic: NewPartitions(count)})

    def partitions(self, topic):
        found = self.admin.describe_topics([topic])
        return sum(len(t["partitions"]) for t in found if not t["error_code"])

    def topic_configs(self, topic):
        found = self.admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, topic)], config_filter="all")
        return {key: entry["value"] for key, entry in found["topic"][topic].items()}

    def alter_topic_config(self, topic, key, value):
        self.admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, topic, {key: value})])

    def delete_records(self, topic, partition, before):
        self.admin.delete_records({TopicPartition(topic, partition): before})

    def cluster(self):
        described = self.admin.describe_cluster()
        return described["cluster_id"], len(described["brokers"])

    def join(self, group, topics=None, pattern=None, instance=None, strategy="range"):
        return GroupMember(self.settings(), group, topics, pattern, instance, strategy)

    def list_groups(self):
        return [g["group_id"] for g in self.admin.list_groups()]

    def describe_group(self, group):
        described = self.admin.describe_groups([group])[group]
        return described["group_state"], len(described["members"])

    def group_offsets(self, group):
        return {(w.topic, w.partition): o.offset for w, o in self.admin.list_group_offsets(group)[group].items()}

    def delete_group(self, group):
        answer = self.admin.delete_groups([group])[group]
        if answer != "OK":
            raise AssertionError(answer)

    def attempt(self, tls, seconds):
        admin = KafkaAdminClient(**self.settings(tls), request_timeout_ms=seconds * 1000, bootstrap_timeout_ms=seconds * 1000)
        try:
            admin.list_topics()
        finally:
            admin.close()

    def close(self):
        self.reader.close()
        self.admin.close()


class GroupMember(PollingMember):
    def __init__(self, settings, group, topics, pattern, instance, strategy):
        assignor = CooperativeStickyAssignor if strategy == "cooperative-sticky" else RangePartitionAssignor
        self.settings = settings | {
            "group_id": group, "group_instance_id": instance, "enable_auto_commit": False, "auto_offset_reset": "earliest",
            "session_timeout_ms": 6000, "heartbeat_interval_ms": 300, "metadata_max_age_ms": 1000,
            "partition_assignment_strategy": (assignor,)}
        self.topics, self.pattern, self.cooperative = topics, pattern, strategy == "cooperative-sticky"
        super().__init__()

    def open(self):
        self.consumer = KafkaConsumer(**self.settings)
        self.consumer.subscribe(self.topics or (), self.pattern, Listener(self))

    def poll_once(self):
        # A poll of no more than retry_backoff_ms (100) never sees the new metadata that a pattern waits for.
        for where, found in self.consumer.poll(400).items():
            self.records += [(where.topic, record(r)) for r in found]

    def commit_now(self, positions):
        if positions:
            self.consumer.commit({TopicPartition(*where): OffsetAndMetadata(o, "", -1) for where, o in positions.items()})

    def close_now(self):
        # No LeaveGroup for a static member, as in Java.
        self.consumer.close(autocommit=False)


class Listener(ConsumerRebalanceListener):
    def __init__(self, member):
        self.member = member

    def on_partitions_revoked(self, revoked):
        self.member.revoked(self.member.held - {(p.topic, p.partition) for p in revoked})
        if self.member.cooperative:
            self.member.history.append(self.member.held)

    def on_partitions_assigned(self, assigned):
        new = {(p.topic, p.partition) for p in assigned}
        self.member.assigned(self.member.held | new if self.member.cooperative else new)


if __name__ == "__main__":
    sys.exit(main(KafkaPython, directory_of(__file__)))
