"""A broker that a test starts, kills and starts again, whatever command that takes."""
import errno
import os
import random
import signal
import socket
import subprocess
import time

from harness import wire

START_SECONDS = 60


class Broker:
    """`command` is the list of words that starts it in the foreground; {data} and {port} stand for the directory and the
    port."""

    def __init__(self, command, data, port, log):
        self.command = [word.replace("{data}", data).replace("{port}", str(port)) for word in command]
        self.data, self.port, self.log = data, port, log
        self.bootstrap = f"127.0.0.1:{port}"
        self.process = None

    def start(self):
        """Returns the seconds until it answered."""
        began = time.monotonic()
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(self.command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
        while True:
            try:
                with wire.Connection(self.bootstrap, seconds=5) as connection:
                    wire.api_versions(connection)
                return time.monotonic() - began
            except OSError:
                pass
            if self.process.poll() is not None:
                raise AssertionError(f"the broker ended with {self.process.returncode}; its last lines:\n{self.tail()}")
            if time.monotonic() - began > START_SECONDS:
                raise AssertionError(f"the broker does not answer after {START_SECONDS} s; its last lines:\n{self.tail()}")
            time.sleep(0.005)

    def kill(self):
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def stop(self, seconds=60):
        """SIGTERM; returns the exit code."""
        self.process.terminate()
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"the broker has not ended {seconds} s after SIGTERM") from None

    def running(self):
        return self.process is not None and self.process.poll() is None

    def resident_bytes(self):
        with open(f"/proc/{self.process.pid}/status") as status:
            return next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmRSS:"))

    def cpu_seconds(self):
        with open(f"/proc/{self.process.pid}/stat") as stat:
            fields = stat.read().rsplit(") ", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def open_files(self):
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))

    def tail(self, lines=15):
        with open(self.log, errors="replace") as log:
            return "".join(log.readlines()[-lines:])


def free_port(count=1):
    """The first of `count` ports in a row that nobody uses, outside of the range from which connections get theirs."""
    for _ in range(100):
        first = random.randrange(20_000, 32_000)
        if all(free(first + i) for i in range(count)):
            return first
    raise AssertionError(f"no {count} free ports found")


def free(port):
    for family, host in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")):
        with socket.socket(family) as probe:
            try:
                probe.bind((host, port))
            except OSError as problem:
                # A machine without IPv6 has no such address to take.
                if problem.errno == errno.EADDRINUSE:
                    return False
    return True
