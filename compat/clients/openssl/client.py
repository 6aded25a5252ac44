"""`openssl s_client` below the protocol by hand: every connection is a process whose pipes are the connection."""
import contextlib
import os
import re
import select
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, __file__.rsplit("/", 2)[0])

from harness import wire  # noqa: E402
from harness.adapter import directory_of  # noqa: E402
from harness.raw_client import RawClient  # noqa: E402
from harness.suite import main  # noqa: E402


def arguments(bootstrap, tls):
    host, _ = wire.address(bootstrap)
    check = "-verify_ip" if re.fullmatch(r"[\d.]+|[\da-f:]+", host) else "-verify_hostname"
    chosen = ["openssl", "s_client", "-connect", bootstrap, check, host]
    if tls:
        chosen += ["-CAfile", tls.ca, "-verify_return_error"]
        if tls.certificate:
            chosen += ["-cert", tls.certificate, "-cert_chain", tls.certificate, "-key", tls.key]
    return chosen


class PipeTransport:
    def __init__(self, command):
        self.process = subprocess.Popen([*command, "-quiet"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.DEVNULL, bufsize=0)

    def send(self, data):
        view = memoryview(data)
        while view:
            view = view[self.process.stdin.write(view):]

    def receive(self, count):
        return self.process.stdout.read(count)

    def close(self):
        with contextlib.suppress(OSError):
            self.process.stdin.close()
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()


class OpenSsl(RawClient):
    name = "openssl"

    def transport(self, tls, seconds):
        if not tls:
            # s_client cannot speak without TLS: the pipe breaks at the handshake.
            return wire.SocketTransport(self.bootstrap, None, seconds)
        return PipeTransport(arguments(self.bootstrap, tls))


def further(adapter, report, _):
    if not adapter.tls:
        return
    for version in ("1.2", "1.3"):
        option = f"-tls{version.replace('.', '_')}"
        report.check(f"tls.resumption-{version}", lambda: resumes(adapter, option))
    report.check("tls.no-1.1", lambda: no_old_version(adapter))
    report.check("tls.no-renegotiation", lambda: no_renegotiation(adapter))
    report.check("tls.verified", lambda: verified(adapter))


def s_client(adapter, *more, given=b""):
    """What it prints of a handshake; it ends when its input ends."""
    done = subprocess.run([*arguments(adapter.bootstrap, adapter.tls), *more], input=given, capture_output=True, timeout=30, check=False)
    return done.returncode, (done.stdout + done.stderr).decode(errors="replace")


def verified(adapter):
    code, said = s_client(adapter)
    if code != 0 or "Verify return code: 0 (ok)" not in said:
        raise AssertionError(f"exit code {code}: {said[-300:]}")


def no_old_version(adapter):
    # At security level 0 OpenSSL 3 offers 1.1.
    code, said = s_client(adapter, "-tls1_1", "-cipher", "DEFAULT@SECLEVEL=0")
    if code == 0 and "Cipher is (NONE)" not in said:
        raise AssertionError("TLS 1.1 was accepted")


def no_renegotiation(adapter):
    """R at the start of a line asks for a renegotiation of a 1.2 connection. Where it is carried out, the certificate is
    verified a second time; where it is not, s_client ends or waits."""
    process = subprocess.Popen([*arguments(adapter.bootstrap, adapter.tls), "-tls1_2"], stdin=subprocess.PIPE,
                               stdout=subprocess.PIPE, stderr=subprocess.STDOUT, bufsize=0)
    try:
        said = read_until(process, rb"Extended master secret")
        process.stdin.write(b"R\n")
        said = read_until(process, rb"verify return:1|:error:")
        if b"verify return:1" in said:
            raise AssertionError("a renegotiation was carried out")
    finally:
        process.kill()
        process.wait()
        process.stdin.close()
        process.stdout.close()


def read_until(process, pattern, seconds=3):
    said, end = b"", time.monotonic() + seconds
    while not re.search(pattern, said):
        if not select.select([process.stdout], [], [], max(0, end - time.monotonic()))[0]:
            break
        part = process.stdout.read(4096)
        if not part:
            break
        said += part
    return said


def resumes(adapter, option):
    with tempfile.TemporaryDirectory() as folder:
        session = os.path.join(folder, "session")
        # ApiVersions v0: with its answer the tickets of TLS 1.3 have come.
        request = wire.int16(wire.API_VERSIONS) + wire.int16(0) + wire.int32(7) + wire.string("openssl")
        first = subprocess.Popen([*arguments(adapter.bootstrap, adapter.tls), option, "-sess_out", session, "-quiet"],
                                 stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        first.stdin.write(wire.int32(len(request)) + request)
        first.stdin.flush()
        first.stdout.read(4)
        first.terminate()
        first.wait()
        if not os.path.exists(session):
            raise AssertionError("no session to resume")
        code, said = s_client(adapter, option, "-sess_in", session)
        if code != 0 or not re.search(r"^Reused, ", said, re.M):
            raise AssertionError(f"exit code {code}: {re.findall(r'^(?:New|Reused), .*', said, re.M)}")


if __name__ == "__main__":
    sys.exit(main(OpenSsl, directory_of(__file__), further=further))
