"""--init from a run with other ids: rows are found by id, new ids get initial values, on any ranks.

A model of MovieLens-100k is the start of a run on ratings in which some users are missing, some are new, and items are
identified by id. With a learning rate of almost 0 the new model shows the origin of each row.
"""

import re
import tempfile
from pathlib import Path

import trained
from arrays import numpy
from verdict import Verdict

STILL = ["--lr-max", "1e-12", "--wd", "0", "--epochs", "1", "--batch-size", "4096"]


def write_others(path):
    """Writes ratings in which every third user is missing, and users above 900 have other ids."""
    kept = [(str(int(u) + 10000) if int(u) > 900 else u, m, r) for u, m, r in trained.movielens() if int(u) % 3]
    path.write_text("user,item,rating\n" + "".join(f"{u},{m},{r:g}\n" for u, m, r in kept))
    return path


def by_id(run, name, tensor):
    """{id: row of a tensor}, with an entry for each id of a group."""
    return {id_: row for (ids, *_), row in zip(trained.names(run / name), trained.tensors(run / "model.safetensors")[tensor])
            for id_ in ids.split("|")}


def check_rows(check, first, second, name, tensor):
    old, new = by_id(first, name, tensor), by_id(second, name, tensor)
    known = [id_ for id_ in new if id_ in old]
    fresh = [id_ for id_ in new if id_ not in old]
    furthest = max(float(numpy.abs(old[id_] - new[id_]).max()) for id_ in known)
    check.at_most(f"{tensor}: {len(known)} rows of known ids", furthest, 1e-6)
    if fresh:
        largest = max(float(numpy.abs(new[id_]).max()) for id_ in fresh)
        check.that(0 < largest <= 0.02, f"{tensor}: {len(fresh)} rows of new ids are fresh", f"largest {largest:.4f}")
    return len(known), len(fresh)


def main():
    check = Verdict("using/warm_start")
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        first = trained.train(folder / "first", "--epochs", "1")
        others = write_others(folder / "others.csv")
        runs = []
        for ranks in (None, 4):
            out = folder / f"ranks-{ranks}"
            done = trained.launch.launch(["--data", others, "--init", first, "--out", out, "--progress", "none", *STILL],
                                         ranks)
            check.equal(f"{ranks or 1} ranks: exit code", done.code, 0)
            runs.append((out, done.stderr))
        out, said = runs[0]
        known, fresh = check_rows(check, first, out, "users.tsv", "user_factors.weight")
        check_rows(check, first, out, "movies.tsv", "movie_factors.weight")
        check_rows(check, first, out, "movies.tsv", "movie_bias.weight")
        told = re.search(r"has rows for (\d+) of (\d+) users", said)
        check.equal("what it says of users", told and [int(n) for n in told.groups()], [known - 1, known + fresh - 1])
        models = [(run / "model.safetensors").read_bytes() for run, _ in runs]
        check.that(models[0] == models[1], "four ranks start from the same rows")
        check.that("\nsame: curve " in trained.use("replay", out).stdout, "replay says same")
        (first / "users.tsv").write_text((first / "users.tsv").read_text().replace("\t196\n", "\t1960\n"))
        check.equal("replay once a name has changed", trained.use("replay", out).returncode, 3)
    check.finish()


main()
