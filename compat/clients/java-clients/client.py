"""kafka-clients for Java as the checks see it: one Java process that does what is written to it, in the release that the
first argument names."""
import base64
import fcntl
import hashlib
import os
import subprocess
import sys
import tempfile
from glob import glob

sys.path.insert(0, __file__.rsplit("/", 2)[0])

from harness.adapter import Adapter, Member, directory_of  # noqa: E402
from harness.records import Record  # noqa: E402
from harness.suite import main  # noqa: E402

HERE = directory_of(__file__)
KIT = os.environ.get("KAFKA_KIT", "")
OLD = ("reset", "groups", "commit", "offsets", "pattern", "partitions")
ADMIN = OLD + ("create", "delete", "configs", "alter-configs", "create-partitions", "delete-records", "cluster")
GROUPS = ADMIN + ("group-admin", "delete-groups")
ALL = GROUPS + ("static", "cooperative")
# release: (folder of its jar, source folders, what it offers)
RELEASES = {
    "0.10.2.2": ("clients-old", ("no-headers", "no-admin"), OLD),
    "1.1.1": ("clients-old", ("headers", "admin", "alter-whole", "no-group-admin"), ADMIN),
    "2.0.1": ("clients-old", ("headers", "admin", "alter-whole", "group-admin"), GROUPS),
    "2.8.2": ("clients-old", ("headers", "admin", "alter-incremental", "group-admin"), ALL),
    "3.3.2": ("clients-old", ("headers", "admin", "alter-incremental", "group-admin"), ALL),
    "3.9.1": ("libs-3.9.1", ("headers", "admin", "alter-incremental", "group-admin"), ALL),
    "4.4.0": ("libs-4.4.0", ("headers", "admin", "alter-incremental", "group-admin"), ALL),
}


def class_path(release):
    """The client's jar, the codecs', and what prints its warnings."""
    folder = RELEASES[release][0]
    jars = [f"{KIT}/{folder}/kafka-clients-{release}.jar"]
    for stem in ("zstd-jni", "snappy-java", "lz4-java", "slf4j-api", "slf4j-simple", "jackson-databind", "jackson-core",
                 "jackson-annotations"):
        jars += glob(f"{KIT}/libs-4.4.0/{stem}-[0-9]*.jar")
    return ":".join(jars)


