"""Every bad input: one clear line and the right exit code, alone and on four ranks.

    bad_inputs.py [NAME ...]

Unusual but valid inputs (CRLF, a byte order mark, no last newline) give the same model as the plain file.
"""

import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tools"))
import launch  # noqa: E402
import records  # noqa: E402
from refusal import DATA, DIVERGED, USAGE, refuses  # noqa: E402
from verdict import Verdict  # noqa: E402

SMALL = ["--factors", 4, "--epochs", 2, "--batch-size", 32, "--progress", "none"]
HEADER = "user,item,rating\n"
LINES = "".join(f"{user},{item},{(user * 7 + item * 3) % 9 / 2 + 1:g}\n" for user in range(1, 31) for item in range(1, 21))
PLAIN = HEADER + LINES

# name: (file content, what the error says)
BAD_FILES = {
    "a word for a rating": (PLAIN + "5,6,three\n", r"602: rating 'three' is not a number"),
    "a rating that is nan": (PLAIN + "5,6,nan\n", r"602: .*not finite"),
    "a rating that is inf": (PLAIN + "5,6,-inf\n", r"602: .*not finite"),
    "a rating beyond any float": (PLAIN + "5,6,1e999\n", r"602: .*not finite"),
    "a line that ends early": (PLAIN + "5,6\n", r"602: the line ends"),
    "a line in the middle that ends early": (HEADER + "7,8\n" + LINES, r":2: the line ends"),
    "an empty id": (PLAIN + ",6,3\n", r"602: .*empty"),
    "an unclosed quote": (PLAIN + '"5,6,3\n', r"602: a quote is not closed"),
    "an empty file": ("", r"is empty"),
    "only a header": (HEADER, r"only a header"),
    "only blank lines": ("\n\n\n", r"blank lines"),
    "one column": ("user\n" + "1\n" * 100, r":1: no user, item and rating"),
    "two columns": ("user,item\n" + "1,2\n" * 100, r":1: no user, item and rating|:1: .*rating"),
    "zero bytes": ("\0" * 4096, r":1: "),
    "an endless line": ("9" * 3_000_000, r":1: "),
    "an endless id": (PLAIN + "7" * 70_000 + ",6,3\n", r"602: .*id"),
    "fewer ratings than a batch": (HEADER + "1,2,3\n" * 20, r"do not fill one batch"),
    "no UTF-8": (PLAIN.encode() + b"\xff\xfe,6,3\n", r"602: .*UTF-8"),
}

HARMLESS_FILES = {
    "carriage returns": PLAIN.replace("\n", "\r\n"),
    "a byte order mark": "\ufeff" + PLAIN,
    "no last newline": PLAIN[:-1],
    "no header": LINES,
    "tabs": PLAIN.replace(",", "\t"),
    "double colons": LINES.replace(",", "::"),
    "blank lines at the end": PLAIN + "\n\n",
    "a fourth column": "".join(line + ",881250949\n" for line in LINES.splitlines()),
}

# name: (arguments after SMALL and a good file, exit code, what the error says)
BAD_OPTIONS = {
    "an unknown option": (["--epoches", "3"], USAGE, r"unknown option '--epoches'"),
    "an unknown command": (["trian"], USAGE, r"'trian'"),
    "an option without its value": (["--epochs"], USAGE, r"'--epochs'"),
    "no epochs": (["--epochs", "0"], USAGE, r"'--epochs'"),
    "half an epoch": (["--epochs", "1.5"], USAGE, r"'--epochs'"),
    "a rate that is nan": (["--lr-max", "nan"], USAGE, r"'--lr-max'"),
    "a negative decay": (["--wd", "-1"], USAGE, r"'--wd'"),
    "a decay that takes all": (["--wd", "1000"], USAGE, r"'--wd'"),
    "an unknown model": (["--model", "neural"], USAGE, r"neural"),
    "a range upside down": (["--y-range", "5,1"], USAGE, r"'--y-range'"),
    "all to validate": (["--valid-pct", "1"], USAGE, r"'--valid-pct'"),
    "a mode to come": (["--consistency", "asp"], USAGE, r"asp"),
    "training ratings beside a data set": (["--train", "plain.csv"], USAGE, r"'--data' and '--train' exclude"),
    "a missing option file": (["--config", "none.conf"], USAGE, r"none\.conf"),
    "a missing start": (["--init", "none.safetensors"], DATA, r"none\.safetensors"),
    "a start that is text": (["--init", "plain.csv"], DATA, r"plain\.csv"),
    "a column that is not there": (["--rating-column", "stars"], DATA, r"stars"),
    "a rate that diverges": (["--y-range", "none", "--lr-max", "1e6", "--wd", "0", "--optimizer", "sgd"], DIVERGED,
                             r"diverged at step \d+"),
}


