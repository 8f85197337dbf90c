"""The output and the exit code of a check.

    check = Verdict("golden/recordings")
    check.at_most("bias: step losses", worst, 5e-5)
    check.that(hashes_agree, "one hash", detail)
    check.finish()            # exit code 0, or 1 after any FAIL

One line per claim, 'ok' or 'FAIL', with the value found and the limit. A check that lacks something it needs names it and
exits with 77, which ctest counts as skipped. If CI=true, a missing data set is a failure, so that a promise that was not
checked is not taken for one that holds.
"""

import os
import sys

SKIPPED = 77


class Verdict:
    def __init__(self, name):
        self.name = name
        self.checked = 0
        self.failures = 0
        self.skipped = []

    def that(self, holds, claim, detail=""):
        """Checks a claim and returns whether it holds; detail is printed in both cases."""
        self.checked += 1
        self.failures += not holds
        text = f"{'ok  ' if holds else 'FAIL'} {claim}"
        print(f"{text}: {detail}" if detail else text, flush=True)
        return bool(holds)

    def at_most(self, claim, got, tolerance):
        """Checks that got <= tolerance, which fails for NaN."""
        return self.that(got <= tolerance, claim, f"got {got:.3g}, tolerance {tolerance:g}")

    def equal(self, claim, got, want):
        """Checks that got == want."""
        return self.that(got == want, claim, f"got {got}" if got == want else f"got {got}, want {want}")

    def skip(self, what, why):
        """Reports a part that cannot be checked here."""
        self.skipped.append(what)
        print(f"SKIP {what}: {why}", flush=True)

    def finish(self):
        """Prints the summary and ends the process."""
        skipped = f", {len(self.skipped)} skipped" if self.skipped else ""
        print(f"{self.name}: {self.checked - self.failures} of {self.checked} hold{skipped}", flush=True)
        if self.failures:
            sys.exit(1)
        sys.exit(SKIPPED if self.skipped and not self.checked else 0)


def need(path, what, variable):
    """Skips the check if path, which an environment variable can set, does not exist."""
    if path.exists():
        return path
    print(f"SKIP no {what} at '{path}' (set {variable})", flush=True)
    sys.exit(1 if os.environ.get("CI") == "true" else SKIPPED)
