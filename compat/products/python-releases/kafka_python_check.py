"""kafka-python from 1.4.7 on."""
import os
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from kafka import KafkaConsumer, KafkaProducer, TopicPartition  # noqa: E402
from kafka.admin import ConfigResource, ConfigResourceType, KafkaAdminClient, NewPartitions, NewTopic  # noqa: E402

from report import Report, wait_for  # noqa: E402

BOOTSTRAP, NAME = sys.argv[1:]
TOPIC = f"{NAME}-{int(time.time())}"
GROUP = f"{TOPIC}-group"
EACH, PARTITIONS = 100, 3
CODECS = [None, "gzip", "snappy", "lz4"] + ([] if NAME.endswith("-1.4.7") else ["zstd"])
TOTAL = EACH * len(CODECS)


def create():
    admin = KafkaAdminClient(bootstrap_servers=BOOTSTRAP)
    admin.create_topics([NewTopic(TOPIC, PARTITIONS, 1)])
    admin.close()


def produce(codec):
    producer = KafkaProducer(bootstrap_servers=BOOTSTRAP, compression_type=codec, acks="all", linger_ms=5)
    sent = [producer.send(TOPIC, f"{codec}-{i}".encode(), key=b"%d" % i) for i in range(EACH)]
    for one in sent:
        one.get(30)
    producer.close()


def group():
    values, shares, stop = set(), {}, threading.Event()

    def member(number):
        consumer = KafkaConsumer(TOPIC, bootstrap_servers=BOOTSTRAP, group_id=GROUP, auto_offset_reset="earliest",
                                 enable_auto_commit=False, session_timeout_ms=10_000, heartbeat_interval_ms=500)
        while not stop.is_set():
            for found in consumer.poll(200).values():
                values.update(r.value for r in found)
            shares[number] = len(consumer.assignment())
        consumer.commit()
        consumer.close()

    members = [threading.Thread(target=member, args=(number,)) for number in range(2)]
    for one in members:
        one.start()
    try:
        wait_for(lambda: len(values) == TOTAL and sorted(shares.values()) == [1, 2], lambda: f"{len(values)} of {TOTAL}, {shares}")
    finally:
        stop.set()
        for one in members:
            one.join()
    consumer = KafkaConsumer(bootstrap_servers=BOOTSTRAP, group_id=GROUP, enable_auto_commit=False)
    committed = sum(consumer.committed(TopicPartition(TOPIC, p)) or 0 for p in range(PARTITIONS))
    consumer.close()
    if committed != TOTAL:
        raise AssertionError(f"{committed} of {TOTAL} committed")


def offsets():
    consumer, where = KafkaConsumer(bootstrap_servers=BOOTSTRAP), TopicPartition(TOPIC, 0)
    found = consumer.beginning_offsets([where])[where], consumer.offsets_for_times({where: 1})[where].offset
    ends = consumer.end_offsets([TopicPartition(TOPIC, p) for p in range(PARTITIONS)])
    consumer.close()
    if found != (0, 0) or sum(ends.values()) != TOTAL:
        raise AssertionError(f"{found}, {ends}")


def administration():
    admin, topic = KafkaAdminClient(bootstrap_servers=BOOTSTRAP), f"{TOPIC}-admin"
    admin.create_topics([NewTopic(topic, 2, 1, topic_configs={"retention.ms": "5000000"})])
    admin.create_partitions({topic: NewPartitions(4)})
    resource = ConfigResource(ConfigResourceType.TOPIC, topic)
    before = str(admin.describe_configs([resource]))
    admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, topic, {"retention.ms": "6000000"})])
    after = str(admin.describe_configs([resource]))
    if "5000000" not in before or "6000000" not in after:
        raise AssertionError(f"{before[:200]} {after[:200]}")
    if GROUP not in [name for name, *_ in admin.list_consumer_groups()] or not admin.list_consumer_group_offsets(GROUP):
        raise AssertionError("the group is not listed")
    admin.delete_topics([topic])
    admin.close()


report = Report(NAME)
report.check("create", create)
for codec in CODECS:
    report.check(f"produce-{codec or 'none'}", lambda: produce(codec))
for step in (group, offsets, administration):
    report.check(step.__name__, step)
sys.exit(report.finish())
