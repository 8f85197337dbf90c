"""A test bed: several hosts on one machine, as network namespaces connected by a switch.

    with Bed(3, delay_ms=1, loss=0.01) as bed:
        run = bed.mpirun(["--data", folder, "--out", bed.private / "run"], ranks=8)

Each host is a process with its own network, UTS and mount namespaces: it has a name (h0, h1, …), an address on
10.77.0.0/24, a folder and a /dev/shm of its own, and shares everything else with this machine. Hosts are connected by a
bridge or, for delay, loss or a capture, by wire.c between the ends of their links. mpirun is started on h0 and reaches the
others through an agent in place of ssh. The end of the bed removes processes, links and files.
"""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tools"))
import launch  # noqa: E402
import places  # noqa: E402
from verdict import SKIPPED  # noqa: E402

NETWORK = "10.77.0"
PRIVATE = "private"  # the folder of a bed that is private to each host
TOOLS = ("ip", "nsenter", "unshare", "ethtool", "tc", "nft")


def why_not():
    """Why no bed can be created here, or ''."""
    if os.geteuid() != 0:
        return "namespaces are for root"
    missing = [tool for tool in TOOLS if not shutil.which(tool)]
    if missing:
        return f"no {', '.join(missing)} (Debian: iproute2, util-linux, ethtool, nftables)"
    tried = subprocess.run(["unshare", "--net", "--mount", "--uts", "true"], capture_output=True, text=True, check=False)
    return "" if tried.returncode == 0 else f"unshare: {tried.stderr.strip()}"


def skip_unless_possible(name):
    why = why_not()
    if why:
        print(f"SKIP {name}: {why}", flush=True)
        sys.exit(1 if os.environ.get("CI") == "true" and os.geteuid() == 0 else SKIPPED)


def call(*words):
    subprocess.run([str(word) for word in words], check=True, capture_output=True, text=True)


class Host:
    """The process that holds the namespaces of a host."""

    def __init__(self, name, folder):
        self.name = name
        self.folder = folder  # its private folder as seen from outside
        folder.mkdir()
        hosts, private = folder.parent / "hosts", folder.parent / PRIVATE
        script = (f"mount --make-rprivate / && mount --bind {folder} {private} && mount --bind {hosts} /etc/hosts && "
                  f"mount -t tmpfs shm /dev/shm && hostname {name} && ip link set lo up && echo ready && "
                  "exec sleep infinity")
        self.holder = subprocess.Popen(["unshare", "--net", "--mount", "--uts", "sh", "-c", script],
                                       stdout=subprocess.PIPE, text=True, start_new_session=True)

    def wait(self):
        if self.holder.stdout.readline() != "ready\n":
            raise RuntimeError(f"host {self.name} does not start")

    def enter(self):
        """The command prefix that runs a command on this host."""
        return ["nsenter", "-t", str(self.holder.pid), "-n", "-m", "-u", "--"]

    def call(self, *words):
        call(*self.enter(), *words)

    def pids(self):
        """The processes on this host except the holder."""
        mine = os.readlink(f"/proc/{self.holder.pid}/ns/net")
        found = []
        for entry in os.listdir("/proc"):
            try:
                if entry.isdigit() and int(entry) != self.holder.pid and os.readlink(f"/proc/{entry}/ns/net") == mine:
                    found.append(int(entry))
            except OSError:
                continue
        return found

    def end(self):
        for pid in (self.pids() if self.holder.poll() is None else []) + [self.holder.pid]:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        self.holder.wait()
        self.holder.stdout.close()


