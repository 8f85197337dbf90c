"""Compares the program with the float64 reference on a small synthetic set, with real files.

    against_reference.py [CASE ...]     those that begin with one of these, or all

The set has edge cases: a training set that is not a multiple of the batch, rows without ratings (row 0 among them), users
and movies that occur only in validation, a movie in a third of all batches and many in a few of them, a row twice in one
batch.
"""

import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tools"))
import launch  # noqa: E402
import run_files  # noqa: E402
from reference import Ratings, Recipe, train  # noqa: E402
from arrays import numpy  # noqa: E402
from verdict import Verdict  # noqa: E402

USERS, MOVIES, TRAINING, VALIDATION = 200, 300, 4813, 1203
STEP_FLOOR = 0.1        # the loss of a step with few ratings may be almost 0
IDLE_ROWS = 12          # the last rows of each table, which have no ratings
VALID_ONLY_ROWS = 8     # the rows before them
STEP_LOSS, VALID_LOSS, TRAIN_LOSS, WEIGHT = 1e-5, 2e-6, 3e-6, 1e-5

# Every factor count that fills, overfills or underfills the lanes of the kernels, and every
# model, optimizer, schedule and decay at least once.
CASES = {
    "dot, 1 factor": Recipe(model="dot", y_range=None, factors=1),
    "dot": Recipe(model="dot", y_range=None, wd=0.01),
    "dot, no decay": Recipe(model="dot", y_range=None, factors=16, wd=0.0),
    "dot with range, 7 factors": Recipe(model="dot", factors=7, wd=0.01),
    "dot with range, 64 factors": Recipe(model="dot", factors=64, batch_size=32),
    "bias, 1 factor": Recipe(factors=1),
    "bias, 15 factors, a full lane with the bias": Recipe(factors=15, batch_size=32),
    "bias, 16 factors": Recipe(factors=16, wd=0.01),
    "bias": Recipe(),
    "bias, 100 factors": Recipe(factors=100),
    "bias, no range": Recipe(y_range=None),
    "bias, another range": Recipe(y_range=(-1.0, 6.0), factors=7),
    "bias, a decay of its own": Recipe(wd=0.3, wd_bias=0.05, lr_max=3e-3),
    "bias, undecayed biases": Recipe(wd_bias=0.0, factors=16),
    "bias, long": Recipe(epochs=16, batch_size=32),
    "bias, batch of 1": Recipe(epochs=1, batch_size=1, factors=7),
    "bias, one step an epoch": Recipe(epochs=30, batch_size=4800, lr_max=2e-2),
    "bias, cosine": Recipe(schedule="cosine"),
    "bias, constant": Recipe(schedule="constant", lr_max=2e-3),
    # Strong decay, up to the limit of the options: lr * wd = 1.
    "strong: constant, 0.1, the momentum's own": Recipe(schedule="constant", lr_max=5e-3, wd=20.0),
    "strong: constant, 0.14": Recipe(schedule="constant", lr_max=5e-3, wd=28.0),
    "strong: constant, 0.7": Recipe(schedule="constant", lr_max=2e-2, wd=35.0, factors=16),
    "strong: cosine, 0.3, weak for the biases": Recipe(schedule="cosine", lr_max=1e-2, wd=30.0, wd_bias=0.1),
    "strong: 0.2": Recipe(lr_max=5e-3, wd=40.0, epochs=20),
    "strong: 0.3 for the biases": Recipe(lr_max=5e-3, wd=0.1, wd_bias=60.0, epochs=20, factors=7),
    "strong: 0.5, dot": Recipe(model="dot", lr_max=5e-2, wd=10.0, epochs=20, y_range=None),
    "strong: 0.99": Recipe(lr_max=5e-2, wd=19.8, epochs=12, factors=16),
    "strong: sgd, 0.99": Recipe(optimizer="sgd", schedule="constant", lr_max=0.5, wd=1.98, epochs=20, factors=16),
    "strong: adagrad, 0.99": Recipe(optimizer="adagrad", lr_max=0.05, wd=19.8, epochs=20, factors=16),
    "sgd": Recipe(optimizer="sgd", lr_max=0.5),
    "sgd, constant, dot": Recipe(optimizer="sgd", schedule="constant", model="dot", y_range=None, lr_max=0.05),
    "sgd, a decay of its own": Recipe(optimizer="sgd", lr_max=0.5, wd=0.02, wd_bias=0.001, factors=7),
    "adagrad": Recipe(optimizer="adagrad", lr_max=0.05),
    "adagrad, dot, 1 factor": Recipe(optimizer="adagrad", model="dot", factors=1, lr_max=0.05),
    "adagrad, cosine, a decay of its own": Recipe(optimizer="adagrad", schedule="cosine", lr_max=0.05, wd_bias=0.01,
                                                  factors=16),
}


def popular(generator, rows, count):
    """Draws from rows 1..rows, the first far more often than the last, each at least once."""
    weight = 1 / numpy.arange(2, rows + 2) ** 0.8
    drawn = generator.choice(rows, count - rows, p=weight / weight.sum()) + 1
    return generator.permutation(numpy.concatenate([numpy.arange(1, rows + 1), drawn]))


