"""One line a check, and an exit code: `ok NAME`, `FAIL NAME reason`, `skip NAME reason`.

`allowed.txt` beside a client's `run` holds the names of the checks that must pass. A check that is not named there may
fail (FINDINGS.md says why); one that is named and selected, but did not run, counts as failed.
"""
import argparse
import os
import signal
import sys
import time
import traceback

CHECK_SECONDS = 60


class Skip(Exception):
    """This client cannot do what the check asks for; no verdict on the broker."""


class OutOfTime(Exception):
    pass


class Tls:
    """The files of a TLS connection; none at all means plaintext."""

    def __init__(self, ca=None, certificate=None, key=None):
        self.ca, self.certificate, self.key = ca, certificate, key

    def __bool__(self):
        return self.ca is not None


def options(description):
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("bootstrap", metavar="HOST:PORT")
    parser.add_argument("--only", metavar="LIST", default="produce,fetch,admin,groups",
                        help="sections or checks, comma-separated: produce, fetch, admin, cross, groups, tls, group-state, or names such "
                             "as fetch.gzip (default: %(default)s)")
    parser.add_argument("--run", type=int, metavar="MS", default=int(time.time() * 1000) - 3_600_000,
                        help="names the topics of this run and is the timestamp of its first records")
    parser.add_argument("--peers", metavar="LIST", default="",
                        help="clients that have produced in this run; section cross reads their topics")
    parser.add_argument("--tls-ca", metavar="FILE", help="connect by TLS and trust this certificate")
    parser.add_argument("--tls-cert", metavar="FILE", help="client certificate, PEM")
    parser.add_argument("--tls-key", metavar="FILE", help="its key, PEM")
    parser.add_argument("--tls-wrong-ca", metavar="FILE", help="section tls: a CA that did not sign the server's certificate")
    parser.add_argument("--tls-refused", metavar="NAME=CERT,KEY", action="append", default=[],
                        help="section tls: client certificates that the broker must refuse; NAME= alone is no certificate")
    chosen = parser.parse_args()
    chosen.only = [s for s in chosen.only.split(",") if s]
    chosen.peers = [s for s in chosen.peers.split(",") if s]
    chosen.tls = Tls(chosen.tls_ca, chosen.tls_cert, chosen.tls_key)
    return chosen


class Report:
    def __init__(self, directory, chosen, variant=None):
        self.chosen, self.only = chosen, chosen.only
        self.must = allowed(os.path.join(directory, "allowed.txt"), variant)
        self.passed, self.failed, self.skipped = [], [], []

    def selects(self, name):
        return any(name == s or name.startswith(s + ".") for s in self.only)

    def check(self, name, body, seconds=CHECK_SECONDS):
        """Runs `body` where `name` is selected; what it raises is the reason of the failure. Says whether it passed."""
        if not self.selects(name):
            return False
        began = time.monotonic()
        signal.signal(signal.SIGALRM, out_of_time)
        signal.alarm(seconds)
        try:
            body()
            signal.alarm(0)
        except Skip as reason:
            self.skipped.append(name)
            self.say(f"skip {name} {reason}")
        except OutOfTime:
            self.failed.append(name)
            self.say(f"FAIL {name} no end after {seconds} s")
        except Exception as problem:
            self.fail(name, problem)
        else:
            self.passed.append(name)
            self.say(f"ok {name}" + (f" ({time.monotonic() - began:.1f} s)" if os.environ.get("CLIENTS_TRACE") else ""))
        finally:
            signal.alarm(0)
        return name in self.passed

    def fail(self, name, problem):
        self.failed.append(name)
        reason = " ".join(str(problem).split()) or type(problem).__name__
        self.say(f"FAIL {name} {reason[:400]}")
        if os.environ.get("CLIENTS_TRACE"):
            traceback.print_exception(problem)

    def quietly(self, name, body):
        """Runs what was not asked for, because something else needs it; a word only where it fails."""
        try:
            body()
        except Exception as problem:
            self.fail(name, problem)

    def say(self, line):
        print(line, flush=True)

    def finish(self):
        """Prints the count and returns the exit code."""
        expected = [n for n in self.must if self.selects(n) and self.concerns(n)]
        for name in expected:
            if name not in self.passed and name not in self.failed:
                self.failed.append(name)
                self.say(f"FAIL {name} must pass, but did not run")
        excused = [n for n in self.failed if n not in self.must]
        self.say(f"{len(self.passed)} passed, {len(self.failed)} failed, {len(self.skipped)} skipped"
                 + (f"; {len(excused)} of the failed are not in allowed.txt" if excused else ""))
        return 1 if len(self.failed) > len(excused) or not self.passed else 0

    def concerns(self, name):
        """Whether this run can have the check at all, by what the command line gives it."""
        section, _, what = name.partition(".")
        if section == "cross":
            return what in self.chosen.peers
        if section == "tls":
            given = {f"refused-{one.partition('=')[0]}" for one in self.chosen.tls_refused}
            return bool(self.chosen.tls) and (what != "wrong-ca" or bool(self.chosen.tls_wrong_ca)) \
                and (not what.startswith("refused-") or what in given)
        return True


def allowed(path, variant=None):
    """Names, one a line; `name [variant ...]` holds for these variants of the client only, `name [-variant ...]` for all
    others. # begins a comment."""
    names = []
    if not os.path.exists(path):
        return names
    with open(path) as file:
        for line in file:
            line = line.split("#", 1)[0].strip()
            if not line:
                continue
            name, _, only = line.partition(" ")
            variants = only.strip(" []").split()
            wanted = [v for v in variants if not v.startswith("-")]
            if (not wanted or variant in wanted) and f"-{variant}" not in variants:
                names.append(name)
    return names


def out_of_time(_signal, _frame):
    raise OutOfTime()


def wait_for(condition, what, seconds=30):
    """Returns the first true value of `condition()`; looks again every 20 ms."""
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"{what() if callable(what) else what}: not within {seconds} s")
        time.sleep(0.02)
