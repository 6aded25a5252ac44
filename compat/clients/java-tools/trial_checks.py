"""Tools that try a broker out, those that look at it as a cluster, and what they say where it refuses."""
import json
import re
import subprocess

from harness import batches, wire
from harness.report import Skip, wait_for


def run(adapter, report, base):
    # What is of no interest over TLS is in section admin, of which run-tls takes two checks.
    tools, topic = adapter.tools, f"c{base}.java-tools.trial"
    report.check("produce.verifiable", lambda: verifiable_producer(tools, f"{topic}.verifiable"))
    report.check("groups.verifiable", lambda: verifiable_consumer(tools, adapter, f"{topic}.verified"))
    report.check("produce.e2e-latency", lambda: latency(tools, f"{topic}.latency"))
    report.check("admin.get-offsets", lambda: get_offsets(tools, adapter, f"{topic}.offsets"))
    report.check("admin.replica-verification", lambda: replicas(tools, adapter, f"{topic}.replicas"))
    report.check("admin.cluster-tool", lambda: cluster(tools))
    report.check("admin.reassign-generate", lambda: reassignment(tools, adapter, f"{topic}.reassigned"))
    report.check("admin.reset-offsets", lambda: resets(tools, adapter, f"{topic}.resets"))
    report.check("admin.refusals", lambda: refusals(tools, adapter))


def verifiable_producer(tools, topic, count=500):
    out = tools.text("verifiable-producer", "--topic", topic, "--max-messages", str(count), "--acks", "-1")
    events = [json.loads(line) for line in out.splitlines() if line.startswith("{")]
    acknowledged = {e["value"]: e["offset"] for e in events if e["name"] == "producer_send_success"}
    if sorted(acknowledged.values()) != list(range(count)) or sorted(acknowledged, key=int) != [str(i) for i in range(count)]:
        raise AssertionError(f"{len(acknowledged)} of {count} acknowledged, offsets {sorted(acknowledged.values())[-1:]}")


