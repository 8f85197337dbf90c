"""Each rank reads a part of a file: whatever is at the boundaries, four ranks read the same as one.

    shared.py
"""

import gzip
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tools"))
import launch  # noqa: E402
import records  # noqa: E402
from refusal import DATA, refuses  # noqa: E402
from verdict import Verdict  # noqa: E402

SMALL = ["--factors", 4, "--epochs", 1, "--batch-size", 32, "--progress", "none"]
ROWS = [(user, item, (user * 7 + item * item * 3 + user * item) % 5 + 1) for user in range(1, 31) for item in range(1, 21)]
HEADER = "user,item,rating,review\n"


def lines(pattern):
    return HEADER + "".join(pattern.format(u=user, i=item, r=rating) + "\n" for user, item, rating in ROWS)


def with_bad(count):
    """Inserts bad lines at regular distances."""
    text = lines("{u},{i},{r},x").splitlines(keepends=True)
    return "".join(line + ("1,2,NA,x\n" if number and number % count == 0 else "") for number, line in enumerate(text))


# name: (file, further options)
FILES = {
    "plain": (lines("{u},{i},{r},x"), []),
    "ids of letters": (lines("user {u},\"item, {i}\",{r},x"), []),
    "text over lines": (lines("{u},{i},{r},\"yes,\n1,2,3,\nno\""), []),
    "text over lines in one place": (lines("{u},{i},{r},x").replace("15,10,", "\"15\",10,") + "1,2,3,\"a\nb\"\n", []),
    "packed": (gzip.compress(lines("{u},{i},{r},x").encode()), []),
    "returns alone": (lines("{u},{i},{r},x").replace("\n", "\r"), []),
    "blank lines": (lines("{u},{i},{r},x\n\n"), []),
    "bad lines": (with_bad(20), ["--skip-bad", "all"]),
    "repeated pairs": (lines("{u},{i},{r},x") + lines("{u},{i},{r},x")[len(HEADER):], []),
    "a matrix": ("".join("20," + ",".join(str(rating) for row, _, rating in ROWS if row == user) + "\n"
                         for user in range(1, 31)), ["--layout", "wide"]),
    "fewer lines than ranks have": (HEADER + "1,2,3,x\n", ["--valid-pct", "0", "--batch-size", "1"]),
}


def what_is_said(out):
    """The data section of a run's record, without the memory of its samples."""
    data = records.read_record(out)["data"]
    return {key: value for key, value in data.items() if key != "sample_bytes"}


def one_and_four(check, folder):
    for name, (content, options) in FILES.items():
        path = folder / "ratings"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        outs = {ranks: folder / f"{name}-{ranks}" for ranks in (None, 4)}
        runs = {ranks: launch.launch([*SMALL, "--data", path, "--out", out, *options], ranks, 60)
                for ranks, out in outs.items()}
        if not check.that(all(run.code == 0 for run in runs.values()), f"{name}: trains",
                          "".join(run.stderr[-300:] for run in runs.values() if run.code)):
            continue
        check.that(records.model_hash(outs[None]) == records.model_hash(outs[4]), f"{name}: the same model on four ranks")
        check.that(what_is_said(outs[None]) == what_is_said(outs[4]), f"{name}: the same is said of the data")


def a_split_of_two_files(check, folder):
    train, valid = folder / "train.csv", folder / "valid.csv"
    train.write_text(lines("{u},{i},{r},x"))
    valid.write_text(HEADER + "1,2,3,x\n99,2,4,x\n3,77,5,x\n")
    outs = {ranks: folder / f"split-{ranks}" for ranks in (None, 4)}
    for ranks, out in outs.items():
        launch.launch([*SMALL, "--train", train, "--valid", valid, "--out", out], ranks, 60)
    check.that(records.model_hash(outs[None]) == records.model_hash(outs[4]), "a split of two files: the same model")
    check.that(records.curve_hash(outs[None]) == records.curve_hash(outs[4]), "and the same losses")


def one_error(check, folder):
    path = folder / "bad.csv"
    path.write_text(with_bad(100))
    refuses(check, "the first of bad lines", [*SMALL, "--data", path], DATA, r"bad\.csv:102: rating 'NA'", folder, 4)
    refuses(check, "the line that is one too many", [*SMALL, "--data", path, "--skip-bad", "3"], DATA,
            r"bad\.csv:405: rating 'NA'", folder, 4)
    path.write_text(HEADER)
    refuses(check, "a header alone", [*SMALL, "--data", path], DATA, r"only a header", folder, 4)


def main():
    check = Verdict("data/shared")
    with tempfile.TemporaryDirectory() as name:
        for part in (one_and_four, a_split_of_two_files, one_error):
            part(check, Path(name))
    check.finish()


main()
