"""The output on a terminal: a progress bar while training, and complete lines.

    terminal.py

The program, alone and under mpirun, runs on a pseudo-terminal. It must draw and redraw a bar, and leave only complete
lines on the screen at the end.
"""

import os
import pty
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tools"))
import launch  # noqa: E402
from verdict import Verdict  # noqa: E402

SECONDS = 60
EPOCHS = 6
OPTIONS = ["--epochs", EPOCHS, "--batch-size", 64, "--metrics", "rmse,mae"]
ROW = re.compile(r"\d {9}(\d\.\d{6} {4}){4}\d\d:\d\d {5}[\d.]+")


def read_all(terminal, process):
    """Reads the terminal until the process has ended and nothing more arrives."""
    written, until = bytearray(), time.monotonic() + SECONDS
    while time.monotonic() < until:
        try:
            some = os.read(terminal, 65536)
        except OSError:  # the last writer has closed the terminal
            break
        if not some:
            break
        written += some
    if process.poll() is None and time.monotonic() >= until:
        process.kill()
    process.wait()
    return written.decode(errors="replace")


def watch(command, folder, variables, **streams):
    """(exit code, output) of command on a terminal; streams: those that are redirected elsewhere."""
    terminal, other = pty.openpty()
    process = subprocess.Popen([str(word) for word in command], cwd=folder, env=dict(variables, TERM="xterm"),
                               start_new_session=True,
                               **{"stdin": other, "stdout": other, "stderr": other, **streams})
    os.close(other)
    written = read_all(terminal, process)
    os.close(terminal)
    return process.returncode, written


def screen_of(written):
    """The lines that stay visible: carriage return moves to the start of a line, ESC [ K erases to its end."""
    lines = []
    for line in written.replace("\r\n", "\n").split("\n"):
        shown = ""
        for part in line.split("\r"):
            shown = part.removeprefix("\x1b[K") if part.startswith("\x1b[K") else part + shown[len(part):]
        lines.append(shown)
    return lines


def check_screen(check, name, code, written):
    lines = screen_of(written)
    check.equal(f"{name}: exit code", code, 0)
    check.that(written.count("[#") + written.count("[-") >= 2, f"{name}: a bar, redrawn",
               f"{written.count('[#') + written.count('[-')} times")
    check.that("reading ratings" in written, f"{name}: loading shows", "reading ratings" in written)
    rows = [line for line in lines if ROW.fullmatch(line)]
    check.equal(f"{name}: whole rows of the table", len(rows), EPOCHS)
    left = [line for line in lines if re.search(r"\[#*-*\]|reading ratings|\x1b", line)]
    check.equal(f"{name}: bars left behind", left, [])


def main():
    check = Verdict("mpi/terminal")
    variables = launch.environment(3)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        launch.launch(["synth", "--users", 2000, "--items", 1000, "--ratings", 200000, "--out", folder / "data"])
        train = [*OPTIONS, "--data", folder / "data", "--out"]
        for shape, ranks in (("one process", None), ("mpirun", 3)):
            check_screen(check, shape, *watch(launch.command_line([*train, shape], ranks), folder, variables))
        with open(folder / "log", "w+", encoding="utf-8") as log:
            code, written = watch(launch.command_line([*train, "logged"], 3), folder, variables, stderr=log)
            log.seek(0)
            check.equal("mpirun, stderr in a file: exit code", code, 0)
            check.that("\x1b" not in log.read() + written, "mpirun, stderr in a file: no bar", written[-200:])
    check.finish()


main()