def verifiable_consumer(tools, adapter, topic, count=400):
    adapter.prepare(topic, 2)
    for partition in range(2):
        wire.produce(adapter.raw, topic, partition, batches.build([(None, b"%d" % i, [], 1_000_000) for i in range(count // 2)]))
    consumer = tools.start("verifiable-consumer", "--topic", topic, "--group-id", f"{topic}.group", "--max-messages", str(count),
                           "--reset-policy", "earliest", "--command-config", tools.config,
                           stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        out, _ = consumer.communicate(timeout=40)
    finally:
        consumer.kill()
    events = [json.loads(line) for line in out.splitlines() if line.startswith("{")]
    read = sum(e["count"] for e in events if e["name"] == "records_consumed")
    last = {p["partition"]: p["offset"] for e in events if e["name"] == "offsets_committed" and e["success"] for p in e["offsets"]}
    if read != count or last != {0: count // 2, 1: count // 2}:
        raise AssertionError(f"{read} records read, offsets {last} committed")


def latency(tools, topic):
    # It makes the topic, and reads back each record before it sends the next.
    out = tools.text("e2e-latency", "--topic", topic, "--num-records", "100", "--producer-acks", "all", "--record-size", "50")
    if not re.search(r"^Avg latency: [\d.]+ ms$", out, re.M):
        raise AssertionError(out[-200:])


def get_offsets(tools, adapter, topic):
    adapter.prepare(topic, 2)
    wire.produce(adapter.raw, topic, 1, batches.build([(None, b"v", [], 1_000_000 + 1000 * i) for i in (0, 5, 2)]))
    for time, wanted in (("latest", "0:0 1:3"), ("earliest", "0:0 1:0"), ("max-timestamp", "1:1"), ("1001000", "1:1")):
        out = tools.text("get-offsets", "--topic", topic, "--time", time)
        got = " ".join(line.removeprefix(f"{topic}:") for line in sorted(out.split()) if not line.endswith(":"))
        if got != wanted:
            raise AssertionError(f"--time {time}: {got}, expected {wanted}")


def replicas(tools, adapter, topic):
    """It reads as Kafka's debugging consumer, whose replica id is -2."""
    if adapter.tls:
        raise Skip("the tool knows no TLS")
    adapter.prepare(topic, 1)
    wire.produce(adapter.raw, topic, 0, batches.build([(None, b"v", [], 1_000_000)] * 7))
    command = [*tools.command("replica-verification")[:2], "--broker-list", tools.bootstrap, "--topics-include", topic.replace(".", r"\."),
               "--time", "-1", "--report-interval-ms", "500"]
    process = subprocess.Popen(command, env=tools.environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        lines = [next(line for line in process.stdout if "max lag" in line) for _ in range(2)]
    finally:
        process.kill()
    if f"max lag is 0 for partition {topic}-0" not in lines[1]:
        raise AssertionError(lines[1])


def cluster(tools):
    identity = tools.text("cluster", "cluster-id")
    endpoints = tools.text("cluster", "list-endpoints")
    if not re.search(r"Cluster ID: \S{22}$", identity, re.M) or not re.search(r"\bunfenced\b.*\bbroker\b", endpoints):
        raise AssertionError(f"{identity} {endpoints}")
    features = subprocess.run(options_first(tools, "features", "describe"), env=tools.environment, capture_output=True, text=True,
                              timeout=40, check=True).stdout
    if not re.search(r"Feature: metadata\.version\s.*FinalizedVersionLevel: \S", features):
        raise AssertionError(features[:200])


def options_first(tools, name, *words):
    """For tools that take the broker's address before a subcommand."""
    return [*tools.command(name), "--command-config", tools.config, *words]


def reassignment(tools, adapter, topic):
    adapter.prepare(topic, 2)
    plan = tools.file(json.dumps({"topics": [{"topic": topic}], "version": 1}), "json")
    node = re.search(r"\(id: (\d+)", tools.text("broker-api-versions"))[1]
    out = tools.text("reassign-partitions", "--generate", "--topics-to-move-json-file", plan, "--broker-list", node)
    current = json.loads(next(line for line in out.splitlines() if line.startswith("{")))
    if [p["replicas"] for p in current["partitions"]] != [[int(node)]] * 2 or current["partitions"][0]["log_dirs"] == ["any"]:
        raise AssertionError(f"{current}")


def resets(tools, adapter, topic):
    """All the ways of kafka-consumer-groups to say where a group goes on."""
    adapter.prepare(topic, 1)
    wire.produce(adapter.raw, topic, 0, batches.build([(None, b"v", [], 1_000_000_000_000 + 1000 * i) for i in range(10)]))
    group = f"{topic}.group"

    def reset(*way):
        out = tools.text("consumer-groups", "--reset-offsets", "--group", group, "--topic", topic, *way)
        return out.split()[-1].split(",")[-1]

    for way, wanted in ((("--to-earliest",), "0"), (("--to-offset", "7"), "7"), (("--shift-by", "-2"), "5"),
                        (("--to-datetime", "2001-09-09T01:46:43.000"), "3"), (("--to-current",), "3"), (("--shift-by", "100"), "10")):
        got = reset(*way, "--execute")
        if got != wanted:
            raise AssertionError(f"{' '.join(way)}: {got}, expected {wanted}")
    exported = tools.text("consumer-groups", "--reset-offsets", "--group", group, "--topic", topic, "--to-offset", "4", "--dry-run",
                          "--export")
    table = tools.file("\n".join(line for line in exported.splitlines() if "," in line), "csv")
    tools.text("consumer-groups", "--reset-offsets", "--group", group, "--from-file", table, "--execute")
    out = tools.text("consumer-groups", "--describe", "--group", group, "--offsets")
    wait_for(lambda: re.search(rf"{re.escape(topic)}\s+0\s+4\s+10\s+6\b", out), lambda: f"offset 4, end 10, lag 6 in {out}")


# What is not there is not advertised; a tool says so in one line. With the keys of the APIs.
REFUSALS = (
    (("transactions", "list"), "LIST_TRANSACTIONS", 66), (("acls", "--list"), "DESCRIBE_ACLS", 29),
    (("configs", "--describe", "--entity-type", "users"), "DESCRIBE_CLIENT_QUOTAS", 48),
    (("leader-election", "--election-type", "preferred", "--all-topic-partitions"), "ELECT_LEADERS", 43),
    (("metadata-quorum", "describe", "--status"), "DESCRIBE_QUORUM", 55),
)


def refusals(tools, adapter):
    served = wire.api_versions(adapter.raw)
    for (name, *words), api, key in REFUSALS:
        if key in served:
            continue
        done = subprocess.run(options_first(tools, name, *words), env=tools.environment, capture_output=True, text=True, timeout=40,
                              check=False)
        said = done.stdout + done.stderr
        if done.returncode == 0 or f"does not support {api}" not in said:
            raise AssertionError(f"{name} {' '.join(words)}: exit code {done.returncode}: {said[:300]}")
