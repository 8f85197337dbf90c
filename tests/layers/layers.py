"""Checks the rules of which folder may include which.

    layers.py [SOURCE]

    proto <- common <- server, worker <- deploy/training <- deploy/cli      within common:
                                                          base <- options, model, text <- data, store, net <- drive <- cluster
                                                          within server:
                                                          shard; coordinator <- record

Checked on #include lines. Server and worker never include each other; roles include no sockets, clocks or files; only the
folders that carry messages include MPI or ZeroMQ.
"""

import re
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tools"))
import places  # noqa: E402
from verdict import Verdict  # noqa: E402

LOWEST = {"common/base"}
MIDDLE = LOWEST | {"common/options", "common/model"}
ROLES = MIDDLE | {"common/text", "common/synth", "common/data", "common/store", "common/net", "common/drive"}
COMMON = ROLES | {"common/cluster", "common/inference"}
ROLE_FOLDERS = {"server/shard", "server/coordinator", "server/record", "worker"}

# folder: the folders from which it may include, besides itself
MAY_SEE = {
    "common/base": set(),
    "common/options": LOWEST | {"proto"},
    "common/model": LOWEST | {"proto"},
    "common/text": LOWEST,
    "common/synth": LOWEST,
    "common/data": MIDDLE | {"common/text", "common/synth"},
    "common/store": MIDDLE | {"common/data", "proto"},
    "common/inference": MIDDLE | {"common/text", "common/data", "common/store"},
    "common/net": MIDDLE | {"proto"},
    "common/drive": MIDDLE | {"common/net"},
    "common/cluster": ROLES,
    "server/shard": ROLES,
    "server/coordinator": ROLES,
    "server/record": ROLES | {"server/coordinator"},
    "worker": ROLES,
    "deploy/local": set(),
    "deploy/doctor": COMMON,
    "deploy/training": COMMON | ROLE_FOLDERS,
    "deploy/cli": COMMON | {"deploy/doctor", "deploy/training"} | ROLE_FOLDERS,
}

# system and library headers: the files that may include them
CARRIERS = r"common/(net|cluster)/|deploy/(training/recording|doctor/facts)\.c"
ONLY_IN = {
    "mpi.h": CARRIERS,
    "zmq.h": CARRIERS,
    "common/base/clock.h": r"common/|deploy/|server/record/",
    "common/base/file.h": r"common/(base|text|data|options|store)/|deploy/",
    "sys/socket.h": r"common/(net|cluster)/|deploy/local/",
    "pthread.h": r"common/|worker/crew",
}

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]', re.MULTILINE)


def folder_of(path):
    """The folder in MAY_SEE that contains path, or None."""
    return next((folder for folder in MAY_SEE if path.startswith(folder + "/")), None)


def includes_of(file):
    """[(is ours, path)] of a source file."""
    return [(quote == '"', path) for quote, path in INCLUDE.findall(file.read_text())]


def offences(name, ours, included):
    """What is wrong with an #include of file name, or None."""
    folder, target = folder_of(name), folder_of(included) or ("proto" if included.startswith("proto/") else None)
    if ours and target is None:
        return f"'{name}' includes '{included}', which begins with no folder of the program"
    if ours and target != folder and target not in MAY_SEE[folder]:
        return f"'{name}' includes '{included}': {folder} does not see {target}"
    if included in ONLY_IN and not re.match(ONLY_IN[included], name):
        return f"'{name}' includes '{included}', which is for {ONLY_IN[included]}"
    return ""


def main():
    source = Path(sys.argv[1]).resolve() if sys.argv[1:] else places.SOURCE
    check = Verdict("layers")
    for folder in MAY_SEE:
        files = sorted(path for path in (source / folder).glob("*.[ch]"))
        wrong = [offence for file in files for ours, included in includes_of(file)
                 if (offence := offences(str(file.relative_to(source)), ours, included))]
        check.that(files and not wrong, folder, "; ".join(wrong) or f"{len(files)} files")
    listed = {str(path.parent.relative_to(source)) for top in ("common", "server", "worker", "deploy")
              for path in (source / top).rglob("*.[ch]")}
    check.equal("folders without a rule", sorted(listed - set(MAY_SEE)), [])
    check.finish()


main()
