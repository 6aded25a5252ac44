"""aiokafka as the checks see it: its event loop runs in a thread of its own."""
import asyncio
import ssl
import sys
import threading

sys.path.insert(0, __file__.rsplit("/", 2)[0])

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRebalanceListener, TopicPartition  # noqa: E402
from aiokafka.admin import AIOKafkaAdminClient, NewPartitions, NewTopic, RecordsToDelete  # noqa: E402
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType  # noqa: E402
from aiokafka.errors import for_code  # noqa: E402

from harness.adapter import Adapter, Member, directory_of  # noqa: E402
from harness.records import Record  # noqa: E402
from harness.suite import main  # noqa: E402

SECONDS = 30
LOOP = asyncio.new_event_loop()
threading.Thread(target=LOOP.run_forever, daemon=True).start()


def await_it(coroutine, seconds=SECONDS):
    return asyncio.run_coroutine_threadsafe(asyncio.wait_for(coroutine, seconds), LOOP).result()


def record(r):
    return Record(r.partition, r.offset, r.timestamp, r.key, r.value, list(r.headers))


class AioKafka(Adapter):
    name = "aiokafka"
    # It has no DeleteGroups, no OffsetDelete and no cooperative assignor.
    offers = frozenset((
        "create", "delete", "partitions", "configs", "alter-configs", "create-partitions", "delete-records", "cluster",
        "offsets", "reset", "groups", "commit", "static", "pattern", "group-admin"))

    def __init__(self, bootstrap, tls):
        super().__init__(bootstrap, tls)
        self.admin, self.reader = await_it(self.start())

    async def start(self):
        admin = AIOKafkaAdminClient(**self.settings())
        await admin.start()
        reader = AIOKafkaConsumer(**self.settings(), enable_auto_commit=False)
        await reader.start()
        return admin, reader

    def settings(self, tls=None):
        tls = self.tls if tls is None else tls
        chosen = {"bootstrap_servers": self.bootstrap}
        if tls:
            context = ssl.create_default_context(cafile=tls.ca)
            if tls.certificate:
                context.load_cert_chain(tls.certificate, tls.key)
            chosen |= {"security_protocol": "SSL", "ssl_context": context}
        return chosen

    def produce(self, topic, messages, codec, mode):
        return await_it(self.produce_all(topic, messages, codec, mode))

    async def produce_all(self, topic, messages, codec, mode):
        acks = {"acks-0": 0, "acks-1": 1}.get(mode, "all")
        producer = AIOKafkaProducer(
            **self.settings(), acks=acks, enable_idempotence=mode == "idempotent", linger_ms=20,
            compression_type=None if codec == "none" else codec)
        await producer.start()
        try:
            sent = [await producer.send(topic, m.value, m.key, m.partition, m.timestamp, list(m.headers)) for m in messages]
            done = await asyncio.gather(*sent)
            return None if acks == 0 else [(d.partition, d.offset) for d in done]
        finally:
            await producer.stop()

    def consume(self, topic, positions, count, reset="error"):
        return await_it(self.consume_all(topic, positions, count, reset))

    async def consume_all(self, topic, positions, count, reset):
        consumer = AIOKafkaConsumer(**self.settings(), enable_auto_commit=False,
                                    auto_offset_reset="none" if reset == "error" else reset)
        await consumer.start()
        try:
            consumer.assign([TopicPartition(topic, p) for p in positions])
            for partition, offset in positions.items():
                consumer.seek(TopicPartition(topic, partition), offset)
            return [record(await consumer.getone()) for _ in range(count)]
        finally:
            await consumer.stop()

    def bounds(self, topic, partition):
        where = TopicPartition(topic, partition)
        return await_it(self.reader.beginning_offsets([where]))[where], await_it(self.reader.end_offsets([where]))[where]

    def offset_at(self, topic, partition, timestamp):
        where = TopicPartition(topic, partition)
        found = await_it(self.reader.offsets_for_times({where: timestamp}))[where]
        return found.offset if found else None

    def create_topic(self, topic, partitions, configs=None):
        answer = await_it(self.admin.create_topics([NewTopic(topic, partitions, 1, topic_configs=configs or {})]))
        raise_first(answer.topic_errors)

    def delete_topic(self, topic):
        raise_first(await_it(self.admin.delete_topics([topic])).topic_error_codes)

    def create_partitions(self, topic, count):
        raise_first(await_it(self.admin.create_partitions({topic: NewPartitions(count)})).topic_errors)

    def partitions(self, topic):
        found = await_it(self.admin.describe_topics([topic]))
        return sum(len(t["partitions"]) for t in found if not t["error_code"])

    def topic_configs(self, topic):
        answers = await_it(self.admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, topic)]))
        code, text, _, _, entries = answers[0].resources[0]
        raise_first([(topic, code, text)])
        return {entry[0]: entry[1] for entry in entries}

    def alter_topic_config(self, topic, key, value):
        answers = await_it(self.admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, topic, {key: value})]))
        code, text, *_ = answers[0].resources[0]
        raise_first([(topic, code, text)])

    def delete_records(self, topic, partition, before):
        await_it(self.admin.delete_records({TopicPartition(topic, partition): RecordsToDelete(before)}))

    def cluster(self):
        described = await_it(self.admin.describe_cluster())
        return described["cluster_id"], len(described["brokers"])

    def join(self, group, topics=None, pattern=None, instance=None, strategy="range"):
        return GroupMember(self.settings(), group, topics, pattern, instance)

    def list_groups(self):
        return [group for group, *_ in await_it(self.admin.list_consumer_groups())]

    def describe_group(self, group):
        described = await_it(self.admin.describe_consumer_groups([group]))[0].groups[0]
        code, _, state, _, _, members = described[:6]
        raise_first([(group, code)])
        return state, len(members)

    def group_offsets(self, group):
        found = await_it(self.admin.list_consumer_group_offsets(group))
        return {(w.topic, w.partition): o.offset for w, o in found.items()}

    def attempt(self, tls, seconds):
        await_it(self.attempt_once(tls, seconds), seconds + 5)

    async def attempt_once(self, tls, seconds):
        admin = AIOKafkaAdminClient(**self.settings(tls), request_timeout_ms=seconds * 1000)
        try:
            await admin.start()
            await admin.list_topics()
        finally:
            await admin.close()

    def close(self):
        await_it(self.reader.stop())
        await_it(self.admin.close())


