"""What only the console tools do: performance tests, and the administration of groups."""
import contextlib
import re
import subprocess

from harness import batches, wire
from harness.report import wait_for

import trial_checks

PARTITIONS = 2


def run(adapter, report, base):
    tools = adapter.tools
    report.check("produce.perf-test", lambda: producer_perf(adapter, f"c{base}.java-tools.perf"))
    report.check("admin.list", lambda: listed(tools))
    report.check("admin.api-versions", lambda: api_versions(tools))
    report.check("admin.log-dirs", lambda: log_dirs(tools, adapter, f"c{base}.java-tools.dirs"))
    report.check("admin.broker-configs", lambda: broker_configs(tools))
    report.check("groups.perf-test", lambda: consumer_perf(adapter, f"c{base}.java-tools.perf-consumer"))
    trial_checks.run(adapter, report, base)
    if any(s.split(".")[0] == "groups" for s in report.only):
        GroupTool(adapter, report, base).run()


def producer_perf(adapter, topic, count=20_000):
    adapter.prepare(topic, PARTITIONS)
    out = adapter.tools.run(
        "producer-perf-test", "--topic", topic, "--num-records", str(count), "--record-size", "200", "--throughput", "-1",
        "--command-config", adapter.tools.config, "--command-property", "acks=all", "compression.type=lz4").decode()
    if f"{count} records sent" not in out:
        raise AssertionError(out[-200:])
    there = sum(adapter.bounds(topic, p)[1] for p in range(PARTITIONS))
    if there != count:
        raise AssertionError(f"{there} records in the topic, {count} were sent")


