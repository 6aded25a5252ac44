"""The protocol by hand as the checks see it: what differs between its clients is only how bytes reach the broker."""
import time

from harness import batches, wire, wire_groups
from harness.adapter import Adapter
from harness.member import PollingMember
from harness.report import wait_for

# Requests of one connection are answered in turn; a fetch of a member must not hold up its heartbeat.
FETCH_WAIT_MS = 50
HEARTBEAT_SECONDS = 0.3


class RawClient(Adapter):
    offers = frozenset((
        "create", "delete", "partitions", "cluster", "offsets", "groups", "commit", "static", "group-admin", "delete-groups"))

    def __init__(self, bootstrap, tls):
        super().__init__(bootstrap, tls)
        self.connection = self.connect()

    def transport(self, tls, seconds):
        """Bytes to and from the broker."""
        raise NotImplementedError

    def connect(self, tls=None, seconds=30):
        tls = self.tls if tls is None else tls
        return wire.Connection(self.bootstrap, transport=self.transport(tls, seconds), client_id=self.name)

    def produce(self, topic, messages, codec, mode):
        partitions = self.await_topic(topic)
        where = []
        with self.connect() as connection:
            identity, epoch = wire.init_producer_id(connection) if mode == "idempotent" else (-1, -1)
            compression = batches.GZIP if codec == "gzip" else 0
            acks = {"acks-0": 0, "acks-1": 1}.get(mode, -1)
            for partition in range(partitions):
                mine = [m for m in messages if (m.partition or 0) == partition]
                # Two batches, so that a sequence has a second number.
                for sequence, part in ((0, mine[:len(mine) // 2]), (len(mine) // 2, mine[len(mine) // 2:])):
                    if not part:
                        continue
                    content = [(m.key, m.value, m.headers, m.timestamp or int(time.time() * 1000)) for m in part]
                    batch = batches.build(content, identity, epoch, sequence if mode == "idempotent" else -1, compression)
                    offset = wire.produce(connection, topic, partition, batch, acks)
                    if offset is not None:
                        where += [(partition, offset + i) for i in range(len(part))]
            if acks == 0:
                # Nothing is answered to them; that the next answer comes shows that they were taken.
                wire.api_versions(connection)
        return where

    def await_topic(self, topic):
        """Its number of partitions, once a Metadata request that may create it shows a leader."""
        def look():
            found = wire.metadata(self.connection, [topic], create=True)[0][topic]
            return found[1] if found[0] == 0 else 0

        count = wait_for(look, f"topic {topic}")
        wire.await_leaders(self.connection, topic, count)
        return count

    def consume(self, topic, positions, count, reset="error"):
        got = []
        for partition, position in positions.items():
            end = self.bounds(topic, partition)[1]
            while position < end and len(got) < count:
                _, found = wire.fetch(self.connection, topic, partition, position)
                part = [r._replace(partition=partition) for batch in found for r in batch.records if r.offset >= position]
                if not part:
                    raise AssertionError(f"nothing at offset {position} of {topic}-{partition}, the end is {end}")
                got += part
                position = part[-1].offset + 1
        if len(got) < count:
            raise AssertionError(f"{len(got)} of {count} records came")
        return got[:count]

    def bounds(self, topic, partition):
        return (wire.offset_for(self.connection, topic, partition, wire.EARLIEST),
                wire.offset_for(self.connection, topic, partition, wire.LATEST))

    def offset_at(self, topic, partition, timestamp):
        found = wire.offset_for(self.connection, topic, partition, timestamp)
        return None if found < 0 else found

    def create_topic(self, topic, partitions, configs=None):
        wire.create_topic(self.connection, topic, partitions, configs or {})

    def delete_topic(self, topic):
        wire.delete_topic(self.connection, topic)

    def partitions(self, topic):
        code, count = wire.metadata(self.connection, [topic])[0][topic]
        return count if code == 0 else 0

    def cluster(self):
        return "not asked for", len(wire.metadata(self.connection, [])[1])

    def join(self, group, topics=None, pattern=None, instance=None, strategy="range"):
        return GroupMember(self, group, topics, instance)

    def list_groups(self):
        return wire_groups.list_groups(self.connection)

    def describe_group(self, group):
        return wire_groups.describe_group(self.connection, group)

    def group_offsets(self, group):
        return wire_groups.committed(self.connection, group)

    def delete_group(self, group):
        wire_groups.delete_group(self.connection, group)

    def attempt(self, tls, seconds):
        with self.connect(tls, seconds) as connection:
            wire.api_versions(connection)

    def close(self):
        self.connection.close()


class GroupMember(PollingMember):
    """A member by hand: joins, shares by range where it leads, fetches, and says that it is alive."""

    def __init__(self, client, group, topics, instance):
        self.client, self.group, self.topics, self.instance = client, group, topics, instance
        self.member, self.generation, self.next = "", -1, {}
        super().__init__()

    def open(self):
        self.connection = self.client.connect()
        wait_for(self.coordinator, f"a coordinator of {self.group}")
        self.rejoin()

    def coordinator(self):
        try:
            return wire_groups.find_coordinator(self.connection, self.group)
        except wire.ErrorCode as problem:
            if problem.code not in wire.COORDINATOR_NOT_READY:
                raise
            return None

    def rejoin(self):
        self.revoked(set())
        while not self.closing.is_set():
            code, generation, leader, member, members = wire_groups.join(
                self.connection, self.group, self.member, self.instance, self.topics)
            if code in (wire_groups.MEMBER_ID_REQUIRED, *wire.COORDINATOR_NOT_READY):
                self.member = member
                continue
            wire.expect(code, f"JoinGroup {self.group}")
            self.member, self.generation = member, generation
            shares = self.share(members) if leader == member else {}
            code, data = wire_groups.sync(self.connection, self.group, generation, member, self.instance, shares)
            if code == wire_groups.REBALANCE_IN_PROGRESS:
                continue
            wire.expect(code, f"SyncGroup {self.group}")
            held = wire_groups.held_by(data)
            stored = wire_groups.committed(self.connection, self.group, held)
            self.next = {where: max(0, stored.get(where, -1)) for where in held}
            self.assigned(held)
            self.heard = time.monotonic()
            return

    def share(self, members):
        shares = {member: {} for member, _ in members}
        for topic in sorted({t for _, data in members for t in wire_groups.topics_of(data)}):
            takers = sorted(m for m, data in members if topic in wire_groups.topics_of(data))
            count = wire.metadata(self.connection, [topic])[0][topic][1]
            size, more = divmod(count, len(takers))
            first = 0
            for number, member in enumerate(takers):
                mine = size + (1 if number < more else 0)
                shares[member][topic] = list(range(first, first + mine))
                first += mine
        return {member: wire_groups.assignment(held) for member, held in shares.items()}

    def poll_once(self):
        if time.monotonic() - self.heard > HEARTBEAT_SECONDS:
            code = wire_groups.heartbeat(self.connection, self.group, self.generation, self.member, self.instance)
            self.heard = time.monotonic()
            if code == wire_groups.REBALANCE_IN_PROGRESS:
                self.rejoin()
                return
            wire.expect(code, f"Heartbeat {self.group}")
        for where in list(self.next):
            _, found = wire.fetch(self.connection, *where, self.next[where], wait_ms=FETCH_WAIT_MS)
            for r in (r for batch in found for r in batch.records if r.offset >= self.next[where]):
                self.records.append((where[0], r._replace(partition=where[1])))
                self.next[where] = r.offset + 1

    def commit_now(self, positions):
        if positions:
            wire_groups.commit(self.connection, self.group, self.generation, self.member, self.instance, positions)

    def close_now(self):
        # A static member stays until its session times out.
        if self.member and not self.instance:
            wire_groups.leave(self.connection, self.group, self.member)
        self.connection.close()
