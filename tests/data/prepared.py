"""Prepared sets: they give the curve and the fingerprint of the text file, and damaged ones give one error line.

    prepared.py
"""

import os
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tools"))
import launch  # noqa: E402
import records  # noqa: E402
from refusal import DATA, USAGE, refuses  # noqa: E402
from verdict import Verdict  # noqa: E402

SMALL = ["--factors", 4, "--epochs", 2, "--batch-size", 32, "--progress", "none"]
ROWS = [(user, item, (user * 7 + item * item * 3 + user * item) % 5 + 1) for user in range(1, 31) for item in range(1, 21)]
TEXT = "user,item,rating\n" + "".join(f"{user},{item},{rating}\n" for user, item, rating in reversed(ROWS))
# Of the header in common/data/prepared_format.h.
VERSION = 8
ODD = "who;what;much\n" + "".join(f"u{user};i {item};{rating / 7 + user / 9 + item:.6f}\n" for user, item, rating in ROWS)


def prepare(folder, name, *options):
    out = folder / f"{name}.set"
    return launch.launch(["prepare", *options, "--out", out], seconds=60), out


def titled(folder):
    """A folder in a MovieLens layout, two of whose items share a title."""
    (folder / "ml").mkdir()
    (folder / "ml" / "u.data").write_text("".join(f"{user}\t{item}\t{rating}\t1\n" for user, item, rating in ROWS))
    (folder / "ml" / "u.item").write_text("".join(f"{item}|Title {max(item, 3)}|x\n" for item in range(1, 21)))
    return folder / "ml"


def sets(folder):
    """{name: options that name the text}."""
    (folder / "plain.csv").write_text(TEXT)
    (folder / "odd.csv").write_text(ODD + "1;2;NA\n")
    (folder / "valid.csv").write_text("user,item,rating\n1,2,3\n99,2,4\n3,77,5\n")
    (folder / "wide.csv").write_text("".join(",".join(str(rating) for row, _, rating in ROWS if row == user) + ",99\n"
                                             for user in range(1, 31)))
    return {
        "plain": ["--data", folder / "plain.csv"],
        "titled": ["--data", titled(folder)],
        "odd": ["--data", folder / "odd.csv", "--user-column", "who", "--item-column", "2", "--rating-column", "much",
                "--skip-bad", "1"],
        "wide": ["--data", folder / "wide.csv", "--layout", "wide", "--missing", "99"],
        "two files": ["--train", folder / "plain.csv", "--valid", folder / "valid.csv"],
    }


def the_same_as_the_text(check, folder):
    for name, options in sets(folder).items():
        run, path = prepare(folder, name, *options)
        if not check.that(run.code == 0, f"{name}: is prepared", run.stderr[-300:] if run.code else run.stdout.strip()):
            continue
        outs = {"text": folder / f"{name}-text"}
        launch.launch([*SMALL, *options, "--out", outs["text"]], seconds=60)
        for ranks in (None, 3):
            outs[ranks] = folder / f"{name}-{ranks}"
            run = launch.launch([*SMALL, "--data", path, "--out", outs[ranks]], ranks, 60)
            if not check.that(run.code == 0, f"{name}: trains, {ranks or 1} ranks", run.stderr[-300:] if run.code else ""):
                continue
            check.that(records.model_hash(outs[ranks]) == records.model_hash(outs["text"]) and
                       records.curve_hash(outs[ranks]) == records.curve_hash(outs["text"]), f"{name}: the text's curve")
            said = [records.read_record(outs[which])["data"] for which in ("text", ranks)]
            check.that(said[0]["fingerprint"] == said[1]["fingerprint"], f"{name}: the text's fingerprint")
            check.that((outs[ranks] / "movies.tsv").read_text() == (outs["text"] / "movies.tsv").read_text(),
                       f"{name}: the text's ids and titles")
    first, second = (folder / "plain.set").read_bytes(), prepare(folder, "again", "--data", folder / "plain.csv")[1].read_bytes()
    check.that(first == second, "the same text gives the same bytes")
    check.that(len(first) < 8 * 600 + 4096 + 4096, "8 bytes a rating", f"{len(first)} bytes for 600 ratings")


def train_refuses(check, folder, name, content, wanted, ranks=None):
    path = folder / "bad.set"
    path.write_bytes(content)
    out = folder / "out"
    refuses(check, name, [*SMALL, "--data", path, "--out", out], DATA, wanted, folder, ranks, out)