def consumer_perf(adapter, topic, count=5_000):
    adapter.prepare(topic, PARTITIONS)
    for partition in range(PARTITIONS):
        for _ in range(count // PARTITIONS // 100):
            wire.produce(adapter.raw, topic, partition, batches.build([(None, b"x" * 100, [], 1_000_000)] * 100))
    out = adapter.tools.text("consumer-perf-test", "--topic", topic, "--num-records", str(count), "--timeout", "20000",
                             "--group", f"{topic}.members", "--hide-header")
    read = re.search(r"^\S+ \S+, \S+ \S+, [\d.]+, [\d.]+, (\d+),", out, re.M)
    if not read or int(read[1]) < count:
        raise AssertionError(out[-200:])


def listed(tools):
    if "java-tools" not in tools.text("topics", "--list"):
        raise AssertionError("no topic of this run in the list")


def api_versions(tools):
    out = tools.text("broker-api-versions")
    # The tool knows all APIs of its release: every one is either usable or said to be unsupported.
    for name in ("Produce(0)", "Fetch(1)", "ListOffsets(2)", "Metadata(3)", "ApiVersions(18)", "CreateTopics(19)"):
        found = re.search(rf"^\t{re.escape(name)}: (.*?)[,\]]?$", out, re.M)
        if not found or "usable" not in found[1]:
            raise AssertionError(f"{name}: {found and found[1]}")


def log_dirs(tools, adapter, topic):
    adapter.prepare(topic, 1)
    wire.produce(adapter.raw, topic, 0, batches.build([(b"k", b"v" * 1000, [], 1_000_000)]))
    out = tools.text("log-dirs", "--describe", "--topic-list", topic)
    found = re.search(rf'"partition":"{re.escape(topic)}-0","size":(\d+)', out)
    if not found or not 1000 < int(found[1]) < 2000:
        raise AssertionError(out[-300:])


def broker_configs(tools):
    out = tools.text("configs", "--describe", "--all", "--entity-type", "brokers", "--entity-name",
                     str(node_of(tools)))
    if not re.search(r"^  log\.dirs?=\S+ sensitive=false", out, re.M) or "num.partitions=" not in out:
        raise AssertionError(out[:300])


def node_of(tools):
    return re.search(r"\(id: (\d+)", tools.text("broker-api-versions"))[1]


class GroupTool:
    """kafka-consumer-groups on a group of one console consumer, while it lives and after."""

    def __init__(self, adapter, report, base):
        self.adapter, self.report, self.tools = adapter, report, adapter.tools
        self.topic = f"c{base}.java-tools.groups"
        self.group = f"{self.topic}.members"
        self.consumer = None

    def run(self):
        try:
            for name, body in (
                ("console-join", self.join), ("tool-list", self.list), ("tool-describe", self.describe),
                ("tool-members", self.members), ("tool-state", self.state), ("tool-busy", self.busy),
                ("console-resume", self.resume), ("tool-reset-offsets", self.reset),
                ("tool-delete-offsets", self.delete_offsets), ("tool-delete", self.delete),
            ):
                self.report.check(f"groups.{name}", body)
        finally:
            self.stop()

    def tool(self, *arguments, **options):
        return self.tools.text("consumer-groups", *arguments, **options)

    def feed(self, values):
        for partition in range(PARTITIONS):
            wire.produce(self.adapter.raw, self.topic, partition, batches.build([(None, v, [], 1_000_000) for v in values]))

    def stop(self):
        if self.consumer:
            # SIGTERM lets it commit and leave.
            self.consumer.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.consumer.wait(30)
            self.consumer.kill()
            self.consumer = None

    def join(self):
        self.adapter.prepare(self.topic, PARTITIONS)
        self.feed([b"1", b"2", b"3"])
        self.consumer = self.tools.start(
            "console-consumer", "--topic", self.topic, "--group", self.group, "--from-beginning", "--command-config",
            self.tools.config, "--command-property", "auto.commit.interval.ms=200",
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_for(lambda: self.offsets() == {0: 3, 1: 3}, lambda: f"committed offsets {self.offsets()}, expected 3 and 3")

    def rows(self, *what):
        """The table that the tool prints, as {column: cell}."""
        lines = [line.split() for line in self.tool("--describe", "--group", self.group, *what).splitlines() if line.strip()]
        head = next((i for i, line in enumerate(lines) if line[0] == "GROUP"), None)
        return [] if head is None else [dict(zip(lines[head], line)) for line in lines[head + 1:]]

    def offsets(self):
        found = {int(r["PARTITION"]): r["CURRENT-OFFSET"] for r in self.rows() if r.get("TOPIC") == self.topic}
        return {p: int(o) for p, o in found.items() if o != "-"}

    def list(self):
        out = self.tool("--list", "--state")
        if not re.search(rf"^{re.escape(self.group)}\s.*Stable", out, re.M):
            raise AssertionError(f"no line of the group with Stable: {out[:300]}")

    def describe(self):
        for row in self.rows():
            if (row["CURRENT-OFFSET"], row["LOG-END-OFFSET"], row["LAG"]) != ("3", "3", "0") or row["CONSUMER-ID"] == "-":
                raise AssertionError(f"{row}")

    def members(self):
        rows = self.rows("--members", "--verbose")
        if len(rows) != 1 or rows[0]["#PARTITIONS"] != str(PARTITIONS):
            raise AssertionError(f"{rows}")

    def state(self):
        # COORDINATOR (ID) is two words.
        out = self.tool("--describe", "--group", self.group, "--state")
        if not re.search(rf"^{re.escape(self.group)}\s.*\brange\b.*\bStable\b.*\b1\b", out, re.M):
            raise AssertionError(out[:300])

    def busy(self):
        out = self.tool("--delete", "--group", self.group, code=None)
        if "GroupNotEmptyException" not in out:
            raise AssertionError(f"a group with a member: {out[:300]}")

    def resume(self):
        self.stop()
        wait_for(lambda: "Empty" in self.tool("--list", "--state", "empty"), "the group without its member")
        self.feed([b"4", b"5"])
        out = self.tools.run("console-consumer", "--topic", self.topic, "--group", self.group, "--from-beginning",
                             "--max-messages", "4", "--timeout-ms", "20000", "--command-config", self.tools.config)
        if sorted(out.split()) != [b"4", b"4", b"5", b"5"]:
            raise AssertionError(f"read {out!r} after 1, 2 and 3 were committed")

    def reset(self):
        self.tool("--reset-offsets", "--group", self.group, "--topic", self.topic, "--to-earliest", "--execute")
        wait_for(lambda: self.offsets() == {0: 0, 1: 0}, lambda: f"committed offsets {self.offsets()}, expected 0 and 0")
        self.tool("--reset-offsets", "--group", self.group, "--topic", f"{self.topic}:1", "--to-offset", "2", "--execute")
        wait_for(lambda: self.offsets() == {0: 0, 1: 2}, lambda: f"committed offsets {self.offsets()}, expected 0 and 2")

    def delete_offsets(self):
        self.tool("--delete-offsets", "--group", self.group, "--topic", f"{self.topic}:1")
        wait_for(lambda: self.offsets() == {0: 0}, lambda: f"committed offsets {self.offsets()}, expected those of partition 0 alone")

    def delete(self):
        self.tool("--delete", "--group", self.group)
        wait_for(lambda: self.group not in self.tool("--list"), "the group gone from the list")
