"""Mutation testing: breaks the program by one edit at a time, and checks that a test fails.

    mutate.py BUILD [NAME ...]
    mutate.py --check           only checks that the text of each occurs exactly once in its file

Works in a copy of the sources inside BUILD, with a separate build. A mutation that passes its tests has survived, which
shows a gap in the tests. One whose text is not found, or that does not compile, is an error in the list.
"""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tools"))
import places  # noqa: E402
from mutations import MUTATIONS  # noqa: E402
from verdict import Verdict  # noqa: E402

JOBS = ["-j", "2"]
SECONDS = 90


def run(command, **more):
    return subprocess.run(command, capture_output=True, text=True, check=False, **more)


def tracked_files():
    listed = run(["git", "-C", places.SOURCE, "ls-files"])
    return listed.stdout.splitlines() if listed.returncode == 0 else \
        [str(path.relative_to(places.SOURCE)) for path in places.SOURCE.rglob("*") if path.is_file() and "build" not in path.parts]


def copy_sources(target):
    """Copies only files that differ, so that a second start builds little."""
    for name in tracked_files():
        source, copy = places.SOURCE / name, target / name
        if source.exists() and (not copy.exists() or copy.read_bytes() != source.read_bytes()):
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, copy)
            shutil.copymode(source, copy)


class Workshop:
    def __init__(self, build):
        self.source, self.build = build / "mutants" / "source", build / "mutants" / "build"
        copy_sources(self.source)
        made = run(["cmake", "-S", self.source, "-B", self.build, "-G", "Ninja", "-DCMAKE_BUILD_TYPE=Debug", "-DCMAKE_C_FLAGS=-O1 -g0",
                    "-DCPS_TESTS=ON", "-DCPS_WERROR=OFF"])
        made = made if made.returncode else self.make()
        if made.returncode:
            sys.exit(f"cannot build the copy:\n{made.stdout[-2000:]}{made.stderr[-2000:]}")

    def make(self, targets=()):
        return run(["cmake", "--build", self.build, *JOBS, *(["--target", *targets] if targets else [])])

    def targets_of(self, tests):
        """The targets to build for these tests."""
        listed = run(["ctest", "--test-dir", self.build, "-N", "-R", tests]).stdout
        units = re.findall(r": unit/(\S+)", listed)
        return [f"test_{name}" for name in units] + ["simulate_schedules"] * (": simulation/schedules" in listed)

    def test(self, tests):
        """Whether all of them pass, and the names of those that do not."""
        ctest = subprocess.Popen(["ctest", "--test-dir", self.build, "-R", tests, "--no-tests=error", *JOBS],
                                 stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, start_new_session=True)
        try:
            said, _ = ctest.communicate(timeout=SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(ctest.pid, signal.SIGKILL)  # the tests as well
            ctest.communicate()
            return False, ["a time limit"]
        return ctest.returncode == 0, re.findall(r"^\s*\d+ - (\S+)", said, re.MULTILINE)

    def try_one(self, name, file, old, new, tests):
        """(why the mutation was not detected, or ''; the tests that failed)."""
        path = self.source / file
        text = path.read_text()
        if text.count(old) != 1:
            return f"'{file}' has its text {text.count(old)} times", ""
        path.write_text(text.replace(old, new))
        try:
            made = self.make(self.targets_of(tests))
            if made.returncode:
                return f"does not compile: {made.stdout[-300:]}", ""
            passed, noticed = self.test(tests)
            return ("survived: every test passes" if passed else ""), ", ".join(noticed[:4])
        finally:
            path.write_text(text)


def check_list():
    check = Verdict("layers/mutations")
    for name, file, old, _new, _tests in MUTATIONS:
        count = (places.SOURCE / file).read_text().count(old) if (places.SOURCE / file).exists() else 0
        check.equal(f"{name}: its text in '{file}'", count, 1)
    check.finish()


def main():
    if sys.argv[1] == "--check":
        check_list()
        return
    build, names = Path(sys.argv[1]).resolve(), sys.argv[2:]
    check = Verdict("mutations")
    workshop = Workshop(build)
    for mutation in MUTATIONS:
        if names and mutation[0] not in names:
            continue
        began = time.monotonic()
        problem, noticed = workshop.try_one(*mutation)
        check.that(not problem, mutation[0], problem or f"noticed by {noticed} ({time.monotonic() - began:.0f} s)")
    check.finish()


main()
