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


BLOCK = ["--solver", "block", "--factors", 4, "--epochs", 2, "--progress", "none"]
MANY = 150_000


def many_ratings(folder):
    """150,000 ratings by 500 users, not sorted by user: more than a megabyte, two blocks of the file."""
    path = folder / "many.csv"
    path.write_text("".join(f"{at * 7919 % 500},{at % 300},{at * at % 9 / 2 + 0.5}\n" for at in range(MANY)))
    return path


def hashes(out):
    return records.model_hash(out), records.curve_hash(out), records.read_record(out)["data"]["fingerprint"]


def the_block_solver_reads_it_in_place(check, folder):
    text, spilled = many_ratings(folder), ["--memory", 1]
    sets = [prepare(folder, name, "--data", text, *options) for name, options in (("many", []), ("less", spilled))]
    if not check.that(all(run.code == 0 for run, _ in sets), "two blocks: prepared", [run.stderr[-200:] for run, _ in sets]):
        return
    check.that(sets[0][1].read_bytes() == sets[1][1].read_bytes(), "the same bytes in a megabyte of memory")
    wanted = None
    for name, options, ranks in (("the text", ["--data", text], None), ("a set", ["--data", sets[0][1]], None),
                                 ("a set, three threads", ["--data", sets[0][1], "--threads", 3], None),
                                 ("a set, more than the memory", ["--data", sets[0][1], "--threads", 2, *spilled], None),
                                 ("a set, 3 ranks", ["--data", sets[0][1]], 3),
                                 ("a set, 5 ranks, more than the memory", ["--data", sets[0][1], *spilled], 5)):
        out = folder / f"block-{name}"
        run = launch.launch([*BLOCK, *options, "--out", out], ranks, 60)
        if check.that(run.code == 0, f"block solver: {name} trains", run.stderr[-300:] if run.code else ""):
            wanted = wanted or hashes(out)
            check.that(hashes(out) == wanted, f"block solver: {name}: the text's curve")
            notes = records.read_record(out)["data"]["notes"]
            check.that("repeat a pair" in str(notes), f"block solver: {name}: repeated pairs are told", notes)


def a_place_twice(check, folder):
    """The places of the first and the last rating are made equal, and checksums mended."""
    good = (folder / "many.set").read_bytes()
    first = len(good) - 8 * MANY
    changed = bytearray(good)
    words = [int.from_bytes(changed[at:at + 8], "little") for at in (first, len(good) - 8)]
    shift = 9 + 4  # 301 rows of movies, nine values
    words[1] = words[1] & ((1 << shift) - 1) | words[0] >> shift << shift
    changed[-8:] = words[1].to_bytes(8, "little")
    mend(changed, first)
    for name, options, ranks in (("alone", SMALL, None), ("on 4 ranks", SMALL, 4), ("for the block solver", BLOCK, None),
                                 ("for the block solver on 4 ranks", BLOCK, 4)):
        path, out = write(folder / "bad.set", bytes(changed)), folder / "out"
        refuses(check, f"a place twice, {name}", [*options, "--data", path, "--out", out], DATA,
                r"two of its ratings have one place", folder, ranks, out)


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc = crc >> 8 ^ CRC_TABLE[(crc ^ byte) & 255]
    return crc ^ 0xFFFFFFFF


def crc_table():
    table = list(range(256))
    for _ in range(8):
        table = [value >> 1 ^ (0x82F63B78 if value & 1 else 0) for value in table]
    return table


CRC_TABLE = crc_table()


def mend(content, first):
    """Mends the checksum of the last block of ratings, that of the section of checksums, and that of the header, whose
    layout is that of common/data/prepared_format.h."""
    block = first + (8 * MANY - 1) // (1 << 20) * (1 << 20)
    size = int.from_bytes(content[12:16], "little")
    section = size - 8 - 2 * 24
    offset, length = (int.from_bytes(content[section + at:section + at + 8], "little") for at in (0, 8))
    content[offset + length - 4:offset + length] = crc32c(content[block:]).to_bytes(4, "little")
    content[section + 16:section + 20] = crc32c(content[offset:offset + length]).to_bytes(4, "little")
    content[size - 4:size] = crc32c(content[:size - 4]).to_bytes(4, "little")


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
        for part in (the_same_as_the_text, the_block_solver_reads_it_in_place, a_place_twice, damaged_sets, options_that_do_not_fit, changed_texts):
            part(check, Path(name))
    check.finish()


main()
