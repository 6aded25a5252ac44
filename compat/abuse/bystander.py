"""The well-behaved client: one record produced with acks=all and read back, one new connection, again and again."""
import threading
import time

from harness import batches, wire

TRIPS = 200
TOPIC = "bystander"
# Against noise on a small and busy machine: a stall of the broker is far above both.
FLOOR_MEDIAN_MS, FLOOR_P99_MS, LIMIT_MS = 3.0, 100.0, 1500.0
MEDIAN_RATIO, P99_RATIO = 4.0, 12.0


class Latencies:
    def __init__(self, values):
        self.values = values

    def merge(self, other):
        self.values = self.values + other.values

    def median(self):
        return sorted(self.values)[len(self.values) // 2]

    def p99(self):
        return sorted(self.values)[int(len(self.values) * 0.99)]

    def compare(self, before, floor_p99_ms=FLOOR_P99_MS):
        """Raises where the difference cannot be noise."""
        if self.median() > max(FLOOR_MEDIAN_MS, MEDIAN_RATIO * before.median()):
            raise AssertionError(f"the well-behaved client's median is {self.median():.1f} ms, {before.median():.1f} ms before")
        if self.p99() > max(floor_p99_ms, P99_RATIO * before.p99()):
            raise AssertionError(f"the well-behaved client's p99 is {self.p99():.1f} ms, {before.p99():.1f} ms before")
        if max(self.values) > LIMIT_MS:
            raise AssertionError(f"the well-behaved client waited {max(self.values):.0f} ms once")


class Bystander:
    def __init__(self, bootstrap, tls=None):
        self.bootstrap, self.tls = bootstrap, tls
        self.connection = wire.Connection(bootstrap, tls)
        wire.create_topic(self.connection, TOPIC, 1)
        wire.await_leaders(self.connection, TOPIC, 1)
        # The first requests pay for what a broker does once.
        self.measure()
        self.measure()

    def trip(self, number):
        """Milliseconds for one record there and back; every twentieth trip on a connection of its own."""
        began = time.perf_counter()
        connection = wire.Connection(self.bootstrap, self.tls) if number % 20 == 0 else self.connection
        value = str(number).encode()
        offset = wire.produce(connection, TOPIC, 0, batches.build([(None, value, [], 1_000_000)]))
        _, found = wire.fetch(connection, TOPIC, 0, offset)
        took = (time.perf_counter() - began) * 1000
        if connection is not self.connection:
            connection.close()
        if not any(r.offset == offset and r.value == value for batch in found for r in batch.records):
            raise AssertionError(f"record {number} was not read back")
        return took

    def measure(self):
        return Latencies([self.trip(number) for number in range(1, TRIPS + 1)])

    def begin(self):
        """Measures in the background until `end`."""
        self.running, self.values, self.problem = True, [], None
        self.thread = threading.Thread(target=self.work, daemon=True)
        self.thread.start()

    def work(self):
        number = 0
        try:
            while self.running:
                number += 1
                self.values.append(self.trip(number))
        except Exception as problem:
            self.problem = problem

    def end(self):
        self.running = False
        self.thread.join(60)
        if self.problem:
            raise AssertionError(f"the well-behaved client failed: {self.problem}")
        return Latencies(self.values)

    def close(self):
        self.connection.close()