class Bed:
    def __init__(self, count, delay_ms=0, jitter_ms=0, loss=0.0, rate_mbit=0, capture=None, seed=1):
        self.count = count
        self.shape = {"delay_ms": delay_ms, "jitter_ms": jitter_ms, "loss": loss, "seed": seed}
        self.rate_mbit = rate_mbit
        self.capture = capture
        self.wired = bool(delay_ms or jitter_ms or loss or capture)

    # ---- creation and end ----

    def __enter__(self):
        self.folder = Path(tempfile.mkdtemp(prefix="cps-hosts-"))
        names = [f"h{i}" for i in range(self.count)]
        self.private = self.folder / PRIVATE  # the path at which each host sees its own
        self.private.mkdir()
        lines = [f"{self.address(i)} {name}\n" for i, name in enumerate(names)]
        (self.folder / "hosts").write_text("127.0.0.1 localhost\n" + "".join(lines))
        self.hosts = [Host(name, self.folder / name) for name in names]
        self.switch = Host("switch", self.folder / "switch")
        self.wire = None
        try:
            for host in [*self.hosts, self.switch]:
                host.wait()
            self.lay_links()
            self.write_agent()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *ignored):
        if self.wire:
            self.wire.terminate()
            self.wire.wait()
            self.wire.stdout.close()
        for host in [*self.hosts, self.switch]:
            host.end()
        shutil.rmtree(self.folder, ignore_errors=True)

    def address(self, host):
        return f"{NETWORK}.{host + 1}"

    def lay_links(self):
        tag = os.getpid() % 100000
        if not self.wired:
            self.switch.call("ip", "link", "add", "bridge", "type", "bridge")
            self.switch.call("ip", "link", "set", "bridge", "up")
        for i, host in enumerate(self.hosts):
            here, there = f"a{tag}-{i}", f"b{tag}-{i}"
            call("ip", "link", "add", here, "type", "veth", "peer", "name", there)
            call("ip", "link", "set", here, "netns", host.holder.pid)
            call("ip", "link", "set", there, "netns", self.switch.holder.pid)
            host.call("ip", "link", "set", here, "name", "eth0")
            self.switch.call("ip", "link", "set", there, "name", f"port{i}")
            host.call("ip", "address", "add", f"{self.address(i)}/24", "dev", "eth0")
            for end, name in ((host, "eth0"), (self.switch, f"port{i}")):
                if self.wired:
                    end.call("ethtool", "-K", name, "tx", "off", "gso", "off", "tso", "off", "gro", "off")
                    end.call("ip", "link", "set", name, "mtu", "9000")
                end.call("ip", "link", "set", name, "up")
            if not self.wired:
                self.switch.call("ip", "link", "set", f"port{i}", "master", "bridge")
            if self.rate_mbit:
                rate = ["tc", "qdisc", "add", "dev"], ["root", "tbf", "rate", f"{self.rate_mbit}mbit", "burst", "256k",
                                                       "latency", "200ms"]
                host.call(*rate[0], "eth0", *rate[1])
                self.switch.call(*rate[0], f"port{i}", *rate[1])
        if self.wired:
            self.start_wire()

    def start_wire(self):
        words = [word for name, value in self.shape.items() for word in (f"--{name.replace('_', '-')}", str(value))]
        words += ["--capture", str(self.capture)] if self.capture else []
        program = Path(os.environ.get("COLLAB_PS_WIRE", places.program().parent / "tests" / "wire"))
        self.wire = subprocess.Popen([*self.switch.enter(), program, *words,
                                      *(f"port{i}" for i in range(self.count))], stdout=subprocess.PIPE, text=True)
        if self.wire.stdout.readline() != "ready\n":
            raise RuntimeError("the wire does not start")

    def write_agent(self):
        """Writes the script that mpirun calls in place of ssh: agent [options] HOST COMMAND..."""
        cases = "\n".join(f"{host.name}|{self.address(i)}) exec {' '.join(host.enter())} sh -c \"$*\" ;;"
                          for i, host in enumerate(self.hosts))
        self.agent = self.folder / "agent"
        self.agent.write_text(f"#!/bin/sh\nwhile [ \"${{1#-}}\" != \"$1\" ]; do shift; done\nhost=$1\nshift\n"
                              f"case $host in\n{cases}\n*) echo \"agent: no host '$host'\" >&2; exit 255 ;;\nesac\n")
        self.agent.chmod(0o755)

    # ---- running ----

    def files_of(self, host):
        """The private folder of a host, as seen from outside."""
        return self.folder / f"h{host}"

    def hostlist(self, ranks):
        share, more = divmod(ranks, self.count)
        return ",".join(f"h{i}:{share + (i < more)}" for i in range(self.count) if share + (i < more))

    def mpirun_words(self, ranks, launcher="mpirun"):
        """The command of the launcher on the first host, without the program."""
        network = f"{NETWORK}.0/24"
        quiet = ["--quiet"] if launcher == "mpirun" else []
        return [*self.hosts[0].enter(), launcher, *quiet, "--host", self.hostlist(ranks), "--bind-to", "none",
                "--mca", "plm_rsh_agent", str(self.agent), "--mca", "oob_tcp_if_include", network,
                "--mca", "btl_tcp_if_include", network]

    def start(self, arguments, ranks=8, launcher="mpirun"):
        return self.start_command(launch.command_line(arguments), ranks, launcher)

    def start_command(self, command, ranks=8, launcher="mpirun"):
        environment = {**launch.environment(ranks), "OMPI_ALLOW_RUN_AS_ROOT": "1",
                       "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1", "TMPDIR": str(self.private)}
        words = [*self.mpirun_words(ranks, launcher), *map(str, command)]
        return subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                stdin=subprocess.DEVNULL, text=True, errors="replace", env=environment,
                                cwd="/", start_new_session=True)

    def mpirun(self, arguments, ranks=8, seconds=120):
        return launch.finish(self.start(arguments, ranks), seconds)

    # ---- faults ----

    def cut(self, host):
        self.switch.call("ip", "link", "set", f"port{host}", "down")

    def mend(self, host):
        self.switch.call("ip", "link", "set", f"port{host}", "up")

    def left(self):
        """The processes on all hosts: {host: [command line]}."""
        found = {}
        for host in self.hosts:
            for pid in host.pids():
                try:
                    words = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode().strip()
                except OSError:
                    continue
                if words:
                    found.setdefault(host.name, []).append(words)
        return found

    def wait_until_empty(self, seconds):
        """Waits until no host runs a process; the seconds, or None."""
        began = time.monotonic()
        while time.monotonic() - began < seconds:
            if not self.left():
                return time.monotonic() - began
            time.sleep(0.2)
        return None
