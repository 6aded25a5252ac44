"""Two workers of Kafka Connect with a source and a sink: what they keep in their three compacted topics is all that they have."""
import glob
import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.dirname(HERE), f"{HERE}/../../clients"]

from harness import wire  # noqa: E402
from harness.broker import free_port  # noqa: E402
from harness.report import wait_for  # noqa: E402
from report import Report  # noqa: E402

LIBRARIES = f"{os.environ['KAFKA_KIT']}/libs-4.4.0/*"
JAVA = ["java", "-Xmx256m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn"]
SECONDS = 60


class Worker:
    """One process, which answers by HTTP."""

    def __init__(self, folder, bootstrap, run, number):
        self.port, self.log = free_port(), f"{folder}/worker-{number}.log"
        settings = {
            "bootstrap.servers": bootstrap, "group.id": f"connect-{run}", "listeners": f"http://127.0.0.1:{self.port}",
            "key.converter": "org.apache.kafka.connect.storage.StringConverter",
            "value.converter": "org.apache.kafka.connect.json.JsonConverter", "offset.flush.interval.ms": "200",
            "scheduled.rebalance.max.delay.ms": "500", "offset.storage.partitions": "3", "status.storage.partitions": "2",
            "session.timeout.ms": "6000", "heartbeat.interval.ms": "500", "consumer.session.timeout.ms": "6000",
            "plugin.discovery": "only_scan"}
        for topic in ("config", "offset", "status"):
            settings |= {f"{topic}.storage.topic": f"connect-{run}-{topic}", f"{topic}.storage.replication.factor": "1"}
        path = f"{folder}/worker-{number}.properties"
        with open(path, "w") as file:
            file.writelines(f"{key}={value}\n" for key, value in settings.items())
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(
                [*JAVA, "-cp", f"{folder}/classes:{LIBRARIES}", "org.apache.kafka.connect.cli.ConnectDistributed", path],
                stdout=log, stderr=log)

    def ask(self, method, path, body=None):
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", method=method,
                                         data=None if body is None else json.dumps(body).encode(),
                                         headers={"Content-Type": "application/json"})
        # While the workers divide their work anew, they refuse.
        for _ in range(300):
            try:
                with urllib.request.urlopen(request, timeout=30) as answer:
                    return json.loads(answer.read() or b"null")
            except urllib.error.HTTPError as refusal:
                if refusal.code not in (404, 409, 500, 503):
                    raise AssertionError(f"{method} {path}: {refusal.code} {refusal.read()[:200]!r}") from None
            except OSError:
                if self.process.poll() is not None:
                    raise AssertionError(f"the worker has ended: {self.tail()}") from None
            time.sleep(0.2)
        raise AssertionError(f"{method} {path}: refused for a minute")

    def tail(self):
        with open(self.log, errors="replace") as log:
            return " | ".join(log.read().splitlines()[-5:])


class Check:
    def __init__(self, bootstrap, folder):
        self.bootstrap, self.folder, self.run = bootstrap, folder, int(time.time())
        self.topic, self.file = f"connect-{self.run}-numbers", f"{folder}/numbers"
        self.workers, self.started = [], 0

    def start(self):
        os.makedirs(f"{self.folder}/classes", exist_ok=True)
        if not self.started:
            subprocess.run(["javac", "-nowarn", "-cp", LIBRARIES, "-d", f"{self.folder}/classes", *glob.glob(f"{HERE}/source/*.java")],
                           check=True)
        self.started += 1
        self.workers.append(Worker(self.folder, self.bootstrap, self.run, self.started))

    def both(self):
        self.start()
        self.start()
        for worker in self.workers:
            worker.ask("GET", "/connectors")
        with wire.Connection(self.bootstrap) as connection:
            topics, _ = wire.metadata(connection, [f"connect-{self.run}-{t}" for t in ("config", "offset", "status")])
        if [count for _, count in topics.values()] != [1, 3, 2]:
            raise AssertionError(f"{topics}")

    def source(self, count):
        # By the second worker: the first one may be the leader, to whom it goes on.
        self.workers[-1].ask("PUT", "/connectors/numbers/config", {
            "connector.class": "CountingSource", "tasks.max": "1", "topic": self.topic, "count": str(count)})

    def through(self):
        self.source(300)
        self.workers[0].ask("PUT", "/connectors/lines/config", {
            "connector.class": "FileSink", "tasks.max": "1", "topics": self.topic, "file": self.file})
        self.arrived(300)
        states = self.workers[0].ask("GET", "/connectors?expand=status")
        tasks = [t["state"] for c in states.values() for t in c["status"]["tasks"]]
        if tasks != ["RUNNING", "RUNNING"]:
            raise AssertionError(f"{states}")

    def lines(self):
        if not os.path.exists(self.file):
            return []
        with open(self.file) as file:
            return [int(line.split()[1]) for line in file.read().splitlines()]

    def arrived(self, count):
        """Each number, in order; what a dead worker had not committed may come twice."""
        wait_for(lambda: len(set(self.lines())) == count, lambda: f"{len(set(self.lines()))} of {count} numbers", SECONDS)
        lines = self.lines()
        if sorted(set(lines)) != list(range(count)) or list(dict.fromkeys(lines)) != list(range(count)):
            raise AssertionError(f"{lines[:5]}...: not the numbers in their order")

    def offsets(self, count):
        def stored():
            return self.workers[-1].ask("GET", "/connectors/numbers/offsets")["offsets"]

        wanted = [{"partition": {"counter": "only"}, "offset": {"next": count}}]
        wait_for(lambda: stored() == wanted, lambda: f"{stored()}, expected {wanted}", SECONDS)

    def killed(self):
        """The other worker takes over, from the offsets topic; a source that is raised goes on where it was."""
        self.offsets(300)
        self.workers.pop(0).process.kill()
        self.source(450)
        self.arrived(450)

    def restarted(self):
        """All that there was is gone; a new worker reads it from the topics."""
        self.offsets(450)
        last = self.workers.pop()
        last.process.terminate()
        last.process.wait(SECONDS)
        self.start()
        self.source(500)
        self.arrived(500)

    def reset(self):
        """Offsets are taken back: tombstones in the offsets topic, and the deletion of the sink's group's offsets."""
        worker = self.workers[-1]
        for name in ("numbers", "lines"):
            worker.ask("PUT", f"/connectors/{name}/stop")
            wait_for(lambda: worker.ask("GET", f"/connectors/{name}/status")["connector"]["state"] == "STOPPED", f"{name} to stop")
            wait_for(lambda: worker.ask("GET", f"/connectors/{name}/status")["tasks"] == [], f"{name}'s task to end")
            worker.ask("DELETE", f"/connectors/{name}/offsets")
            if worker.ask("GET", f"/connectors/{name}/offsets")["offsets"]:
                raise AssertionError(f"{name} still has offsets")


def main():
    with tempfile.TemporaryDirectory() as folder:
        check, report = Check(sys.argv[1], folder), Report("connect")
        try:
            for name, body in (("workers", check.both), ("source-to-sink", check.through), ("worker-killed", check.killed),
                               ("restarted", check.restarted), ("offsets-reset", check.reset)):
                report.check(name, body)
        finally:
            for worker in check.workers:
                worker.process.kill()
    return report.finish()


if __name__ == "__main__":
    sys.exit(main())
