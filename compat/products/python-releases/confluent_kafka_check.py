"""confluent-kafka (librdkafka) from 2.0 on."""
import os
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from confluent_kafka import Consumer, KafkaError, KafkaException, Producer, TopicPartition  # noqa: E402
from confluent_kafka.admin import AdminClient, ConfigResource, NewPartitions, NewTopic  # noqa: E402

from report import Report, wait_for  # noqa: E402

BOOTSTRAP, NAME = sys.argv[1:]
SETTINGS = {"bootstrap.servers": BOOTSTRAP, "log_level": 0}
TOPIC = f"{NAME}-{int(time.time())}"
EACH, PARTITIONS = 100, 3
WAYS = [(codec, idempotent) for codec in ("none", "gzip", "snappy", "lz4", "zstd") for idempotent in (False, True)]
TOTAL = EACH * len(WAYS)


def one(futures):
    return next(iter(futures.values())).result(30)


def administration():
    admin, topic = AdminClient(SETTINGS), f"{TOPIC}-admin"
    one(admin.create_topics([NewTopic(TOPIC, PARTITIONS, 1)]))
    one(admin.create_topics([NewTopic(topic, 2, 1, config={"retention.ms": "5000000"})]))
    one(admin.create_partitions([NewPartitions(topic, 4)]))
    if one(admin.describe_configs([ConfigResource("topic", topic)]))["retention.ms"].value != "5000000":
        raise AssertionError("not the retention that was set")
    one(admin.delete_topics([topic]))


def produce(codec, idempotent):
    producer = Producer(SETTINGS | {"compression.type": codec, "enable.idempotence": idempotent, "linger.ms": 5})
    failed = []
    for i in range(EACH):
        producer.produce(TOPIC, f"{codec}-{idempotent}-{i}", str(i), headers=[("h", b"v")],
                         on_delivery=lambda error, _: failed.append(error) if error else None)
    if producer.flush(30) or failed:
        raise AssertionError(f"{len(producer)} not delivered, {failed[:1]}")


def group(strategy):
    name, values, shares, wrong, stop = f"{TOPIC}-{strategy}", set(), {}, [], threading.Event()

    def member(number):
        consumer = Consumer(SETTINGS | {"group.id": name, "auto.offset.reset": "earliest", "enable.auto.commit": False,
                                        "session.timeout.ms": 10_000, "partition.assignment.strategy": strategy})
        consumer.subscribe([TOPIC])
        while not stop.is_set():
            message = consumer.poll(0.1)
            if message is not None and message.error():
                wrong.append(message.error())
            elif message is not None:
                values.add(message.value())
            shares[number] = len(consumer.assignment())
        try:
            consumer.commit(asynchronous=False)
        except KafkaException as problem:
            # Who came last may have nothing new to commit.
            if problem.args[0].code() != KafkaError._NO_OFFSET:
                wrong.append(problem)
        consumer.close()

    members = [threading.Thread(target=member, args=(number,)) for number in range(2)]
    for thread in members:
        thread.start()
    try:
        wait_for(lambda: len(values) == TOTAL and sorted(shares.values()) == [1, 2], lambda: f"{len(values)} of {TOTAL}, {shares}")
    finally:
        stop.set()
        for thread in members:
            thread.join()
    reader = Consumer(SETTINGS | {"group.id": name})
    committed = sum(max(p.offset, 0) for p in reader.committed([TopicPartition(TOPIC, p) for p in range(PARTITIONS)], timeout=30))
    reader.close()
    if wrong or committed != TOTAL:
        raise AssertionError(f"{committed} of {TOTAL} committed, {wrong[:1]}")


report = Report(NAME)
report.check("administration", administration)
for codec, idempotent in WAYS:
    report.check(f"produce-{codec}{'-idempotent' if idempotent else ''}", lambda: produce(codec, idempotent))
for strategy in ("range", "cooperative-sticky"):
    report.check(f"group-{strategy}", lambda: group(strategy))
sys.exit(report.finish())
