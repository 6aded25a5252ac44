"""confluent-kafka (librdkafka) as the checks see it."""
import sys

sys.path.insert(0, __file__.rsplit("/", 2)[0])

from confluent_kafka import Consumer, KafkaError, KafkaException, Producer, TopicPartition  # noqa: E402
from confluent_kafka import ConsumerGroupTopicPartitions  # noqa: E402
from confluent_kafka.admin import AdminClient, ConfigResource, NewPartitions, NewTopic, ResourceType  # noqa: E402
from confluent_kafka.admin import AlterConfigOpType, ConfigEntry  # noqa: E402

from harness.adapter import Adapter, directory_of  # noqa: E402
from harness.member import PollingMember  # noqa: E402
from harness.records import Record  # noqa: E402
from harness.suite import main  # noqa: E402

SECONDS = 30


def record(message):
    kind, timestamp = message.timestamp()
    return Record(message.partition(), message.offset(), timestamp if kind else None, message.key(), message.value(),
                  message.headers() or [])


class Confluent(Adapter):
    name = "confluent-kafka"
    offers = frozenset((
        "create", "delete", "partitions", "configs", "alter-configs", "create-partitions", "delete-records", "cluster",
        "offsets", "reset", "groups", "commit", "static", "cooperative", "pattern", "group-admin", "delete-groups"))

    def __init__(self, bootstrap, tls):
        super().__init__(bootstrap, tls)
        self.admin = AdminClient(self.settings())
        self.reader = Consumer(self.settings() | {"group.id": "unused", "enable.auto.commit": False})

    def settings(self, tls=None):
        tls = self.tls if tls is None else tls
        chosen = {"bootstrap.servers": self.bootstrap, "log_level": 0}
        if tls:
            chosen |= {"security.protocol": "ssl", "ssl.ca.location": tls.ca}
            if tls.certificate:
                chosen |= {"ssl.certificate.location": tls.certificate, "ssl.key.location": tls.key}
        return chosen

    def produce(self, topic, messages, codec, mode):
        chosen = self.settings() | {"compression.type": codec, "linger.ms": 20, "message.max.bytes": 1_000_000}
        chosen |= {"enable.idempotence": True} if mode == "idempotent" else {"acks": mode.removeprefix("acks-")}
        producer, where = Producer(chosen), []

        def delivered(error, message):
            if error:
                raise KafkaException(error)
            where.append((message.partition(), message.offset()))

        for m in messages:
            options = {} if m.partition is None else {"partition": m.partition}
            if m.timestamp is not None:
                options["timestamp"] = m.timestamp
            producer.produce(topic, m.value, m.key, on_delivery=delivered, headers=list(m.headers), **options)
        if producer.flush(SECONDS):
            raise AssertionError(f"{len(producer)} records not delivered within {SECONDS} s")
        return where

    def consume(self, topic, positions, count, reset="error"):
        consumer = Consumer(self.settings() | {"group.id": "unused", "enable.auto.commit": False, "auto.offset.reset": reset,
                                               "check.crcs": True})
        try:
            consumer.assign([TopicPartition(topic, p, o) for p, o in positions.items()])
            got = []
            while len(got) < count:
                message = consumer.poll(SECONDS)
                if message is None:
                    raise AssertionError(f"{len(got)} of {count} records came")
                if message.error():
                    raise KafkaException(message.error())
                got.append(record(message))
            return got
        finally:
            consumer.close()

    def bounds(self, topic, partition):
        return self.reader.get_watermark_offsets(TopicPartition(topic, partition), timeout=SECONDS)

    def offset_at(self, topic, partition, timestamp):
        found = self.reader.offsets_for_times([TopicPartition(topic, partition, timestamp)], timeout=SECONDS)[0]
        return found.offset if found.offset >= 0 else None

    def create_topic(self, topic, partitions, configs=None):
        self.one(self.admin.create_topics([NewTopic(topic, partitions, config=configs or {})]))

    def delete_topic(self, topic):
        self.one(self.admin.delete_topics([topic]))

    def create_partitions(self, topic, count):
        self.one(self.admin.create_partitions([NewPartitions(topic, count)]))

    def one(self, futures):
        return next(iter(futures.values())).result(SECONDS)

    def partitions(self, topic):
        found = self.admin.list_topics(timeout=SECONDS).topics.get(topic)
        return 0 if found is None or found.error else len(found.partitions)

    def topic_configs(self, topic):
        entries = self.one(self.admin.describe_configs([ConfigResource(ResourceType.TOPIC, topic)]))
        return {name: entry.value for name, entry in entries.items()}

    def alter_topic_config(self, topic, key, value):
        entry = ConfigEntry(key, value, incremental_operation=AlterConfigOpType.SET)
        self.one(self.admin.incremental_alter_configs(
            [ConfigResource(ResourceType.TOPIC, topic, incremental_configs=[entry])]))

    def delete_records(self, topic, partition, before):
        self.one(self.admin.delete_records([TopicPartition(topic, partition, before)]))

    def cluster(self):
        described = self.admin.describe_cluster().result(SECONDS)
        return described.cluster_id, len(described.nodes)

    def join(self, group, topics=None, pattern=None, instance=None, strategy="range"):
        return GroupMember(self.settings(), group, topics or [pattern], instance, strategy)

    def list_groups(self):
        return [g.group_id for g in self.admin.list_consumer_groups().result(SECONDS).valid]

    def describe_group(self, group):
        described = self.one(self.admin.describe_consumer_groups([group]))
        return described.state.name, len(described.members)

    def group_offsets(self, group):
        listed = self.one(self.admin.list_consumer_group_offsets([ConsumerGroupTopicPartitions(group)]))
        return {(p.topic, p.partition): p.offset for p in listed.topic_partitions}

    def delete_group(self, group):
        self.one(self.admin.delete_consumer_groups([group]))

    def attempt(self, tls, seconds):
        AdminClient(self.settings(tls)).list_topics(timeout=seconds)

    def close(self):
        self.reader.close()