def raise_first(errors):
    for what, code, *text in errors:
        if code:
            raise for_code(code)(f"{what}: {for_code(code).__name__} {text[0] if text else ''}")


class GroupMember(Member):
    def __init__(self, settings, group, topics, pattern, instance):
        self.settings = settings | {
            "group_id": group, "group_instance_id": instance, "enable_auto_commit": False, "auto_offset_reset": "earliest",
            "session_timeout_ms": 6000, "heartbeat_interval_ms": 300, "metadata_max_age_ms": 1000}
        self.topics, self.pattern = topics, pattern
        self.records, self.held, self.rebalances, self.open = [], set(), 0, True
        await_it(self.start())

    async def start(self):
        self.consumer = AIOKafkaConsumer(**self.settings)
        self.consumer.subscribe(self.topics or (), self.pattern, Listener(self))
        # start() waits for the first assignment, which may need a rebalance of the others.
        await self.consumer.start()
        self.reading = asyncio.ensure_future(self.read())

    async def read(self):
        async for r in self.consumer:
            self.records.append((r.topic, record(r)))

    def assignment(self):
        if self.open and self.reading.done():
            self.reading.result()
        return self.held

    def taken(self):
        return list(self.records)

    def commit(self):
        positions = {TopicPartition(t, r.partition): r.offset + 1 for t, r in self.records if (t, r.partition) in self.held}
        if positions:
            await_it(self.consumer.commit(positions))

    def close(self, leave=True):
        if self.open:
            self.open = False
            await_it(self.stop())
            self.held = set()

    async def stop(self):
        # No LeaveGroup for a static member, as in Java.
        self.reading.cancel()
        await self.consumer.stop()


class Listener(ConsumerRebalanceListener):
    def __init__(self, member):
        self.member = member

    def on_partitions_revoked(self, revoked):
        self.member.held = self.member.held - {(p.topic, p.partition) for p in revoked}

    def on_partitions_assigned(self, assigned):
        self.member.held = {(p.topic, p.partition) for p in assigned}
        self.member.rebalances += 1


if __name__ == "__main__":
    sys.exit(main(AioKafka, directory_of(__file__)))
