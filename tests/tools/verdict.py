"""What a check prints and how it ends.

    check = Verdict("golden/recordings")
    check.at_most("bias: step losses", worst, 5e-5)
    check.that(hashes_agree, "one hash", detail)
    check.finish()            # exit code 0, or 1 after any FAIL

One line a claim, 'ok' or 'FAIL', with what was found and what is allowed. A check that lacks
something it needs says what and ends with 77, which ctest counts as skipped; where CI=true a
missing data set is a failure, so that nobody takes an unchecked promise for a kept one.
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
        """One claim; detail is shown either way. Returns whether it holds."""
        self.checked += 1
        self.failures += not holds
        text = f"{'ok  ' if holds else 'FAIL'} {claim}"
        print(f"{text}: {detail}" if detail else text, flush=True)
        return bool(holds)

    def at_most(self, claim, got, tolerance):
        """got <= tolerance; a NaN is not."""
        return self.that(got <= tolerance, claim, f"got {got:.3g}, tolerance {tolerance:g}")

    def equal(self, claim, got, want):
        """got == want."""
        return self.that(got == want, claim, f"got {got}" if got == want else f"got {got}, want {want}")

    def skip(self, what, why):
        """A part that cannot be checked here, by name."""
        self.skipped.append(what)
        print(f"SKIP {what}: {why}", flush=True)

    def finish(self):
        """Sums up and ends the process."""
        skipped = f", {len(self.skipped)} skipped" if self.skipped else ""
        print(f"{self.name}: {self.checked - self.failures} of {self.checked} hold{skipped}", flush=True)
        if self.failures:
            sys.exit(1)
        sys.exit(SKIPPED if self.skipped and not self.checked else 0)


def need(path, what, variable):
    """Ends the check when path, which variable could name, is not there."""
    if path.exists():
        return path
    print(f"SKIP no {what} at '{path}' (set {variable})", flush=True)
    sys.exit(1 if os.environ.get("CI") == "true" else SKIPPED)
