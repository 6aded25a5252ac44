"""One line a check: `ok NAME`, `FAIL NAME reason`."""
import time


class Report:
    def __init__(self, product):
        self.product, self.passed, self.failed = product, 0, 0

    def check(self, name, body):
        began = time.monotonic()
        try:
            body()
        except Exception as problem:
            self.failed += 1
            print(f"FAIL {self.product}.{name} {type(problem).__name__}: {str(problem)[:400]}", flush=True)
        else:
            self.passed += 1
            print(f"ok {self.product}.{name} ({time.monotonic() - began:.1f} s)", flush=True)

    def finish(self):
        print(f"-- {self.product}: {self.passed} passed, {self.failed} failed", flush=True)
        return 1 if self.failed else 0


def wait_for(condition, reason, seconds=60):
    """Until `condition` holds; the error says what was reached instead."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"after {seconds} s: {reason()}")
        time.sleep(0.05)
