"""The checks of who may connect by TLS. All other sections run over TLS as they are, where --tls-ca is given."""
import time

from harness.report import Tls

SECONDS = 5


def run(adapter, report, chosen):
    if not any(s.split(".")[0] == "tls" for s in report.only) or not chosen.tls:
        return
    right = chosen.tls
    report.check("tls.connect", lambda: adapter.attempt(right, SECONDS))
    report.check("tls.plaintext", lambda: refused(adapter, Tls()))
    if chosen.tls_wrong_ca:
        report.check("tls.wrong-ca", lambda: refused(adapter, Tls(chosen.tls_wrong_ca, right.certificate, right.key)))
    for given in chosen.tls_refused:
        name, _, files = given.partition("=")
        certificate, _, key = files.partition(",")
        report.check(f"tls.refused-{name}", lambda: refused(adapter, Tls(right.ca, certificate or None, key or None)))


def refused(adapter, tls):
    began = time.monotonic()
    try:
        adapter.attempt(tls, SECONDS)
    except Exception:
        if time.monotonic() - began > SECONDS + 15:
            raise AssertionError("refused, but only after a long time") from None
    else:
        raise AssertionError("the connection was accepted")
