"""kcat as the checks see it: one process for every step. Its records come out in a form that holds any byte."""
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading

sys.path.insert(0, __file__.rsplit("/", 2)[0])

from harness.adapter import Adapter, Member, directory_of  # noqa: E402
from harness.records import Record  # noqa: E402
from harness.suite import main  # noqa: E402

SECONDS = 30
# Lengths first, so that the content may be anything; kcat shows headers too, but not so that they can be told apart.
FORMAT = r"%t %p %o %T %K %S\n%k%s\n"


class Kcat(Adapter):
    name = "kcat"
    # It shows a missing topic's metadata and creates it by producing, no more than that.
    offers = frozenset(("reset", "groups", "static", "cooperative", "pattern", "die"))

    def settings(self, tls=None):
        tls = self.tls if tls is None else tls
        chosen = ["-b", self.bootstrap]
        if tls:
            chosen += ["-X", "security.protocol=ssl", "-X", f"ssl.ca.location={tls.ca}"]
            if tls.certificate:
                chosen += ["-X", f"ssl.certificate.location={tls.certificate}", "-X", f"ssl.key.location={tls.key}"]
        return chosen

    def kcat(self, *arguments, given=None, seconds=SECONDS, tls=None):
        command = ["kcat", *self.settings(tls), *arguments]
        try:
            done = subprocess.run(command, input=given, capture_output=True, timeout=seconds, check=False)
        except subprocess.TimeoutExpired as late:
            raise AssertionError(f"kcat {' '.join(arguments)}: no end within {seconds} s; it says: "
                                 f"{(late.stderr or b'').decode(errors='replace')[-300:]}") from None
        if done.returncode != 0:
            raise AssertionError(f"kcat {' '.join(arguments)}: exit code {done.returncode}: {done.stderr.decode(errors='replace')}")
        return done.stdout

    def produce(self, topic, messages, codec, mode):
        how = ["-X", "enable.idempotence=true"] if mode == "idempotent" else ["-X", f"topic.acks={mode.removeprefix('acks-')}"]
        partitions = {m.partition for m in messages}
        chosen = ["-p", str(messages[0].partition)] if partitions != {None} else []
        # A tab ends the key, a record separator the value: text has neither.
        text = b"".join(m.key + b"\t" + m.value + b"\x1e" for m in messages)
        self.kcat("-P", "-t", topic, "-z", codec, "-K", r"\t", "-D", r"\x1e", "-X", "linger.ms=20", *chosen, *how, given=text)

    def consume(self, topic, positions, count, reset="error"):
        if len(positions) == 1:
            (partition, offset), = positions.items()
            return self.read(topic, "-p", str(partition), "-o", str(offset), "-c", str(count), reset=reset)
        if set(positions.values()) != {0}:
            raise AssertionError("kcat starts all partitions at one place")
        return self.read(topic, "-o", "beginning", "-c", str(count), reset=reset)

    def read(self, topic, *where, reset="error"):
        out = self.kcat("-C", "-t", topic, *where, "-f", FORMAT, "-u", "-q", "-X", "check.crcs=true",
                        "-X", f"topic.auto.offset.reset={reset}")
        return [r for _, r in parse(out)[0]]

    def bounds(self, topic, partition):
        return self.query(topic, partition, -2), self.query(topic, partition, -1)

    def offset_at(self, topic, partition, timestamp):
        found = self.query(topic, partition, timestamp)
        return None if found < 0 else found

    def query(self, topic, partition, timestamp):
        out = self.kcat("-Q", "-t", f"{topic}:{partition}:{timestamp}").decode()
        return int(re.search(r"offset (-?\d+)", out).group(1))

    def partitions(self, topic):
        out = self.kcat("-L", "-t", topic, "-X", "allow.auto.create.topics=false").decode()
        return int(re.search(r'topic "[^"]*" with (\d+) partitions', out).group(1))

    def join(self, group, topics=None, pattern=None, instance=None, strategy="range"):
        return GroupMember(self.settings(), group, topics or [pattern], instance, strategy)

    def attempt(self, tls, seconds):
        self.kcat("-L", "-m", str(seconds), tls=tls, seconds=seconds + 10)


def parse(data):
    """([(topic, Record)], bytes used): whole records only."""
    found, at = [], 0
    while True:
        line = data.find(b"\n", at)
        if line < 0:
            return found, at
        topic, partition, offset, timestamp, key, value = data[at:line].split()
        sizes = int(key), int(value)
        end = line + 1 + max(0, sizes[0]) + max(0, sizes[1])
        if end >= len(data):
            return found, at
        middle = line + 1 + max(0, sizes[0])
        found.append((topic.decode(), Record(
            int(partition), int(offset), int(timestamp), data[line + 1:middle] if sizes[0] >= 0 else None,
            data[middle:end] if sizes[1] >= 0 else None, None)))
        at = end + 1


class GroupMember(Member):
    """`kcat -G`: its standard error tells of every rebalance. It commits by itself when it ends."""

    def __init__(self, settings, group, topics, instance, strategy):
        command = ["kcat", *settings, "-G", group, "-u", "-f", FORMAT, "-X", "auto.offset.reset=earliest",
                   "-X", "session.timeout.ms=6000", "-X", "heartbeat.interval.ms=300", "-X", "auto.commit.interval.ms=100",
                   "-X", "topic.metadata.refresh.interval.ms=1000", "-X", f"partition.assignment.strategy={strategy}"]
        if instance:
            command += ["-X", f"group.instance.id={instance}"]
        self.output = tempfile.TemporaryFile()
        self.process = subprocess.Popen([*command, *topics], stdout=self.output, stderr=subprocess.PIPE)
        self.held, self.history, self.rebalances, self.said = set(), [], 0, []
        self.thread = threading.Thread(target=self.listen, daemon=True)
        self.thread.start()

    def listen(self):
        for line in self.process.stderr:
            line = line.decode(errors="replace")
            self.said.append(line.strip())
            # "rebalanced (memberid ...): assigned: t [0]"; cooperatively "rebalanced: incremental assignment of 1
            # partition(s) (memberid ...): t [0]".
            told = re.search(r"rebalanced(.*)\(memberid [^)]*\): (.*)$", line)
            if not told:
                continue
            named = {(t, int(p)) for t, p in re.findall(r"([^\s,]+) \[(\d+)\]", told.group(2))}
            if "revoke" in told.group(1) or told.group(2).startswith("revoked"):
                self.held = self.held - named
            else:
                self.held = self.held | named
                self.rebalances += 1
            self.history.append(self.held)

    def assignment(self):
        if self.process.poll() is not None and self.held:
            raise AssertionError(f"kcat -G ended with {self.process.returncode}: {self.said[-1:]}")
        return self.held

    def taken(self):
        self.output.flush()
        size = os.fstat(self.output.fileno()).st_size
        return parse(os.pread(self.output.fileno(), size, 0))[0]

    def close(self, leave=True):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT if leave else signal.SIGKILL)
            try:
                self.process.wait(SECONDS)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.thread.join()
        self.held = set()


if __name__ == "__main__":
    sys.exit(main(Kcat, directory_of(__file__)))
