"""Runs Apache Kafka's command-line tools; every one is a process."""
import os
import subprocess
import tempfile

SECONDS = 40
KIT = os.environ.get("KAFKA_KIT", "")
# A tool lives for half a second: nothing is gained by a second compiler or collector thread.
JAVA = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC -Xshare:auto"


class Tools:
    def __init__(self, bootstrap, tls, version):
        self.bootstrap, self.folder, self.files = bootstrap, tempfile.TemporaryDirectory(), 0
        self.environment = dict(os.environ, JAVA_TOOL_OPTIONS=JAVA, KAFKA_TOOL_VERSION=version)
        self.config = self.file(self.settings(tls), "properties")

    def file(self, text, ending):
        self.files += 1
        path = f"{self.folder.name}/{self.files}.{ending}"
        with open(path, "w") as file:
            file.write(text)
        return path

    def settings(self, tls):
        """The --command-config file: TLS by PEM files, Java's key in PKCS#8."""
        lines = []
        if tls:
            lines += ["security.protocol=SSL", "ssl.truststore.type=PEM", f"ssl.truststore.location={tls.ca}"]
            if tls.certificate:
                lines += ["ssl.keystore.type=PEM", f"ssl.keystore.location={self.joined(tls)}"]
        return "\n".join(lines) + "\n"

    def joined(self, tls):
        """Certificate and key in one file."""
        if tls.key == tls.certificate:
            return tls.certificate
        key = subprocess.run(["openssl", "pkcs8", "-topk8", "-nocrypt", "-in", tls.key], check=True, capture_output=True,
                             text=True).stdout
        with open(tls.certificate) as certificate:
            return self.file(key + certificate.read(), "pem")

    def command(self, name, *arguments):
        # A tool with subcommands wants its options after them.
        verbs = [a for a in arguments[:1] if not a.startswith("-")]
        return [f"{KIT}/kafka-tool", name, *verbs, "--bootstrap-server", self.bootstrap, *arguments[len(verbs):]]

    def start(self, name, *arguments, **pipes):
        return subprocess.Popen(self.command(name, *arguments), env=self.environment, **pipes)

    def run(self, name, *arguments, given=None, seconds=SECONDS, code=0):
        """Standard output as bytes; an exit code other than `code` (None: any) is an error."""
        what = f"{name} {' '.join(a for a in arguments if 'separator' not in a)}"
        try:
            done = subprocess.run(self.command(name, *arguments), input=given, capture_output=True, timeout=seconds,
                                  env=self.environment, check=False)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"{what}: no end within {seconds} s") from None
        if code is not None and done.returncode != code:
            raise AssertionError(f"{what}: exit code {done.returncode}: {complaint(done)}")
        return done.stdout

    def text(self, name, *arguments, **options):
        return self.run(name, *arguments, "--command-config", self.config, **options).decode()


def complaint(done):
    lines = [line for line in (done.stdout + done.stderr).decode(errors="replace").splitlines()
             if line.strip() and not line.startswith("Picked up")]
    return " | ".join(lines[:3])
