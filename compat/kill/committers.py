"""Members of a group that read, commit and come back by themselves after every death of the broker. What was committed and
acknowledged must never go back."""
import threading
import time

from harness import wire, wire_groups

GROUP = "killed.members"
HEARTBEAT_SECONDS = 0.3
UNKNOWN_MEMBER_ID, ILLEGAL_GENERATION = 25, 22
# After these a member joins anew; after the others it looks for its coordinator first.
JOIN_AGAIN = {UNKNOWN_MEMBER_ID, ILLEGAL_GENERATION, wire_groups.REBALANCE_IN_PROGRESS}


class Book:
    """The highest acknowledged commit of every partition, whoever made it."""

    def __init__(self):
        self.lock, self.highest = threading.Lock(), {}

    def note(self, positions):
        with self.lock:
            for where, offset in positions.items():
                self.highest[where] = max(self.highest.get(where, 0), offset)

    def compare(self, committed, when):
        """What the broker says was committed, against what it acknowledged before it was asked."""
        back = {where: (offset, committed.get(where, -1)) for where, offset in when.items() if committed.get(where, -1) < offset}
        if back:
            where, (was, now) = next(iter(back.items()))
            raise AssertionError(f"the committed offset of {where[0]}-{where[1]} went back from {was} to {now}")

    def now(self):
        with self.lock:
            return dict(self.highest)


class Committer(threading.Thread):
    def __init__(self, bootstrap, topic, count, book):
        super().__init__(daemon=True)
        self.bootstrap, self.topic, self.count, self.book = bootstrap, topic, count, book
        self.member, self.generation, self.held = "", -1, set()
        self.joins = self.commits = 0
        self.ending, self.problem, self.partition = threading.Event(), None, GROUP

    def run(self):
        while not self.ending.is_set():
            try:
                with wire.Connection(self.bootstrap, seconds=30) as connection:
                    wire_groups.find_coordinator(connection, GROUP)
                    self.session(connection)
            except OSError:
                # Dead, or not yet back.
                time.sleep(0.005)
            except wire.ErrorCode as problem:
                if problem.code not in wire.COORDINATOR_NOT_READY and problem.code not in JOIN_AGAIN:
                    self.problem = problem
                    return
                time.sleep(0.005)
            except Exception as problem:
                self.problem = problem
                return

    def session(self, connection):
        """On one connection: a member that was known before the broker died tries to go on as it was."""
        if self.generation < 0 or not self.alive(connection):
            self.enter(connection)
        # Read before the answer is asked for: another member may commit in between.
        known = self.book.now()
        stored = wire_groups.committed(connection, GROUP, {(self.topic, p) for p in range(self.count)})
        self.book.compare(stored, known)
        positions = {where: max(0, stored.get(where, 0)) for where in self.held}
        heard = time.monotonic()
        while not self.ending.is_set():
            if time.monotonic() - heard > HEARTBEAT_SECONDS:
                if not self.alive(connection):
                    self.generation = -1
                    return
                heard = time.monotonic()
            for where, position in positions.items():
                _, found = wire.fetch(connection, *where, position, wait_ms=20)
                positions[where] = max([position, *(r.offset + 1 for batch in found for r in batch.records)])
            if positions:
                wire_groups.commit(connection, GROUP, self.generation, self.member, None, positions)
                self.book.note(positions)
                self.commits += 1

    def alive(self, connection):
        code = wire_groups.heartbeat(connection, GROUP, self.generation, self.member, None)
        if code == UNKNOWN_MEMBER_ID:
            self.member = ""
        if code and code not in JOIN_AGAIN:
            raise wire.ErrorCode(code, "Heartbeat")
        return code == 0

    def enter(self, connection):
        self.held, self.generation = set(), -1
        while True:
            code, generation, leader, member, members = wire_groups.join(connection, GROUP, self.member, None, [self.topic])
            if code == wire_groups.MEMBER_ID_REQUIRED:
                self.member = member
                continue
            if code == UNKNOWN_MEMBER_ID:
                self.member = ""
                continue
            wire.expect(code, "JoinGroup")
            shares = {}
            if leader == member:
                names = sorted(m for m, _ in members)
                shares = {m: wire_groups.assignment({self.topic: list(range(i, self.count, len(names)))}) for i, m in enumerate(names)}
            code, data = wire_groups.sync(connection, GROUP, generation, member, None, shares)
            if code in JOIN_AGAIN:
                continue
            wire.expect(code, "SyncGroup")
            self.member, self.generation, self.held = member, generation, wire_groups.held_by(data)
            self.joins += 1
            return