def compiled(release):
    """The folder of the agent's classes for this release; compiled once for this source."""
    sources = sorted(s for folder in ("all", *RELEASES[release][1]) for s in glob(f"{HERE}/source/{folder}/*.java"))
    digest = hashlib.sha256(b"".join(open(s, "rb").read() for s in sources)).hexdigest()[:12]
    cache = os.environ.get("CLIENTS_CACHE") or os.path.abspath(f"{HERE}/../../../.build/clients")
    target = f"{cache}/java-{release}-{digest}"
    os.makedirs(target, exist_ok=True)
    with open(f"{target}/lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not os.path.exists(f"{target}/complete"):
            subprocess.run(["javac", "-nowarn", "-Xlint:none", "-cp", class_path(release), "-d", target, *sources],
                           check=True, stdout=subprocess.DEVNULL)
            open(f"{target}/complete", "w").close()
    return target


def word(content):
    return "-" if content is None else "." + base64.b64encode(content).decode()


def content(text):
    return None if text == "-" else base64.b64decode(text[1:])


def headers_word(headers):
    return ",".join(f"{name}:{word(value)}" for name, value in headers) or "none"


def parse(fields):
    topic, partition, offset, timestamp, key, value, headers = fields
    read = None
    if headers != "unknown":
        pairs = [] if headers == "none" else [h.split(":", 1) for h in headers.split(",")]
        read = [(name, content(text)) for name, text in pairs]
    return topic, Record(int(partition), int(offset), int(timestamp), content(key), content(value), read)


class JavaClient(Adapter):
    def __init__(self, release, bootstrap, tls):
        super().__init__(bootstrap, tls)
        self.release, self.name, self.variant = release, f"java-{release}", release
        self.offers = frozenset(RELEASES[release][2])
        self.folder = tempfile.TemporaryDirectory()
        self.stores, self.members, self.asked = 0, 0, 0
        command = ["java", "-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1",
                   f"-Dorg.slf4j.simpleLogger.defaultLogLevel={os.environ.get('CLIENTS_JAVA_LOG', 'off')}",
                   "-cp", f"{compiled(release)}:{class_path(release)}", "Agent", *self.settings(tls)]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def settings(self, tls):
        chosen = [f"bootstrap.servers={self.bootstrap}"]
        if tls:
            chosen += ["security.protocol=SSL", *self.tls_settings(tls)]
        return chosen

    def tls_settings(self, tls):
        if self.release >= "2.8":
            chosen = ["ssl.truststore.type=PEM", f"ssl.truststore.location={tls.ca}"]
            if tls.certificate:
                chosen += ["ssl.keystore.type=PEM", f"ssl.keystore.location={self.joined(tls)}"]
            return chosen
        # Before 2.7 there are key stores only.
        self.stores += 1
        trusted, own = f"{self.folder.name}/trust-{self.stores}.p12", f"{self.folder.name}/own-{self.stores}.p12"
        subprocess.run(["keytool", "-importcert", "-noprompt", "-alias", "ca", "-file", tls.ca, "-keystore", trusted,
                        "-storetype", "PKCS12", "-storepass", "jackdaw"], check=True, capture_output=True)
        chosen = ["ssl.truststore.type=PKCS12", f"ssl.truststore.location={trusted}", "ssl.truststore.password=jackdaw"]
        if tls.certificate:
            subprocess.run(["openssl", "pkcs12", "-export", "-in", tls.certificate, "-inkey", tls.key, "-out", own,
                            "-passout", "pass:jackdaw"], check=True, capture_output=True)
            chosen += ["ssl.keystore.type=PKCS12", f"ssl.keystore.location={own}", "ssl.keystore.password=jackdaw",
                       "ssl.key.password=jackdaw"]
        return chosen

    def joined(self, tls):
        """Certificate and key in one file, the key as PKCS#8, which is what Java reads."""
        if tls.key == tls.certificate:
            return tls.certificate
        self.stores += 1
        path = f"{self.folder.name}/own-{self.stores}.pem"
        key = subprocess.run(["openssl", "pkcs8", "-topk8", "-nocrypt", "-in", tls.key], check=True, capture_output=True).stdout
        with open(path, "wb") as file, open(tls.certificate, "rb") as certificate:
            file.write(key + certificate.read())
        return path

    def ask(self, *words, lines=()):
        """The words of every line of the answer."""
        text = "".join(" ".join(str(w) for w in line) + "\n" for line in (words, *lines))
        self.asked += 1
        self.process.stdin.write(text.encode())
        self.process.stdin.flush()
        answer = []
        while True:
            line = self.process.stdout.readline().decode().rstrip("\n")
            if not line:
                raise AssertionError("the Java process ended")
            kind, _, rest = line.partition(" ")
            if kind not in ("done", "error"):
                answer.append(line.split(" "))
                continue
            number, _, text = rest.partition(" ")
            if int(number) < self.asked:
                # The late answer to a command that was given up.
                answer = []
            elif kind == "done":
                return answer
            else:
                raise AssertionError(text)

    def produce(self, topic, messages, codec, mode):
        lines = [("-" if m.partition is None else m.partition, "-" if m.timestamp is None else m.timestamp,
                  word(m.key), word(m.value), headers_word(m.headers)) for m in messages]
        return [(int(p), int(o)) for _, p, o in self.ask("produce", topic, codec, mode, len(lines), lines=lines)]

    def consume(self, topic, positions, count, reset="error"):
        where = ",".join(f"{p}:{o}" for p, o in positions.items())
        return [parse(line[1:])[1] for line in self.ask("consume", topic, count, reset, where)]

    def bounds(self, topic, partition):
        (_, start, end), = self.ask("bounds", topic, partition)
        return int(start), int(end)

    def offset_at(self, topic, partition, timestamp):
        (_, found), = self.ask("at", topic, partition, timestamp)
        return None if found == "-" else int(found)

    def create_topic(self, topic, partitions, configs=None):
        self.ask("create", topic, partitions, *(word for pair in (configs or {}).items() for word in pair))

    def delete_topic(self, topic):
        self.ask("delete", topic)

    def create_partitions(self, topic, count):
        self.ask("grow", topic, count)

    def partitions(self, topic):
        (_, count), = self.ask("partitions", topic)
        return int(count)

    def topic_configs(self, topic):
        return {line[1]: " ".join(line[2:]) for line in self.ask("configs", topic)}

    def alter_topic_config(self, topic, key, value):
        self.ask("alter", topic, key, value)

    def delete_records(self, topic, partition, before):
        self.ask("truncate", topic, partition, before)

    def cluster(self):
        (_, identity, count), = self.ask("cluster")
        return identity, int(count)

    def join(self, group, topics=None, pattern=None, instance=None, strategy="range"):
        self.members += 1
        identity = f"m{self.members}"
        self.ask("join", identity, group, "pattern" if pattern else "topics", pattern or ",".join(topics), instance or "-", strategy)
        return GroupMember(self, identity)

    def list_groups(self):
        return [group for _, group in self.ask("list-groups")]

    def describe_group(self, group):
        (_, state, members), = self.ask("describe-group", group)
        return state, int(members)

    def group_offsets(self, group):
        return {(t, int(p)): int(o) for _, t, p, o in self.ask("group-offsets", group)}

    def delete_group(self, group):
        self.ask("delete-group", group)

    def attempt(self, tls, seconds):
        self.ask("attempt", seconds, *self.settings(tls))

    def close(self):
        self.process.stdin.close()
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()
        self.folder.cleanup()


class GroupMember(Member):
    def __init__(self, client, identity):
        self.client, self.identity, self.open = client, identity, True
        self.records, self.held, self.rebalances, self.history = [], set(), 0, []

    def assignment(self):
        if not self.open:
            return set()
        held = set()
        for kind, *rest in self.client.ask("assignment", self.identity):
            if kind == "holds":
                held.add((rest[0], int(rest[1])))
            elif kind == "rebalances":
                self.rebalances = int(rest[0])
            else:
                self.history = [range(int(size)) for size in rest]
        return held

    def taken(self):
        if self.open:
            self.records += [parse(line[1:]) for line in self.client.ask("taken", self.identity, len(self.records))]
        return list(self.records)

    def commit(self):
        self.client.ask("commit", self.identity)

    def close(self, leave=True):
        if self.open:
            self.taken()
            self.open = False
            self.client.ask("leave", self.identity)


if __name__ == "__main__":
    RELEASE = sys.argv.pop(1)
    sys.exit(main(lambda bootstrap, tls: JavaClient(RELEASE, bootstrap, tls), HERE, RELEASE))
