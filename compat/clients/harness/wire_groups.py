"""The group requests of the protocol by hand, in the last versions whose encoding is not flexible."""
from harness.wire import Reader, array, expect, int16, int32, int64, octets, string

OFFSET_COMMIT, OFFSET_FETCH, FIND_COORDINATOR = 8, 9, 10
JOIN_GROUP, HEARTBEAT, LEAVE_GROUP, SYNC_GROUP, DESCRIBE_GROUPS, LIST_GROUPS, DELETE_GROUPS = 11, 12, 13, 14, 15, 16, 42

SESSION_MS, REBALANCE_MS = 6000, 10_000
MEMBER_ID_REQUIRED, REBALANCE_IN_PROGRESS = 79, 27


def find_coordinator(connection, group):
    """FindCoordinator v1: host and port; raises while the coordinator is not ready"""
    answer = connection.call(FIND_COORDINATOR, 1, string(group) + b"\x00")
    answer.int32()
    expect(answer.int16(), f"FindCoordinator {group}")
    answer.string()
    answer.int32()
    return answer.string(), answer.int32()


def subscription(topics):
    return int16(0) + array([string(t) for t in topics]) + octets(None)


def topics_of(metadata):
    reader = Reader(metadata)
    reader.int16()
    return reader.array(reader.string)


def assignment(held):
    """{topic: [partition]}"""
    return int16(0) + array([string(t) + array([int32(p) for p in ps]) for t, ps in sorted(held.items())]) + octets(None)


def held_by(data):
    if not data:
        return set()
    reader = Reader(data)
    reader.int16()
    return {(t, p) for t, ps in reader.array(lambda: (reader.string(), reader.array(reader.int32))) for p in ps}


def join(connection, group, member, instance, topics, strategy="range"):
    """JoinGroup v5: (error, generation, leader, member id, [(member id, metadata)])"""
    body = (string(group) + int32(SESSION_MS) + int32(REBALANCE_MS) + string(member) + string(instance) + string("consumer")
            + array([string(strategy) + octets(subscription(topics))]))
    answer = connection.call(JOIN_GROUP, 5, body)
    answer.int32()
    code, generation, _, leader, identity = answer.int16(), answer.int32(), answer.string(), answer.string(), answer.string()
    members = answer.array(lambda: (answer.string(), answer.string(), answer.octets()))
    return code, generation, leader, identity, [(m, data) for m, _, data in members]


def sync(connection, group, generation, member, instance, shares):
    """SyncGroup v3: (error, assignment)"""
    body = (string(group) + int32(generation) + string(member) + string(instance)
            + array([string(m) + octets(data) for m, data in shares.items()]))
    answer = connection.call(SYNC_GROUP, 3, body)
    answer.int32()
    return answer.int16(), answer.octets()


def heartbeat(connection, group, generation, member, instance):
    """Heartbeat v3: the error"""
    answer = connection.call(HEARTBEAT, 3, string(group) + int32(generation) + string(member) + string(instance))
    answer.int32()
    return answer.int16()


def leave(connection, group, member):
    """LeaveGroup v1"""
    answer = connection.call(LEAVE_GROUP, 1, string(group) + string(member))
    answer.int32()
    expect(answer.int16(), f"LeaveGroup {group}")


def commit(connection, group, generation, member, instance, positions):
    """OffsetCommit v7 of {(topic, partition): offset}"""
    topics = [string(t) + array([int32(p) + int64(o) + int32(-1) + string("")]) for (t, p), o in positions.items()]
    answer = connection.call(OFFSET_COMMIT, 7, string(group) + int32(generation) + string(member) + string(instance) + array(topics))
    answer.int32()
    for topic, parts in answer.array(lambda: (answer.string(), answer.array(lambda: (answer.int32(), answer.int16())))):
        for partition, code in parts:
            expect(code, f"OffsetCommit {topic}-{partition}")


def committed(connection, group, held=None):
    """OffsetFetch v3: {(topic, partition): offset}, -1 where nothing is committed; all of the group's without `held`"""
    topics = int32(-1) if held is None else array([string(t) + array([int32(p)]) for t, p in sorted(held)])
    answer = connection.call(OFFSET_FETCH, 3, string(group) + topics)
    answer.int32()

    def one():
        partition, offset, _ = answer.int32(), answer.int64(), answer.string()
        expect(answer.int16(), f"OffsetFetch {group} partition {partition}")
        return partition, offset

    found = answer.array(lambda: (answer.string(), answer.array(one)))
    expect(answer.int16(), f"OffsetFetch {group}")
    return {(t, p): o for t, parts in found for p, o in parts}


def list_groups(connection):
    """ListGroups v2: names"""
    answer = connection.call(LIST_GROUPS, 2, b"")
    answer.int32()
    expect(answer.int16(), "ListGroups")
    return [name for name, _ in answer.array(lambda: (answer.string(), answer.string()))]


def describe_group(connection, group):
    """DescribeGroups v3: (state, number of members)"""
    answer = connection.call(DESCRIBE_GROUPS, 3, array([string(group)]) + b"\x00")
    answer.int32()
    answer.int32()
    expect(answer.int16(), f"DescribeGroups {group}")
    answer.string()
    state, _, _ = answer.string(), answer.string(), answer.string()
    return state, answer.int32()


def delete_group(connection, group):
    """DeleteGroups v1"""
    answer = connection.call(DELETE_GROUPS, 1, array([string(group)]))
    answer.int32()
    for name, code in answer.array(lambda: (answer.string(), answer.int16())):
        expect(code, f"DeleteGroups {name}")
