"""aiokafka from 0.8 on."""
import asyncio
import os
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition  # noqa: E402
from aiokafka.admin import AIOKafkaAdminClient  # noqa: E402

try:
    from aiokafka.admin import NewPartitions, NewTopic
except ImportError:
    # Until 0.9 it stood on kafka-python.
    from kafka.admin import NewPartitions, NewTopic

from report import Report  # noqa: E402

BOOTSTRAP, NAME = sys.argv[1:]
TOPIC = f"{NAME}-{int(time.time())}"
GROUP = f"{TOPIC}-group"
EACH, PARTITIONS = 100, 3
WAYS = [(codec, idempotent) for codec in (None, "gzip", "snappy", "lz4", "zstd") for idempotent in (False, True)]
TOTAL = EACH * len(WAYS)


async def administration():
    admin, topic = AIOKafkaAdminClient(bootstrap_servers=BOOTSTRAP), f"{TOPIC}-admin"
    await admin.start()
    await admin.create_topics([NewTopic(TOPIC, PARTITIONS, 1), NewTopic(topic, 2, 1)])
    await admin.create_partitions({topic: NewPartitions(4)})
    if topic not in await admin.list_topics():
        raise AssertionError("the topic is not listed")
    await admin.delete_topics([topic])
    await admin.close()


async def produce(codec, idempotent):
    producer = AIOKafkaProducer(bootstrap_servers=BOOTSTRAP, compression_type=codec, enable_idempotence=idempotent, acks="all")
    await producer.start()
    sent = [await producer.send(TOPIC, f"{codec}-{idempotent}-{i}".encode(), key=b"%d" % i, headers=[("h", b"v")]) for i in range(EACH)]
    await asyncio.gather(*sent)
    await producer.stop()


async def group():
    values, consumers = set(), []

    async def member():
        consumer = AIOKafkaConsumer(TOPIC, bootstrap_servers=BOOTSTRAP, group_id=GROUP, auto_offset_reset="earliest",
                                    enable_auto_commit=False, session_timeout_ms=10_000, heartbeat_interval_ms=500)
        await consumer.start()
        consumers.append(consumer)
        async for record in consumer:
            values.add(record.value)

    def state():
        return len(values), sorted(len(c.assignment()) for c in consumers)

    members = [asyncio.ensure_future(member()) for _ in range(2)]
    deadline = time.monotonic() + 60
    while state() != (TOTAL, [1, 2]) and time.monotonic() < deadline:
        await asyncio.sleep(0.1)
    reached = state()
    for one in members:
        one.cancel()
    await asyncio.gather(*members, return_exceptions=True)
    for consumer in consumers:
        await consumer.commit()
    committed = [await consumers[0].committed(TopicPartition(TOPIC, p)) or 0 for p in range(PARTITIONS)]
    for consumer in consumers:
        await consumer.stop()
    if reached != (TOTAL, [1, 2]) or sum(committed) != TOTAL:
        raise AssertionError(f"{reached}, {committed} committed, of {TOTAL}")


async def offsets():
    consumer, where = AIOKafkaConsumer(bootstrap_servers=BOOTSTRAP), TopicPartition(TOPIC, 0)
    await consumer.start()
    first = (await consumer.beginning_offsets([where]))[where], (await consumer.offsets_for_times({where: 1}))[where].offset
    ends = await consumer.end_offsets([TopicPartition(TOPIC, p) for p in range(PARTITIONS)])
    await consumer.stop()
    if first != (0, 0) or sum(ends.values()) != TOTAL:
        raise AssertionError(f"{first}, {ends}")


report, loop = Report(NAME), asyncio.new_event_loop()
asyncio.set_event_loop(loop)
report.check("administration", lambda: loop.run_until_complete(administration()))
for codec, idempotent in WAYS:
    report.check(f"produce-{codec or 'none'}{'-idempotent' if idempotent else ''}",
                 lambda: loop.run_until_complete(produce(codec, idempotent)))
for step in (group, offsets):
    report.check(step.__name__, lambda: loop.run_until_complete(step()))
sys.exit(report.finish())
