"""The checks of consumer groups. Records come by the raw protocol, so that only the group is the client's."""
from harness import batches, wire
from harness.report import wait_for

PARTITIONS = 4


def run(adapter, report, base):
    if not any(s.split(".")[0] == "groups" for s in report.only) or "groups" not in adapter.offers:
        return
    with wire.Connection(adapter.bootstrap, adapter.tls) as connection:
        feeder = Feeder(connection, base)
        Rebalance(adapter, report, feeder, base).run()
        report.check("groups.static", lambda: static(adapter, feeder, base))
        report.check("groups.cooperative", lambda: cooperative(adapter, feeder, base))
        report.check("groups.pattern", lambda: pattern(adapter, feeder, base))
        report.check("groups.dead-member", lambda: dead_member(adapter, feeder, base))
        administration(adapter, report, feeder, base)


class Feeder:
    """Puts numbered records into a topic, the same number into every partition."""

    def __init__(self, connection, base):
        self.connection, self.base, self.number = connection, base, 0

    def create(self, topic, partitions=PARTITIONS):
        wire.create_topic(self.connection, topic, partitions, {})
        wire.await_leaders(self.connection, topic, partitions)
        return {(topic, p) for p in range(partitions)}

    def feed(self, topic, partitions=PARTITIONS, each=10):
        values = set()
        for partition in range(partitions):
            messages = []
            for _ in range(each):
                self.number += 1
                values.add(str(self.number).encode())
                messages.append((None, str(self.number).encode(), [], self.base + self.number))
            wire.produce(self.connection, topic, partition, batches.build(messages))
        return values


def values_of(*members):
    return [r.value for m in members for _, r in m.taken()]


def share(everything, *members):
    """Every partition has one member, and nobody has more than one partition above another."""
    held = [m.assignment() for m in members]
    sizes = [len(h) for h in held]
    return sum(sizes) == len(everything) and set().union(*held) == everything and max(sizes) - min(sizes) <= 1


def await_share(everything, *members, seconds=30):
    wait_for(lambda: share(everything, *members),
             lambda: f"shares {[sorted(m.assignment()) for m in members]} of {len(everything)} partitions", seconds)


def await_values(wanted, *members):
    """All wanted values have come to these members, each once."""
    def come():
        got = values_of(*members)
        return set(got) >= wanted and got

    got = wait_for(come, lambda: f"{len(set(values_of(*members)) & wanted)} of {len(wanted)} records came")
    twice = {v for v in got if got.count(v) > 1}
    if twice:
        raise AssertionError(f"{len(twice)} records came twice, for one {min(twice)!r}")
    if set(got) - wanted:
        raise AssertionError(f"{len(set(got) - wanted)} records came that were committed before")


class Rebalance:
    """Two members: the second comes, the second goes, then the first, and a third goes on from what was committed."""

    def __init__(self, adapter, report, feeder, base):
        self.adapter, self.report, self.feeder = adapter, report, feeder
        self.topic = f"c{base}.{adapter.name}.group"
        self.group = f"{self.topic}.members"
        self.first = self.second = None
        self.sent = set()

    def run(self):
        if not self.report.selects("groups.join"):
            return
        try:
            for name, body in (("join", self.join), ("rebalance-join", self.second_comes),
                               ("rebalance-leave", self.second_goes), ("resume", self.third_resumes)):
                if not self.report.check(f"groups.{name}", body):
                    # The steps after it cannot be told apart from it; allowed.txt counts them as not run.
                    break
        finally:
            for member in (self.first, self.second):
                if member:
                    member.close()

    def join(self):
        self.everything = self.feeder.create(self.topic)
        self.sent = self.feeder.feed(self.topic)
        self.first = self.adapter.join(self.group, topics=[self.topic])
        await_share(self.everything, self.first)
        await_values(self.sent, self.first)

    def second_comes(self):
        if "commit" in self.adapter.offers:
            self.first.commit()
        self.second = self.adapter.join(self.group, topics=[self.topic])
        await_share(self.everything, self.first, self.second)
        self.sent |= self.feeder.feed(self.topic)
        await_values(self.sent, self.first, self.second)

    def second_goes(self):
        if "commit" in self.adapter.offers:
            self.first.commit()
            self.second.commit()
        gone, self.second = self.second, None
        gone.close()
        await_share(self.everything, self.first)
        self.sent |= self.feeder.feed(self.topic)
        await_values(self.sent, self.first, gone)

    def third_resumes(self):
        if "commit" in self.adapter.offers:
            self.first.commit()
        self.first.close()
        later = self.feeder.feed(self.topic)
        self.first = self.adapter.join(self.group, topics=[self.topic])
        await_values(later, self.first)


