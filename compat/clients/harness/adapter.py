"""What the checks ask of a client library. A client's folder holds one subclass; the checks are the same for all."""
import os
import sys

from harness import records, wire
from harness.report import Skip


class Adapter:
    # The name under which this client's topics stand; `variant` for clients that are run in several versions.
    name = ""
    variant = None
    # What the library offers, of: create, delete, partitions, configs, alter-configs, create-partitions, delete-records,
    # cluster, offsets (the producer learns where its records went), reset, groups, commit, static, cooperative, pattern,
    # group-admin, delete-group-offsets.
    offers = frozenset()

    def __init__(self, bootstrap, tls):
        self.bootstrap, self.tls = bootstrap, tls

    def needs(self, *what):
        for one in what:
            if one not in self.offers:
                raise Skip(f"{self.name} has no {one}")

    # Producing and consuming

    def produce(self, topic, messages, codec, mode):
        """Sends all and waits for the acknowledgements. Returns [(partition, offset)], or None where it cannot know."""
        raise NotImplementedError

    def consume(self, topic, positions, count, reset="error"):
        """Reads `count` records from assigned partitions, `positions` being {partition: offset}."""
        raise NotImplementedError

    def bounds(self, topic, partition):
        """(log start offset, end offset)"""
        raise NotImplementedError

    def offset_at(self, topic, partition, timestamp):
        """The first offset whose timestamp is not before `timestamp`; None where there is none."""
        raise NotImplementedError

    def cross_codecs(self, peer):
        """The codecs in which this client reads what `peer` produced."""
        return records.codecs_of(peer)

    # Administration

    def create_topic(self, topic, partitions, configs=None):
        raise NotImplementedError

    def delete_topic(self, topic):
        raise NotImplementedError

    def partitions(self, topic):
        """The number of partitions by the client's metadata; 0 where the topic does not exist."""
        raise NotImplementedError

    def prepare(self, topic, partitions, configs=None):
        """Creates a topic (for a client that cannot do it itself, by the raw protocol) and waits for its leaders."""
        with wire.Connection(self.bootstrap, self.tls) as connection:
            if "create" in self.offers:
                self.create_topic(topic, partitions, configs or {})
            else:
                wire.create_topic(connection, topic, partitions, configs or {})
            wire.await_leaders(connection, topic, partitions)

    # Groups

    def join(self, group, topics=None, pattern=None, instance=None, strategy="range"):
        """A `Member` that polls in the background until it is closed."""
        raise NotImplementedError

    # TLS

    def attempt(self, tls, seconds):
        """One small round trip with these TLS files (false: plaintext); raises where the broker refuses."""
        raise NotImplementedError

    def close(self):
        pass


class Member:
    """One consumer of a group. `assignment()` and `taken()` may be called at any time from the checks' thread."""

    def assignment(self):
        """The set of (topic, partition) that it holds now."""
        raise NotImplementedError

    def taken(self):
        """The records so far, as [(topic, Record)]."""
        raise NotImplementedError

    def commit(self):
        """Commits, synchronously, what was taken so far."""
        raise NotImplementedError

    def close(self, leave=True):
        """Stops it; with leave=False as a process dies, without LeaveGroup."""
        raise NotImplementedError


def directory_of(file):
    return os.path.dirname(os.path.abspath(file))


def complain(text):
    print(text, file=sys.stderr, flush=True)
