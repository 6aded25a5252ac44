"""A group member for libraries whose consumer belongs to one thread: that thread polls and commits."""
import threading

from harness.adapter import Member

SECONDS = 30


class PollingMember(Member):
    """A subclass says how to `open`, `poll_once`, `commit_now` and `close_now`; all four run in the member's thread, and so
    do the calls of its rebalance listener, which go to `assigned` and `revoked`."""

    def __init__(self):
        self.records, self.held, self.history = [], set(), []
        self.rebalances, self.problem = 0, None
        self.closing, self.leaves = threading.Event(), True
        self.committed, self.asked = threading.Event(), False
        self.thread = threading.Thread(target=self.live, daemon=True)
        self.thread.start()

    def live(self):
        try:
            self.open()
            while not self.closing.is_set():
                if self.asked:
                    self.asked = False
                    self.commit_now(self.positions())
                    self.committed.set()
                self.poll_once()
        except Exception as problem:
            self.problem = problem
        finally:
            try:
                self.close_now()
            except Exception as problem:
                self.problem = self.problem or problem

    def assigned(self, held):
        """All that the member holds from now on."""
        self.held = set(held)
        self.history.append(self.held)
        self.rebalances += 1

    def revoked(self, held):
        """What is left after partitions were taken away."""
        self.held = set(held)

    def positions(self):
        """{(topic, partition): next offset} of what was taken and is still held"""
        return {(topic, r.partition): r.offset + 1 for topic, r in self.records if (topic, r.partition) in self.held}

    def assignment(self):
        if self.problem:
            raise self.problem
        return self.held

    def taken(self):
        return list(self.records)

    def commit(self):
        self.committed.clear()
        self.asked = True
        if not self.committed.wait(SECONDS):
            raise self.problem or AssertionError(f"no commit within {SECONDS} s")

    def close(self, leave=True):
        if not self.closing.is_set():
            self.leaves = leave
            self.closing.set()
            self.thread.join()
            self.held = set()