def make_ratings(generator, count, idle, taste):
    """Ratings in half stars, generated from a few factors, for rows before the idle ones."""
    user = popular(generator, USERS - 1 - idle, count)
    movie = popular(generator, MOVIES - 1 - idle, count)
    liking = 3.3 + (taste[0][user] * taste[1][movie]).sum(axis=1) + generator.normal(0, 0.7, count)
    return Ratings(user, movie, numpy.clip(numpy.round(2 * liking) / 2, 0.5, 5.0))


def make_set():
    """(training, validation)."""
    generator = numpy.random.Generator(numpy.random.Philox(7))
    taste = generator.normal(0, 0.7, (USERS, 3)), generator.normal(0, 0.7, (MOVIES, 3))
    training = make_ratings(generator, TRAINING, IDLE_ROWS + VALID_ONLY_ROWS, taste)
    return training, make_ratings(generator, VALIDATION, IDLE_ROWS, taste)


def make_order(recipe):
    """Batches of a new shuffle for each epoch, without the incomplete last batch."""
    generator = numpy.random.Generator(numpy.random.Philox(11))
    steps = TRAINING // recipe.batch_size
    used = steps * recipe.batch_size
    epochs = [generator.permutation(TRAINING)[:used].reshape(steps, -1) for _ in range(recipe.epochs)]
    return numpy.concatenate(epochs).astype("<i4")


def make_start(recipe):
    generator = numpy.random.Generator(numpy.random.Philox(13))
    shapes = {"user_factors.weight": (USERS, recipe.factors), "movie_factors.weight": (MOVIES, recipe.factors),
              "user_bias.weight": (USERS, 1), "movie_bias.weight": (MOVIES, 1)}
    return {name: generator.normal(0, 0.1, shapes[name]).astype("float32") for name in recipe.tables()}


def write_ratings(path, ratings):
    with open(path, "w") as file:
        file.write("user,item,rating\n")
        for user, movie, rating in zip(ratings.user, ratings.movie, ratings.rating):
            file.write(f"{user},{movie},{rating:g}\n")


def arguments_of(recipe, folder, out):
    y_range = "none" if recipe.y_range is None else f"{recipe.y_range[0]:g},{recipe.y_range[1]:g}"
    options = {"train": folder / "train.csv", "valid": folder / "valid.csv", "init": folder / "init.safetensors",
               "batch-order": folder / "batches.npy", "model": recipe.model, "factors": recipe.factors,
               "optimizer": recipe.optimizer, "schedule": recipe.schedule, "epochs": recipe.epochs,
               "batch-size": recipe.batch_size, "lr-max": recipe.lr_max, "wd": recipe.wd,
               "wd-bias": "same" if recipe.wd_bias is None else recipe.wd_bias, "out": out, "progress": "none"}
    return ["train", "--log-steps", f"--y-range={y_range}"] + [f"--{name}={value}" for name, value in options.items()]


def compare(check, name, curve, out):
    """Compares a run's folder with the curve of the reference."""
    steps, epochs = run_files.read_columns(out / "steps.csv"), run_files.read_columns(out / "history.csv")
    if not check.equal(f"{name}: steps", len(steps["loss"]), len(curve.step_loss)):
        return
    check.at_most(f"{name}: step losses, relative",
                  run_files.largest_relative(steps["loss"], numpy.array(curve.step_loss), STEP_FLOOR), STEP_LOSS)
    check.at_most(f"{name}: valid_loss", run_files.largest_difference(epochs["valid_loss"], curve.valid_loss), VALID_LOSS)
    check.at_most(f"{name}: train_loss", run_files.largest_difference(epochs["train_loss"], curve.train_loss), TRAIN_LOSS)
    weights = run_files.read_safetensors(out / "model.safetensors")
    worst = max(run_files.largest_difference(weights[table], curve.weights[table]) for table in curve.weights)
    check.at_most(f"{name}: weights", worst, WEIGHT)


def run_case(check, name, recipe, sets, scratch):
    """Trains with the program and with the reference."""
    order, start, out = make_order(recipe), make_start(recipe), scratch / "run"
    numpy.save(scratch / "batches.npy", order)
    run_files.write_safetensors(scratch / "init.safetensors", start)
    run = launch.launch(arguments_of(recipe, scratch, out), seconds=60)
    if check.that(run.code == 0, f"{name}: trains", f"exit code {run.code} {run.stderr[-500:] if run.code else ''}"):
        compare(check, name, train(recipe, start, *sets, order), out)


def main():
    check = Verdict("golden/reference")
    sets = make_set()
    for name, recipe in CASES.items():
        if sys.argv[1:] and not any(name.startswith(chosen) for chosen in sys.argv[1:]):
            continue
        with tempfile.TemporaryDirectory() as scratch:
            for file, ratings in zip(("train.csv", "valid.csv"), sets):
                write_ratings(Path(scratch) / file, ratings)
            run_case(check, name, recipe, sets, Path(scratch))
    check.finish()


main()