def static(adapter, feeder, base):
    """A static member that comes back finds its partitions, and the other one notices nothing (KIP-345)."""
    adapter.needs("static")
    topic = f"c{base}.{adapter.name}.static"
    everything = feeder.create(topic)
    one = adapter.join(f"{topic}.members", topics=[topic], instance="one")
    two = None
    try:
        await_share(everything, one)
        two = adapter.join(f"{topic}.members", topics=[topic], instance="two")
        await_share(everything, one, two)
        held, calls = one.assignment(), two.rebalances
        one.close(leave=False)
        one = adapter.join(f"{topic}.members", topics=[topic], instance="one")
        wait_for(lambda: one.assignment() == held, lambda: f"{sorted(one.assignment())} instead of {sorted(held)}")
        sent = feeder.feed(topic)
        await_values(sent, one, two)
        two.assignment()
        if two.rebalances != calls:
            raise AssertionError(f"the other member went through {two.rebalances - calls} rebalances")
    finally:
        for member in (one, two):
            if member:
                member.close()


def cooperative(adapter, feeder, base):
    """cooperative-sticky: who stays keeps its partitions but for those that move."""
    adapter.needs("cooperative")
    topic = f"c{base}.{adapter.name}.cooperative"
    everything = feeder.create(topic)
    one = adapter.join(f"{topic}.members", topics=[topic], strategy="cooperative-sticky")
    two = None
    try:
        await_share(everything, one)
        two = adapter.join(f"{topic}.members", topics=[topic], strategy="cooperative-sticky")
        await_share(everything, one, two)
        two.close()
        await_share(everything, one)
        sizes = [len(held) for held in one.history]
        if min(sizes[sizes.index(len(everything)):]) < len(everything) // 2:
            raise AssertionError(f"the member that stayed held {sizes} partitions in turn")
        sent = feeder.feed(topic)
        await_values(sent, one)
    finally:
        for member in (one, two):
            if member:
                member.close()


def pattern(adapter, feeder, base):
    """Topics by pattern; one that is made later joins them."""
    adapter.needs("pattern")
    stem = f"c{base}.{adapter.name}.pattern"
    everything = set()
    for letter in "abc":
        everything |= feeder.create(f"{stem}.{letter}", 1)
    feeder.create(f"other.{stem}.a", 1)
    member = adapter.join(f"{stem}.members", pattern="^" + stem.replace(".", r"\.") + r"\..*")
    try:
        wait_for(lambda: member.assignment() == everything, lambda: f"{sorted(member.assignment())} assigned")
        sent = set().union(*(feeder.feed(topic, 1) for topic, _ in sorted(everything)))
        await_values(sent, member)
        everything |= feeder.create(f"{stem}.d", 1)
        wait_for(lambda: member.assignment() == everything, lambda: f"{sorted(member.assignment())} assigned")
    finally:
        member.close()


def dead_member(adapter, feeder, base):
    """A member that dies without a word loses its partitions when its session times out."""
    adapter.needs("die")
    topic = f"c{base}.{adapter.name}.dead"
    everything = feeder.create(topic)
    one = adapter.join(f"{topic}.members", topics=[topic])
    two = None
    try:
        await_share(everything, one)
        two = adapter.join(f"{topic}.members", topics=[topic])
        await_share(everything, one, two)
        two.close(leave=False)
        two = None
        await_share(everything, one)
        await_values(feeder.feed(topic), one)
    finally:
        for member in (one, two):
            if member:
                member.close()


def administration(adapter, report, feeder, base):
    topic = f"c{base}.{adapter.name}.groupadmin"
    group = f"{topic}.members"
    wanted = [n for n in ("list", "describe", "offsets", "delete") if report.selects(f"groups.{n}")]
    if not wanted or not {"group-admin", "commit"} <= adapter.offers:
        return
    everything, member = set(), None

    def listed():
        nonlocal everything, member
        everything = feeder.create(topic)
        member = adapter.join(group, topics=[topic])
        await_share(everything, member)
        wait_for(lambda: group in adapter.list_groups(), "the group in the list")

    def described():
        state, members = adapter.describe_group(group)
        if state.lower() != "stable" or members != 1:
            raise AssertionError(f"state {state}, {members} members; expected Stable, 1")

    def offsets():
        await_values(feeder.feed(topic, each=7), member)
        member.commit()
        got = adapter.group_offsets(group)
        if got != {where: 7 for where in everything}:
            raise AssertionError(f"committed offsets {got}, expected 7 in each of {PARTITIONS} partitions")

    def deleted():
        nonlocal member
        adapter.needs("delete-groups")
        try:
            adapter.delete_group(group)
        except Exception:
            pass
        else:
            raise AssertionError("a group with a member was deleted")
        member.close()
        member = None
        wait_for(lambda: adapter.describe_group(group)[0].lower() == "empty", "the group without its member")
        adapter.delete_group(group)
        wait_for(lambda: group not in adapter.list_groups(), "the group gone from the list")

    try:
        for name, body in (("list", listed), ("describe", described), ("offsets", offsets), ("delete", deleted)):
            report.check(f"groups.{name}", body)
    finally:
        if member:
            member.close()
