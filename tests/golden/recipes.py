"""--recipe, --offset auto, --batch-size auto and --fold, tested with the whole program.

The values set by a recipe are recorded with their source; explicit options take precedence; a run with a recipe can be
replayed; ranks change no bit of it, although only the first rank knows the size of an 'auto' batch before all have read.
"""

import json
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tools"))
import arrays  # noqa: E402,F401
import launch  # noqa: E402
import records  # noqa: E402
import run_files  # noqa: E402
from verdict import Verdict  # noqa: E402

DENSE, SPARSE = (["--users", 60, "--movies", 80, "--ratings", 4000], ["--users", 900, "--movies", 1200, "--ratings", 4000])
SHORT = ["--epochs", 2, "--progress", "none"]


def train(check, name, scratch, arguments, ranks=None):
    """(record, model hash) of a run, or None."""
    out = Path(scratch) / name.replace(" ", "-")
    run = launch.launch([*SHORT, *arguments, "--out", out], ranks)
    if not check.that(run.code == 0, f"{name}: trains", run.stderr[-400:] if run.code else ""):
        return None
    return records.read_record(out), records.model_hash(out)


def check_recipe(check, data, scratch):
    best, model = train(check, "best", scratch, ["--recipe", "best", "--data", data])
    options = best["options"]
    for name, value, source in (("factors", "100", "recipe"), ("wd", "auto", "recipe"), ("epochs", "2", "command line"),
                                ("seed", "42", "default"), ("batch-size", "auto", "recipe"), ("recipe", "best", "command line")):
        got = options[name]["value"], options[name]["source"]
        check.equal(f"best: {name}", got, (value, source))
    check.equal("best: the smallest batch there is", best["training"], {"batch_size": 16, "steps_per_epoch": 200, "optimizer": "adam", "epochs": 2, "lr_max": 0.003, "wd": 0.35, "wd_bias": 0.03, "wd_item_bias": 0.03, "keeps_biases": False})
    for name, ranks, more in (("nodes", None, ["--servers", 2, "--workers", 3]), ("ranks over tcp", 4, ["--transport", "tcp"])):
        record, other = train(check, f"best, {name}", scratch, ["--recipe", "best", "--data", data, *more], ranks)
        check.equal(f"best, {name}: model", other, model)
        check.equal(f"best, {name}: baselines", record["baselines"], best["baselines"])
    replay = launch.launch(["replay", Path(scratch) / "best", "--progress", "none"])
    check.that(replay.code == 0 and "\nsame" in f"\n{replay.stdout}", "a run by a recipe replays", replay.stdout[:60] + replay.stderr[-200:])
    _, spelled = train(check, "spelled out", scratch, ["--data", data, "--factors", 100, "--lr-max", 0.003, "--wd", 0.35, "--wd-bias", 0.03,
                                                       "--batch-size", 16])
    check.equal("the recipe spelled out: model", spelled, model)
    plain = train(check, "plain", scratch, ["--data", data])[1]
    check.equal("notebook is the default", train(check, "notebook", scratch, ["--recipe", "notebook", "--data", data])[1], plain)


def check_sparse(check, data, scratch):
    """Few ratings per row: sgd with an offset of the mean and a decay chosen with part of the training ratings, on any ranks."""
    best, model = train(check, "best of few", scratch, ["--recipe", "best", "--data", data])
    training = best["training"]
    check.equal("few: optimizer", training["optimizer"], "sgd")
    check.that(best["model"]["offset"] != 0 and min(training[name] for name in ("wd", "wd_bias", "wd_item_bias")) > 0, "few: offset and decays", str(training))
    check.equal("few: the option is still 'auto'", best["options"]["wd-bias"]["value"], "auto")
    for name, ranks, more in (("nodes", None, ["--servers", 2, "--workers", 3]), ("ranks", 4, [])):
        record, other = train(check, f"best of few, {name}", scratch, ["--recipe", "best", "--data", data, *more], ranks)
        check.equal(f"few, {name}: model", other, model)
        check.equal(f"few, {name}: training", record["training"], training)
    replay = launch.launch(["replay", Path(scratch) / "best-of-few", "--progress", "none"])
    check.that(replay.code == 0 and "\nsame" in f"\n{replay.stdout}", "few: replays", replay.stdout[:60] + replay.stderr[-200:])
    check.that(training["keeps_biases"], "few: keeps the biases", str(training))
    train(check, "few, shorter", scratch, ["--recipe", "best", "--data", data, "--epochs", 1])
    shorter, longer = (run_files.read_safetensors(Path(scratch) / name / "model.safetensors") for name in ("few,-shorter", "best-of-few"))
    for table in ("user", "movie"):
        check.that((shorter[f"{table}_bias.weight"] == longer[f"{table}_bias.weight"]).all(), f"few: {table} biases stay")
        check.that((shorter[f"{table}_factors.weight"] != longer[f"{table}_factors.weight"]).any(), f"few: {table} factors are trained")
    spelled = train(check, "few, sgd by name", scratch, ["--recipe", "best", "--data", data, "--optimizer", "sgd", "--offset", "mean"])
    check.equal("few, sgd by name: model", spelled[1], model)
    unvalidated = train(check, "few, all trained", scratch, ["--recipe", "best", "--data", data, "--valid-pct", 0])[0]
    check.equal("few, all trained: optimizer", unvalidated["training"]["optimizer"], "sgd")


