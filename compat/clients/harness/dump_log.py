"""Apache Kafka's dump-log over every file that a broker left: segments, indexes, producer snapshots, metadata."""
import glob
import os
import subprocess

FILES_AT_ONCE = 100


def examine(directories):
    """(what was read, what is wrong); needs KAFKA_KIT, and a broker that has stopped cleanly."""
    kit = os.environ["KAFKA_KIT"]
    kinds, problems = Kinds(directories), []
    for option, files in kinds.calls():
        for start in range(0, len(files), FILES_AT_ONCE):
            some = files[start:start + FILES_AT_ONCE]
            done = subprocess.run([f"{kit}/kafka-tool", "dump-log", *option, "--files", ",".join(some)],
                                  capture_output=True, text=True, errors="replace", check=False)
            bad = [line for line in (done.stdout + done.stderr).splitlines() if complains(line)]
            if done.returncode != 0 or bad:
                problems.append(f"dump-log {' '.join(option)}: exit code {done.returncode}: {' | '.join(bad[:5])[:600]}")
            if option == ["--index-sanity-check"]:
                fine = done.stdout.count("passed sanity check") + done.stdout.count("is empty.")
                if fine != len(some):
                    problems.append(f"dump-log {' '.join(option)}: {fine} of {len(some)} files passed")
    if not kinds.segments:
        problems.append(f"no segments below {directories}")
    return kinds.said, problems


class Kinds:
    """The files below log directories, by what they are."""

    def __init__(self, directories):
        def found(pattern):
            return sorted(f for d in directories for f in glob.glob(f"{d}/*-*/{pattern}") if os.path.getsize(f))

        self.segments, self.indexes = found("*.log"), found("*.index") + found("*.timeindex")
        # The metadata log's are made anew at each start.
        self.indexes = [f for f in self.indexes if "/__cluster_metadata-" not in f]
        self.others, self.checkpoints = found("*.txnindex") + found("*.snapshot"), found("*.checkpoint")

    def of(self, topic):
        return [f for f in self.segments if f"/{topic}-" in f]

    def calls(self):
        internal = [("--offsets-decoder", self.of("__consumer_offsets")), ("--transaction-log-decoder", self.of("__transaction_state")),
                    ("--cluster-metadata-decoder", self.of("__cluster_metadata") + self.checkpoints)]
        taken = {f for _, files in internal for f in files}
        yield ["--deep-iteration"], [f for f in self.segments if f not in taken]
        for option, files in internal:
            yield [option], files
        yield ["--index-sanity-check"], self.indexes
        # Without an option it holds an index against its segment, entry by entry.
        yield [], self.indexes + self.others

    @property
    def said(self):
        return (f"{len(self.segments)} segments, {len(self.indexes)} indexes, {len(self.others)} producer snapshots and abort indexes, "
                f"{len(self.checkpoints)} metadata snapshots")


def complains(line):
    low = line.lower()
    if "payload:" in low or low.startswith(("| offset", "baseoffset")):
        return "isvalid: false" in low
    if low.startswith("non-consecutive offsets in "):
        # Every segment that does not begin at 0 has this line, with "-1 is followed by" below it: the next lines tell.
        return False
    if " is followed by " in low:
        return not low.lstrip().startswith("-1 ")
    return any(word in low for word in ("mismatch", "out of order", "exception", "error", "corrupt", "invalid"))
