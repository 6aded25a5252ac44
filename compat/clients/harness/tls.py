"""The checks of who may connect by TLS. All other sections run over TLS as they are, where --tls-ca is given."""
import time

from harness.report import Tls

SECONDS = 5


def run(adapter, report, chosen):
    if not any(s.split(".")[0] == "tls" for s in report.only) or not chosen.tls:
        return
    right = chosen.tls
    try:
        adapter.attempt(right, SECONDS)
        broken = None
    except Exception as problem:
        broken = problem

    def connect():
        if broken:
            raise broken

    def refused(tls):
        if broken:
            raise AssertionError("with the right files it does not connect either")
        began = time.monotonic()
        try:
            adapter.attempt(tls, SECONDS)
        except Exception:
            if time.monotonic() - began > SECONDS + 15:
                raise AssertionError("refused, but only after a long time") from None
        else:
            raise AssertionError("the connection was accepted")

    report.check("tls.connect", connect)
    report.check("tls.plaintext", lambda: refused(Tls()))
    if chosen.tls_wrong_ca:
        report.check("tls.wrong-ca", lambda: refused(Tls(chosen.tls_wrong_ca, right.certificate, right.key)))
    for given in chosen.tls_refused:
        name, _, files = given.partition("=")
        certificate, _, key = files.partition(",")
        report.check(f"tls.refused-{name}", lambda: refused(Tls(right.ca, certificate or None, key or None)))
