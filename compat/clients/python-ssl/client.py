"""Python's own ssl (and plain sockets) below the protocol by hand."""
import socket
import ssl
import struct
import sys

sys.path.insert(0, __file__.rsplit("/", 2)[0])

from harness import batches, wire  # noqa: E402
from harness.adapter import directory_of  # noqa: E402
from harness.raw_client import RawClient  # noqa: E402
from harness.suite import main  # noqa: E402


class PythonSsl(RawClient):
    name = "python-ssl"

    def transport(self, tls, seconds):
        return wire.SocketTransport(self.bootstrap, tls, seconds)


def further(adapter, report, _):
    if not adapter.tls:
        return
    for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        report.check(f"tls.version-{version.name[4:].replace('_', '.')}", lambda: speaks(adapter, version))
    report.check("tls.resumption-1.2", lambda: resumes(adapter, ssl.TLSVersion.TLSv1_2))
    report.check("tls.resumption-1.3", lambda: resumes(adapter, ssl.TLSVersion.TLSv1_3))
    report.check("tls.close-notify", lambda: close_notify(adapter))
    report.check("tls.byte-by-byte", lambda: byte_by_byte(adapter))
    report.check("tls.large-record", lambda: large(adapter))


def context_of(adapter, version):
    context = wire.tls_context(adapter.tls)
    context.minimum_version = context.maximum_version = version
    return context


def open_tls(adapter, context, session=None, **options):
    host, port = wire.address(adapter.bootstrap)
    return context.wrap_socket(socket.create_connection((host, port), 20), server_hostname=host, session=session, **options)


def ask(one):
    body = wire.int16(wire.API_VERSIONS) + wire.int16(0) + wire.int32(7) + wire.string("python")
    one.sendall(struct.pack(">i", len(body)) + body)
    size, = struct.unpack(">i", one.recv(4))
    answer = b""
    while len(answer) < size:
        part = one.recv(size - len(answer))
        if not part:
            raise AssertionError("the connection ended within an answer")
        answer += part
    if struct.unpack(">ih", answer[:6]) != (7, 0):
        raise AssertionError(f"correlation id and error {struct.unpack('>ih', answer[:6])}")


def speaks(adapter, version):
    with open_tls(adapter, context_of(adapter, version)) as one:
        ask(one)
        if one.version() != version.name.replace("_", "."):
            raise AssertionError(f"{one.version()} was negotiated")


def resumes(adapter, version):
    """A second connection with the first one's session takes the short handshake."""
    context = context_of(adapter, version)
    with open_tls(adapter, context) as one:
        # Tickets of 1.3 come with the first bytes of application data.
        ask(one)
        session = one.session
    with open_tls(adapter, context, session) as two:
        ask(two)
        if not two.session_reused:
            raise AssertionError("the session was not taken up")


def close_notify(adapter):
    """A broker that ends a connection says so; without it OpenSSL 3 reports an error to the application."""
    one = open_tls(adapter, wire.tls_context(adapter.tls), suppress_ragged_eofs=False)
    with one:
        ask(one)
        # A frame that no broker answers: an unknown API.
        body = wire.int16(32000) + wire.int16(0) + wire.int32(1) + wire.string("x")
        one.sendall(struct.pack(">i", len(body)) + body)
        if one.recv(1) != b"":
            raise AssertionError("an unknown API was answered")


def byte_by_byte(adapter):
    """A handshake and a request of which every byte comes in a packet of its own."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    host, port = wire.address(adapter.bootstrap)
    machine = wire.tls_context(adapter.tls).wrap_bio(incoming, outgoing, server_hostname=host)
    with socket.create_connection((host, port), 20) as one:
        one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

        def step(action):
            while True:
                try:
                    result = action()
                except ssl.SSLWantReadError:
                    result = None
                for byte in outgoing.read():
                    one.sendall(bytes([byte]))
                if result is not None:
                    return result
                data = one.recv(65536)
                if not data:
                    raise AssertionError("the broker closed the connection")
                incoming.write(data)

        step(lambda: machine.do_handshake() or True)
        body = wire.int16(wire.API_VERSIONS) + wire.int16(0) + wire.int32(7) + wire.string("slow")
        step(lambda: machine.write(struct.pack(">i", len(body)) + body))
        size, = struct.unpack(">i", step(lambda: machine.read(4)))
        if not 6 < size < 10_000:
            raise AssertionError(f"an answer of {size} bytes")


def large(adapter):
    """A frame of many TLS records in both directions."""
    topic = f"tls-large-{adapter.name}"
    with adapter.connect() as connection:
        wire.create_topic(connection, topic, 1, {}, existing=True)
        wire.await_leaders(connection, topic, 1)
        value = bytes(range(256)) * 3000
        offset = wire.produce(connection, topic, 0, batches.build([(None, value, [], 1_700_000_000_000)]))
        _, found = wire.fetch(connection, topic, 0, offset, max_bytes=4 << 20)
        if found[0].records[0].value != value:
            raise AssertionError("other bytes came back")


if __name__ == "__main__":
    sys.exit(main(PythonSsl, directory_of(__file__), further=further))