def damaged_sets(check, folder):
    good = (folder / "plain.set").read_bytes()
    for name, at in (("the header", 100), ("the last of the header", 700), ("names", len(good) // 2 - 2400), ("ratings", len(good) - 9)):
        changed = bytearray(good)
        changed[at] ^= 4
        train_refuses(check, folder, f"damage in {name}", bytes(changed), r"is damaged")
    train_refuses(check, folder, "damage, met by one of four ranks", good[:-1] + bytes([good[-1] ^ 1]), r"is damaged", 4)
    for length in (9, 20, 300, len(good) // 2, len(good) - 1):
        train_refuses(check, folder, f"cut to {length} bytes", good[:length], r"is truncated")
    train_refuses(check, folder, "a byte too many", good + b"\0", r"is damaged: it is too long")
    newer = good[:VERSION] + (2).to_bytes(4, "little") + good[VERSION + 4:]
    train_refuses(check, folder, "a newer version", newer, r"is of version 2, and this program reads version 1")
    train_refuses(check, folder, "line ends changed on the way", good.replace(b"\r\n", b"\n", 1), r"its line ends were converted")
    # Every byte of the parts that are always verified.
    missed = [at for at in range(8, 400, 37) if launch.launch(
        [*SMALL, "--data", write(folder / "bad.set", good[:at] + bytes([good[at] ^ 1]) + good[at + 1:]), "--out", folder / "out"]).code != DATA]
    check.that(not missed, "no changed byte of the header is taken", missed)


def write(path, content):
    path.write_bytes(content)
    return path


def changed_texts(check, folder):
    text, out = folder / "plain.csv", folder / "out"
    arguments = [*SMALL, "--data", folder / "plain.set", "--out", out]
    was = text.stat()
    os.utime(text, ns=(was.st_atime_ns, was.st_mtime_ns + 10**9))
    run = launch.launch([*arguments, "--overwrite"], seconds=60)
    check.that(run.code == 0, "a text that was only touched", run.stderr[-200:] if run.code else "")
    records_of_it = out / "model.safetensors"
    records_of_it.unlink(missing_ok=True)
    out = folder / "out-changed"
    arguments = [*SMALL, "--data", folder / "plain.set", "--out", out]
    text.write_text(TEXT.replace("1,1,", "1,2,", 1))
    refuses(check, "another text of the same length", arguments, DATA, r"plain\.csv' has changed since", folder, None, out)
    text.write_text(TEXT + "1,2,3\n")
    refuses(check, "a longer text", arguments, DATA, r"plain\.csv' has changed since", folder, 4, out)
    text.unlink()
    run = launch.launch(arguments, seconds=60)
    check.that(run.code == 0, "a text that is gone", run.stderr[-200:] if run.code else "")


def options_that_do_not_fit(check, folder):
    for name, given, wanted in (("a column", ["--user-column", "2"], r"--user-column is for reading text"),
                                ("titles", ["--item-key", "title"], r"--item-key is for reading text"),
                                ("a matrix", ["--layout", "wide"], r"--layout is for reading text")):
        refuses(check, f"{name} of a prepared set", [*SMALL, "--data", folder / "plain.set", *given], USAGE, wanted, folder)
    refuses(check, "nowhere to write to", ["prepare", "--data", folder / "odd.csv"], USAGE, r"needs '--out FILE'", folder)
    refuses(check, "a set of a set", ["prepare", "--data", folder / "plain.set", "--out", folder / "x.set"], USAGE,
            r"is a prepared set already", folder)
    refuses(check, "bad data", ["prepare", "--data", folder / "odd.csv", "--out", folder / "x.set"], DATA, r"odd\.csv:602: ", folder)
    check.that(not (folder / "x.set").exists(), "no set is left of what failed")
    refuses(check, "a folder that is not there", ["prepare", "--data", folder / "odd.csv", "--skip-bad", "1", "--out", folder / "no" / "x"],
            6, r"no/x", folder)


def main():
    check = Verdict("data/prepared")
    with tempfile.TemporaryDirectory() as name:
        for part in (the_same_as_the_text, damaged_sets, options_that_do_not_fit, changed_texts):
            part(check, Path(name))
    check.finish()


main()
