"""'collab-ps doctor' finds injected faults, on one host and between three.

    doctor.py [--full]

For each fault doctor must print a line on its topic, and exit with 1 if a run would fail. Without a fault it must find
nothing wrong. Faults between hosts use the test bed of bed.py, and are skipped if there can be none; --full injects more
of them.
"""

import os
import re
import resource
import shutil
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

import bed as beds
from bed import Bed, launch, places
from verdict import Verdict


def finding(output, level, topic, *words):
    """Whether a line with this level and topic contains all words."""
    lines = [line for line in output.splitlines() if line.split()[:2] == [level, topic]]
    return any(all(word in line for word in words) for line in lines)


def ask(arguments=(), ranks=None, before=None, more=(), environment=None, program=None):
    """The exit code and output of doctor on this host."""
    command = [str(program or places.program()), "doctor", *map(str, arguments)]
    if ranks:
        command = ["mpirun", "--quiet", "-n", str(ranks), *more, *command]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, preexec_fn=before,
                          env={**launch.environment(ranks), **(environment or {})})
    return done.returncode, done.stdout + done.stderr


def expect(check, fault, answer, level, topic, *words):
    code, output = answer
    found = finding(output, level, topic, *words) and code == (level == "WRONG")
    check.that(found, fault, next((line for line in output.splitlines() if line.startswith(f"{level:6}{topic}")),
                                  f"code {code}: {output[-600:]}"))


def limit(what, value):
    return lambda: resource.setrlimit(what, (value, value))


def on_one_host(check, data, scratch):
    free = ["--bind-to", "none"]
    many = ask(["--data", data], os.cpu_count() + 1, more=free)
    check.that(many[0] == 0 and "WRONG" not in many[1], "nothing is wrong under mpirun", many[1][-600:] if many[0] else "")
    expect(check, "more ranks than cores", many, "slow", "cores")
    code, output = ask(["--data", data])
    check.that(code == 0 and finding(output, "note", "launcher"), "nothing is wrong alone", output[-600:] if code else "")
    expect(check, "no such data", ask(["--data", scratch / "none"]), "WRONG", "data", "none")
    expect(check, "few open files", ask(["--data", data], before=limit(resource.RLIMIT_NOFILE, 60)), "WRONG", "files")
    huge = scratch / "huge.csv"
    huge.write_text("user,item,rating\n1,1,1\n")
    os.truncate(huge, 128 << 20)
    expect(check, "a set that is larger than memory may be", ask(["--data", huge], before=limit(resource.RLIMIT_AS, 400 << 20)),
           "WRONG", "memory")
    huge.unlink()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        answer = ask(["--data", data, "--port", port - 1, "--servers", 5], 3, more=free)
        expect(check, "a port that is taken", answer, "WRONG", "listen", "rank 1", "in use")
        expect(check, "servers that do not fit", answer, "WRONG", "roles")
    expect(check, "no such interface", ask(["--data", data, "--interface", "ib7"]), "WRONG", "listen", "ib7")
    expect(check, "ranks that MPI does not see", ask(["--data", data], environment={"PMI_RANK": "0", "PMI_SIZE": "4"}),
           "WRONG", "start", "each would train")
    (scratch / "file").write_text("")
    expect(check, "a folder that cannot be made", ask(["--data", data, "--out", scratch / "file" / "run"]), "WRONG", "out")
    if os.cpu_count() > 1:
        expect(check, "ranks bound to a core", ask(["--data", data], 2, more=["--bind-to", "core"]), "slow", "binding")


def other_build(folder):
    """A copy of the program that claims another revision."""
    other = folder / "collab-ps"
    code = places.program().read_bytes()
    other.write_bytes(re.sub(rb"collab-ps %s \(revision ", rb"collab-ps %s (revisiom ", code))
    other.chmod(0o755)
    return other


def ask_bed(bed, arguments):
    run = bed.mpirun(["doctor", *arguments], 3, 60)
    return run.code, run.stdout + run.stderr


def sound_hosts(check, data, bed):
    code, output = ask_bed(bed, ["--data", data])
    links = [line for line in output.splitlines() if line.split()[1:2] == ["link"]]
    check.that(code == 0 and len(links) == 3, "three hosts: nothing is wrong, and three links", "; ".join(links) or output[-600:])


def broken_hosts(check, data, bed):
    """Several faults at once: a line for each."""
    for host in range(3):
        shutil.copytree(data, bed.files_of(host) / "data")
    with open(bed.files_of(1) / "data" / "u.data", "a") as file:
        file.write("1\t1\t5\t0\n")
    (bed.files_of(2) / "data" / "u.data").unlink()
    bed.hosts[1].call("mount", "-o", "remount,size=1m", "/dev/shm")
    bed.hosts[2].call("tc", "qdisc", "add", "dev", "eth0", "root", "tbf", "rate", "50mbit", "burst", "64k", "latency", "50ms")
    answer = ask_bed(bed, ["--data", bed.private / "data"])
    expect(check, "another file on a host", answer, "WRONG", "data", "'h1'", "other files")
    expect(check, "no file on a host", answer, "WRONG", "data", "'h2'")
    expect(check, "little shared memory", answer, "WRONG", "shm", "'h1'")
    check.that(finding(answer[1], "ok", "link", "'h1'") and finding(answer[1], "slow", "link", "'h2'"), "a slow link is told from a fast one")
    bed.hosts[1].call("mount", "-o", "remount,size=256m", "/dev/shm")
    bed.hosts[2].call("tc", "qdisc", "del", "dev", "eth0", "root")


def blocked_port(check, data, bed):
    bed.hosts[2].call("nft", "add table ip wall; add chain ip wall in { type filter hook input priority 0 ; }; "
                      f"add rule ip wall in ip saddr {bed.address(0)} tcp dport 5000-5010 drop")
    answer = ask_bed(bed, ["--data", data, "--port", "5000"])
    expect(check, "a port that is blocked", answer, "WRONG", "link", "'h0'", "'h2'", f"{bed.address(2)} port 5002")
    bed.hosts[2].call("nft", "delete table ip wall")


def other_interfaces(check, data, bed):
    for words in (["eth0", "down"], ["eth0", "name", "net7"], ["net7", "up"]):
        bed.hosts[1].call("ip", "link", "set", *words)
    answer = ask_bed(bed, ["--data", data, "--interface", "eth0"])
    expect(check, "an interface that a host has not", answer, "WRONG", "listen", "'h1'")


def mixed_builds(check, data, bed):
    for host in range(3):
        shutil.copy(other_build(bed.folder) if host == 2 else places.program(), bed.files_of(host) / "program")
    run = launch.finish(bed.start_command([bed.private / "program", "doctor", "--data", data], 3), 60)
    expect(check, "another build on a host", (run.code, run.stdout + run.stderr), "WRONG", "start", "rank 2 on 'h2'")


def main():
    check = Verdict("doctor")
    data = places.movielens_100k()
    with tempfile.TemporaryDirectory() as scratch:
        on_one_host(check, data, Path(scratch))
    why = beds.why_not()
    if why:
        check.skip("faults between hosts", why)
    else:
        with Bed(3) as bed:
            more = (sound_hosts, other_interfaces, mixed_builds) if "--full" in sys.argv else ()
            for part in (broken_hosts, blocked_port, *more):
                part(check, data, bed)
    check.finish()


main()
