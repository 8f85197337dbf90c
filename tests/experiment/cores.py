"""Several runs at once, each rank taking a core, and the progress that is shown.

    cores.py [NAME ...]
"""

import os
import pty
import re
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tools"))
import launch  # noqa: E402
from refusal import OK  # noqa: E402
from workbench import CELLS, LONG, SCRIPT, check_parts, read_terminal, trained, wait_until  # noqa: E402


def cores(check, bench):
    """Each rank takes a core; a run with more ranks than cores is trained alone."""
    bench.write("long.toml", LONG)
    bench.write("ranks.toml", LONG.replace("[options]", "[options]\nranks = 4"))
    for name, jobs, most in (("long.toml", 1, 1), ("long.toml", 2, 2), ("long.toml", 64, 2), ("ranks.toml", 2, 1)):
        process = bench.start(name, "--out", "a", "--jobs", jobs)
        wait_until(lambda: len(outs(bench, "a")) >= most, 20)
        time.sleep(0.5)
        check.equal(f"{name} on {jobs}: runs at once", len(outs(bench, "a")), most)
        process.terminate()
        launch.finish(process, 20)


def one_curve(check, bench):
    """The number of ranks changes no curve, even with more ranks than cores."""
    bench.write("ranks.toml", "seeds = 2\n[options]\nepochs = 1\n[axes]\nranks = [1, 2, 5]\n")
    check.equal("1, 2 and 5 ranks", bench.run("ranks.toml", "--out", "b").code, OK)
    found = {name: hashes for name, hashes in bench.hashes("b").items() if name.endswith("seed-2")}
    check.that(len(found) == 3 and len(set(found.values())) == 1, "and one curve", str(len(found)))


def outs(bench, out):
    """The runs that are being trained below out."""
    return {word for words in bench.trainers(out).values() for word in words if word.startswith("--out=")}


def terminal(check, bench):
    """On a terminal there is a status line with the time left; elsewhere there is none."""
    bench.write("a.toml", CELLS.replace("epochs = 1", "epochs = 60"))
    leader, follower = pty.openpty()
    process = subprocess.Popen([sys.executable, *SCRIPT, "a.toml", "--out", "a"], cwd=bench.folder, stderr=follower,
                               stdout=subprocess.DEVNULL, env=bench.environment(), start_new_session=True)
    os.close(follower)
    said = read_terminal(leader)
    check.equal("on a terminal: exit code", process.wait(60), OK)
    check.that(re.search(r"\r\x1b\[K\d of 6 done, [12] running, about \d+ s left", said), "on a terminal: what is left")
    check.that(len(re.findall(r"\[\d/6\] \w+, seed \d: valid_loss [\d.]+, [\d.]+ s\r\n", said)) == 6,
               "and a line a run")
    plain = bench.run("a.toml", "--out", "b")
    check.that("\x1b" not in plain.stderr and "\r" not in plain.stderr and len(trained(plain)) == 6,
               "elsewhere: plain lines")
    order = [name.split(", ")[1] for name in trained(plain)]
    check.equal("all cells have their first seed first", order[:2], ["seed 1"] * 2)


check_parts("experiment/cores", (cores, one_curve, terminal))
