"""Formats of ratings files, tested with the whole program: the model does not depend on the compression, the banner lists the
columns used, the range is automatic, bad lines are skipped.

    reading.py
"""

import gzip
import io
import re
import sys
import tempfile
import zipfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tools"))
import launch  # noqa: E402
import records  # noqa: E402
from refusal import USAGE, DATA, refuses  # noqa: E402
from verdict import Verdict  # noqa: E402

SMALL = ["--factors", 4, "--epochs", 2, "--batch-size", 32, "--progress", "none"]
ROWS = [(user, item, (user * 7 + item * item * 3 + user * item) % 5 + 1) for user in range(1, 31) for item in range(1, 21)]
TEXT = "who,what,much\n" + "".join(f"{user},{item},{rating}\n" for user, item, rating in ROWS)
WIDE = "".join("20," + ",".join(str(rating - 6) for row, _, rating in ROWS if row == user) + "\n" for user in range(1, 31))


def zipped(text):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("set/ratings.csv", text)
    return packed.getvalue()


# name of the file: its bytes
PACKED = {
    "plain.csv": TEXT.encode(),
    "packed.csv.gz": gzip.compress(TEXT.encode()),
    "packed.zip": zipped(TEXT),
    "utf16.txt": ("\ufeff" + TEXT.replace(",", "\t")).encode("utf-16-le"),
    "returns.csv": TEXT.replace("\n", "\r").encode(),
}


def train(folder, name, *options, ranks=None):
    """Trains on folder/name into folder/'of-'name."""
    out = folder / f"of-{name}"
    return launch.launch([*SMALL, "--data", folder / name, "--out", out, *options], ranks, 60), out


def one_model(check, folder):
    want = None
    for name, content in PACKED.items():
        (folder / name).write_bytes(content)
        run, out = train(folder, name)
        if not check.that(run.code == 0, f"{name}: trains", run.stderr[-300:] if run.code else ""):
            continue
        want = want or records.model_hash(out)
        check.that(records.model_hash(out) == want, f"{name}: the plain file's model")
        check.that("user = column 1 'who', item = column 2 'what', rating = column 3 'much'" in run.stderr,
                   f"{name}: the banner says which columns were taken")
    prints = [records.read_record(folder / f"of-{name}")["data"]["fingerprint"] for name in ("plain.csv", "packed.zip")]
    check.that(prints[0] == prints[1], "a packed file has the fingerprint of its text", prints[0][:16])


def a_matrix(check, folder):
    (folder / "wide.csv").write_text(WIDE)
    run, out = train(folder, "wide.csv", "--layout", "wide")
    if not check.that(run.code == 0, "a matrix trains", run.stderr[-300:] if run.code else ""):
        return
    record = records.read_record(out)
    check.that(record["data"]["ratings"] == 600 and record["data"]["users"] == 31, "its ratings and users")
    low, high = record["model"]["y_range"]
    check.that(abs(low + 5.4) < 1e-6 and abs(high + 0.6) < 1e-6, "negative ratings: a tenth of margin at both ends",
               f"{low} to {high}")


def skipped_lines(check, folder):
    (folder / "bad.csv").write_text(TEXT + "1,2,NA\n")
    for ranks in (None, 4):
        run, out = train(folder, "bad.csv", "--skip-bad", "1", "--overwrite", ranks=ranks)
        check.that(run.code == 0 and re.search(r"note: 1 line that cannot be read was left out", run.stderr),
                   f"a skipped line is told, {ranks or 1} ranks", run.stderr[-300:] if run.code else "")
        notes = records.read_record(out)["data"]["notes"]
        check.that(len(notes) == 2 and "bad.csv:602: rating 'NA' is not a number" in notes[1], "and recorded", notes)
    refuses(check, "one bad line too many", [*SMALL, "--data", folder / "bad.csv"], DATA, r"602: rating 'NA'", folder)


def options_that_do_not_fit(check, folder):
    plain = folder / "plain.csv"
    for name, given, wanted in (("a word for a number of lines", ["--skip-bad", "some"], r"'--skip-bad' is a number"),
                                ("a missing value in a long file", ["--missing", "99"], r"'--missing' needs"),
                                ("an item column in a matrix", ["--layout", "wide", "--item-column", "2"], r"'--item-column'")):
        refuses(check, name, [*SMALL, "--data", plain, *given], USAGE, wanted, folder)
    refuses(check, "a folder for a matrix", [*SMALL, "--data", folder / "set", "--layout", "wide"], USAGE, r"reads a file", folder)


def one_file_twice(check, folder):
    """Validation on the training ratings is allowed with a warning, whatever the names of the files."""
    names = {"train.csv": TEXT, "same.csv": TEXT, "other.csv": "\n".join(TEXT.splitlines()[:40]) + "\n"}
    for name, text in names.items():
        (folder / name).write_text(text)
    for valid, warned in (("same.csv", True), ("other.csv", False)):
        run = launch.launch([*SMALL, "--train", folder / "train.csv", "--valid", folder / valid, "--out", folder / f"out-{valid}"], None, 60)
        check.equal(f"--train train.csv --valid {valid}: exit code", run.code, 0)
        check.equal("warned of one file", "hold the same ratings" in run.stderr, warned)


def main():
    check = Verdict("data/reading")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "set").mkdir()
        (folder / "set" / "u.data").write_text(TEXT.replace(",", "\t"))
        for part in (one_model, a_matrix, skipped_lines, options_that_do_not_fit, one_file_twice):
            part(check, folder)
    check.finish()


main()