def write(folder, name, content):
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def both(check, name, arguments, code, wanted, folder):
    """Runs alone and on four ranks; after errors before training no run folder may exist."""
    for ranks in (None, 4):
        out = folder / f"out-{ranks}"
        refuses(check, name, ["--out", out, *arguments], code, wanted, folder, ranks, out, cwd=folder)
        if code in (USAGE, DATA) and out.exists():
            check.that(False, f"{name}: no folder of a run that never was", sorted(p.name for p in out.iterdir()))


def bad_files(check, folder):
    for name, (content, wanted) in BAD_FILES.items():
        path = write(folder, "bad.csv", content)
        both(check, name, [*SMALL, "--data", path], DATA, wanted, folder)


def bad_paths(check, folder):
    (folder / "directory").mkdir()
    untitled = folder / "untitled"
    untitled.mkdir()
    write(untitled, "u.data", LINES.replace(",", "\t"))
    plain = write(folder, "plain.csv", PLAIN)
    both(check, "no such file", [*SMALL, "--data", "none.csv"], DATA, r"'none\.csv'", folder)
    both(check, "an empty directory", [*SMALL, "--data", "directory"], DATA, r"'directory'", folder)
    both(check, "a directory for a file", [*SMALL, "--train", "directory", "--valid", plain], DATA, r"directory", folder)
    both(check, "training ratings alone", [*SMALL, "--train", plain], USAGE, r"'--train' needs '--valid'", folder)
    both(check, "a missing title file", [*SMALL, "--data", "untitled", "--item-key", "title"], DATA, r"u\.item", folder)
    both(check, "a device for a file", [*SMALL, "--data", "/dev/zero"], DATA, r"/dev/zero", folder)


def order(steps, row):
    """An npy file with this number of steps of 32 samples, all of the same row."""
    header = f"{{'descr': '<i4', 'fortran_order': False, 'shape': ({steps}, 32), }}".ljust(117) + "\n"
    return b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header.encode() \
        + row.to_bytes(4, "little", signed=True) * (steps * 32)


def bad_orders(check, folder):
    """Batch orders that do not fit: 600 ratings in batches of 32 make 18 steps an epoch."""
    plain = write(folder, "plain.csv", PLAIN)
    common = [*SMALL, "--train", plain, "--valid", plain, "--batch-order"]
    both(check, "an order too short", [*common, write(folder, "short.npy", order(35, 1))], DATA, r"35 steps of 32", folder)
    both(check, "an order beyond the ratings", [*common, write(folder, "beyond.npy", order(36, 600))], DATA, r"600", folder)
    both(check, "an order below zero", [*common, write(folder, "below.npy", order(36, -1))], DATA, r"-1", folder)
    both(check, "an order that is text", [*common, plain], DATA, r"plain\.csv", folder)


def bad_options(check, folder):
    plain = write(folder, "plain.csv", PLAIN)
    for name, (arguments, code, wanted) in BAD_OPTIONS.items():
        both(check, name, [*SMALL, "--data", plain, *arguments], code, wanted, folder)


def too_few_ranks(check, folder):
    plain = write(folder, "plain.csv", PLAIN)
    for shape in (["--servers", 3, "--workers", 4], ["--servers", 4], ["--workers", 9]):
        refuses(check, f"too few ranks for {' '.join(map(str, shape))}",
                [*SMALL, "--data", plain, "--out", folder / "out", *shape], USAGE, r"do not fit on 4 ranks", folder, 4,
                folder / "out")


def harmless_files(check, folder):
    """Each must give the model of the plain file."""
    want = None
    for name, content in {"plain": PLAIN, **HARMLESS_FILES}.items():
        path = write(folder, f"{name}.csv", content)
        run = launch.launch([*SMALL, "--data", path, "--out", folder / name], seconds=40)
        if not check.that(run.code == 0, f"{name}: trains", run.stderr[-300:] if run.code else ""):
            continue
        want = want or records.model_hash(folder / name)
        check.that(records.model_hash(folder / name) == want, f"{name}: the plain file's model")


def main():
    check = Verdict("mpi/bad-inputs")
    for part in (bad_files, bad_paths, bad_orders, bad_options, too_few_ranks, harmless_files):
        if not sys.argv[1:] or part.__name__ in sys.argv[1:]:
            with tempfile.TemporaryDirectory() as folder:
                part(check, Path(folder))
    check.finish()


main()