class GroupMember(PollingMember):
    def __init__(self, settings, group, topics, instance, strategy):
        self.settings = settings | {
            "group.id": group, "enable.auto.commit": False, "auto.offset.reset": "earliest", "session.timeout.ms": 6000,
            "heartbeat.interval.ms": 300, "topic.metadata.refresh.interval.ms": 1000,
            "partition.assignment.strategy": strategy}
        if instance:
            self.settings["group.instance.id"] = instance
        self.topics, self.cooperative = topics, strategy.startswith("cooperative")
        super().__init__()

    def open(self):
        self.consumer = Consumer(self.settings)
        self.consumer.subscribe(self.topics, on_assign=self.on_assign, on_revoke=self.on_revoke, on_lost=self.on_revoke)

    def on_assign(self, _, partitions):
        new = {(p.topic, p.partition) for p in partitions}
        self.assigned(self.held | new if self.cooperative else new)

    def on_revoke(self, _, partitions):
        gone = {(p.topic, p.partition) for p in partitions}
        self.revoked(self.held - gone)
        if self.cooperative:
            self.history.append(self.held)

    def poll_once(self):
        message = self.consumer.poll(0.1)
        if message is None:
            return
        if not message.error():
            self.records.append((message.topic(), record(message)))
        elif message.error().code() != KafkaError.UNKNOWN_TOPIC_OR_PART:
            raise KafkaException(message.error())

    def commit_now(self, positions):
        # In the polling thread: a synchronous commit beside a poll in another thread never returns.
        if positions:
            self.consumer.commit(offsets=[TopicPartition(t, p, o) for (t, p), o in positions.items()], asynchronous=False)

    def close_now(self):
        # librdkafka sends no LeaveGroup for a static member, whatever was asked.
        self.consumer.close()


if __name__ == "__main__":
    sys.exit(main(Confluent, directory_of(__file__)))