def check_scales(check, scratch):
    """Sums of biases want a wide range; and on whatever scale ratings are, the same is made of them."""
    found = {}
    for scale in (1, 20):
        file = Path(scratch) / f"sums-{scale}.csv"
        pairs = [(n * 37 % 600, n * 53 % 701) for n in range(4000)]
        file.write_text("user,item,rating\n" + "".join(
            f"{user},{item},{scale * (5 - 1.6 * (user % 3) - 1.6 * (item % 2)):.6g}\n" for user, item in pairs), encoding="utf-8")
        record = found[scale] = train(check, f"sums, times {scale}", scratch, ["--recipe", "best", "--data", file, "--epochs", 16])[0]
        check.equal(f"sums, times {scale}: optimizer", record["training"]["optimizer"], "sgd")
        low, high = record["model"]["y_range"]
        check.at_most(f"sums, times {scale}: range", abs(low / scale + 5.5) + abs(high / scale - 11), 1e-5)
        check.that(record["result"]["valid_loss"] < record["baselines"]["mean_loss"] / 2, f"sums, times {scale}: loss", str(record["result"]))
    small, large = (found[scale]["result"]["valid_loss"] * 400 / scale ** 2 for scale in (1, 20))
    check.at_most("sums: one loss on both scales", abs(small / large - 1), 0.01)


def check_blocks(check, data, scratch):
    """A recipe leaves a solver its own defaults; those follow from the numbers of ratings and rows, the range and the epochs."""
    record = train(check, "best in blocks", scratch, ["--recipe", "best", "--solver", "block", "--data", data])[0]
    check.equal("blocks: rate and decay", settled(record), (2, 0.06, 0.141))
    check.equal("blocks: the recipe's factors", record["options"]["factors"]["value"], "100")
    blocks = ["--solver", "block", "--data", data]
    for name, more, expected in (("epochs", ["--epochs", "auto"], (20, 0.0163, 0.141)), ("range", ["--y-range=-2.75,8.25"], (2, 0.015, 0.565)),
                                 ("no range", ["--y-range", "none"], (2, 0.06, 0.141)), ("a decay", ["--wd", 0.01], (2, 0.06, 0.01)),
                                 ("adagrad", ["--optimizer", "adagrad"], (2, 0.1, 0.01))):
        check.equal(f"blocks: {name}", settled(train(check, f"blocks, {name}", scratch, [*blocks, *more])[0]), expected)


def settled(record):
    return tuple(record["training"][name] for name in ("epochs", "lr_max", "wd"))


def check_earlier_defaults(check, data, scratch):
    """A replay uses the recorded defaults, here those of the first version of the block solver."""
    train(check, "earlier", scratch, ["--solver", "block", "--data", data, "--epochs", 10, "--lr-max", 0.03, "--wd", 0.1])
    path = Path(scratch) / "earlier" / "run.json"
    record = json.loads(path.read_text(encoding="utf-8"))
    for name in ("epochs", "lr-max", "wd"):
        record["options"][name]["source"] = "default"
    path.write_text(json.dumps(record), encoding="utf-8")
    replay = launch.launch(["replay", path.parent, "--progress", "none"])
    check.that(replay.code == 0 and "\nsame" in f"\n{replay.stdout}", "a run with earlier defaults replays", replay.stdout[-300:] + replay.stderr[-200:])


def check_offset(check, name, data, scratch, begins_at_mean):
    kinds = {kind: train(check, f"{name} {kind}", scratch, ["--data", data, "--offset", kind]) for kind in ("none", "mean", "auto")}
    check.equal(f"{name}: auto", kinds["auto"][1], kinds["mean" if begins_at_mean else "none"][1])
    check.equal(f"{name}: no offset", kinds["none"][0]["model"]["offset"], 0.0)
    check.that(kinds["mean"][0]["model"]["offset"] != 0.0, f"{name}: offset", str(kinds["mean"][0]["model"]["offset"]))


def check_folds(check, data, scratch):
    """The baselines depend only on the split: their mean over the folds' training ratings is that of all ratings."""
    found = [train(check, f"fold {fold}", scratch, ["--data", data, "--fold", f"{fold}/4"])[0] for fold in range(1, 5)]
    check.equal("folds: ratings to validate on", sum(record["data"]["valid"] for record in found), 4000)
    total = sum(record["baselines"]["mean"] * record["data"]["train"] for record in found)
    whole = train(check, "whole", scratch, ["--data", data, "--valid-pct", 0])[0]
    check.at_most("folds: each rating is trained on three times", abs(total / 3 / 4000 - whole["baselines"]["mean"]), 1e-7)
    check.equal("without validation there are no baselines to beat", whole["baselines"]["biases_loss"], None)


def main():
    check = Verdict("golden/recipes")
    with tempfile.TemporaryDirectory() as scratch:
        sets = {}
        for name, arguments in (("dense", DENSE), ("sparse", SPARSE)):
            launch.launch(["synth", *arguments, "--out", Path(scratch) / name])
            sets[name] = Path(scratch) / name / "ratings.csv"
        check_recipe(check, sets["dense"], scratch)
        check_offset(check, "dense", sets["dense"], scratch, False)
        check_offset(check, "sparse", sets["sparse"], scratch, True)
        check_sparse(check, sets["sparse"], scratch)
        check_scales(check, scratch)
        check_blocks(check, sets["dense"], scratch)
        check_earlier_defaults(check, sets["dense"], scratch)
        check_folds(check, sets["dense"], scratch)
    check.finish()


main()
