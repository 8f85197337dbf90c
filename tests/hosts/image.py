"""Tries the steps of deploy/hosts/Containerfile without a container engine: each stage in a tree made by debootstrap.

    image.py [--keep FOLDER]

FROM, COPY, RUN, ENV and USER are executed like an engine would, RUN in a chroot with its own mount namespace; then the
program trains as the image's user, alone and with two ranks. Needs root and a Debian mirror, and takes minutes.
"""

import argparse
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tools"))
import places  # noqa: E402
from verdict import Verdict  # noqa: E402

SUITE = "bookworm"


def steps(path):
    """[(word, rest)] of a Containerfile, continued lines joined."""
    text = re.sub(r"(?m)^\s*#.*\n", "", path.read_text())
    joined = re.sub(r"\\\n", " ", text)
    return [tuple(line.split(None, 1)) for line in joined.splitlines() if line.strip()]


def ignored(source):
    return {line.strip() for line in (source / ".containerignore").read_text().splitlines() if line.strip()}


class Builder:
    def __init__(self, folder):
        self.folder = folder
        self.base = folder / "base"
        self.stages, self.root = {}, None
        self.environment, self.user = {}, "root"

    def make_base(self):
        if not self.base.exists():
            subprocess.run(["debootstrap", "--variant=minbase", SUITE, str(self.base)], check=True,
                           stdout=subprocess.DEVNULL)
            for name in ("sources.list", "sources.list.d", "apt.conf.d"):
                there = Path("/etc/apt") / name
                if there.exists():
                    subprocess.run(["cp", "-rT", str(there), str(self.base / "etc/apt" / name)], check=True)

    def enter(self, command, user=None):
        """Runs a shell command in the stage."""
        root = str(self.root)
        user = user or self.user
        variables = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root" if user == "root" else f"/home/{user}",
                     **{name: os.environ[name] for name in ("http_proxy", "https_proxy") if name in os.environ}, **self.environment}
        clean = " ".join(f"{name}={shlex.quote(value)}" for name, value in variables.items())
        script = (f"mount --bind {root} {root} && mount -t proc proc {root}/proc && mount --bind /dev {root}/dev && "
                  f"mount -t tmpfs shm {root}/dev/shm && cp /etc/resolv.conf {root}/etc/ 2>/dev/null; "
                  f"exec env -i {clean} chroot --userspec={user} {root} /bin/sh -c {shlex.quote(command)}")
        return subprocess.run(["unshare", "--mount", "sh", "-c", script], capture_output=True, text=True, check=False)

    def begin(self, rest):
        name = rest.split(" AS ")[1] if " AS " in rest else f"stage{len(self.stages)}"
        self.root = self.stages[name] = self.folder / name
        self.environment, self.user = {"DEBIAN_FRONTEND": "noninteractive"}, "root"
        shutil.rmtree(self.root, ignore_errors=True)
        subprocess.run(["cp", "-a", "--reflink=auto", str(self.base), str(self.root)], check=True)

    def copy(self, rest):
        words = shlex.split(rest)
        source = places.SOURCE
        if words[0].startswith("--from="):
            source = self.stages[words.pop(0).split("=")[1]]
        there, here = words
        origin, target = source / there.lstrip("/"), self.root / here.lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        if origin.is_dir():
            skip = ignored(source) if source == places.SOURCE else set()
            shutil.copytree(origin, target, symlinks=True, dirs_exist_ok=True,
                            ignore=lambda folder, names: [n for n in names if Path(folder) == origin and n in skip])
        else:
            shutil.copy(origin, target)

    def do(self, word, rest):
        """Executes a step; what went wrong, or ''."""
        if word == "FROM":
            self.begin(rest)
        elif word == "COPY":
            self.copy(rest)
        elif word == "ENV":
            name, value = rest.split("=", 1)
            self.environment[name] = value
        elif word == "USER":
            self.user = rest
        elif word == "RUN":
            done = self.enter(rest)
            return "" if done.returncode == 0 else (done.stdout + done.stderr)[-800:]
        return ""


def megabytes(folder):
    used = subprocess.run(["du", "-xsm", str(folder)], capture_output=True, text=True, check=True)
    return int(used.stdout.split()[0])


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--keep", type=Path)
    asked = parser.parse_args()
    check = Verdict("image")
    folder = asked.keep or Path(tempfile.mkdtemp(prefix="cps-image-"))
    builder = Builder(folder)
    try:
        builder.make_base()
        for word, rest in steps(places.SOURCE / "deploy" / "hosts" / "Containerfile"):
            why = builder.do(word, rest)
            if word in ("FROM", "RUN", "COPY"):
                check.that(not why, f"{word} {rest[:60].strip()}", why)
            if why:
                check.finish()
        check.that(builder.user != "root", "the program does not run as root", builder.user)
        alone = builder.enter("cd /runs && collab-ps --epochs 1 --out a && collab-ps doctor")
        check.that(alone.returncode == 0, "trains alone", alone.stderr[-400:])
        ranks = builder.enter("cd /runs && launch.sh -n 2 --oversubscribe --bind-to none collab-ps --epochs 1 --out b")
        hashes = [re.search(r"model sha256 +(\S+)", done.stdout) for done in (alone, ranks)]
        check.that(all(hashes) and hashes[0].group(1) == hashes[1].group(1), "two ranks have its hash", ranks.stderr[-400:])
        listens = builder.enter("ssh-keygen -q -t rsa -N '' -f ~/.ssh/id_rsa && /usr/sbin/sshd -t -f /home/mpiuser/.sshd_config")
        check.that(listens.returncode == 0, "sshd of a worker takes its settings", listens.stderr[-400:])
        check.that(True, "size", f"{megabytes(builder.root)} MB, of which Debian's base {megabytes(builder.base)}")
    finally:
        if not asked.keep:
            shutil.rmtree(folder, ignore_errors=True)
    check.finish()


main()
