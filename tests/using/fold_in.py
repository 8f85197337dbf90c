"""Compares fold-in of new users with training on their ratings.

A hundred users are removed from MovieLens-100k. A model of the other users folds in each of them with half of their ratings;
another model is trained with these halves included. Both predict the other halves: the RMSE of the first may be at most 5 %
higher.
"""

import sys
import tempfile
from pathlib import Path

import trained
from arrays import numpy
from verdict import Verdict

PEOPLE = 100
K = 2000  # more than there are movies, so that all predictions are listed


def write(path, ratings):
    path.write_text("user,item,rating\n" + "".join(f"{u},{m},{r:g}\n" for u, m, r in ratings))
    return path


def split(seed=1):
    """(others, given halves, kept halves) of the ratings."""
    rng = numpy.random.default_rng(seed)
    ratings = trained.movielens()
    users = sorted({user for user, _, _ in ratings}, key=int)
    people = set(rng.permutation(users)[:PEOPLE])
    others = [rating for rating in ratings if rating[0] not in people]
    given, kept = [], []
    for rating in ratings:
        if rating[0] in people:
            (given if rng.random() < 0.5 else kept).append(rating)
    return others, given, kept


def rmse(errors):
    return float(numpy.sqrt(numpy.mean(numpy.square(errors))))


def errors_of_fold_in(run, folder, given, kept):
    errors = []
    for user in sorted({user for user, _, _ in kept}):
        own = folder / "own.tsv"
        own.write_text("".join(f"{m}\t{r:g}\n" for u, m, r in given if u == user))
        listed = trained.tsv("fold-in", run, "--ratings", own, "-k", str(K))
        score = {row["item"]: float(row["score"]) for row in listed}
        errors += [score[m] - r for u, m, r in kept if u == user and m in score]
    return errors


def errors_of_training(run, kept):
    text = "".join(f"{u}\t{m}\n" for u, m, _ in kept)
    got = trained.tsv("predict", run, "--pairs", "-", text=text)
    return [float(row["score"]) - r for row, (_, _, r) in zip(got, kept)]


def main():
    check = Verdict("using/fold_in")
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        others, given, kept = split(int(sys.argv[1]) if sys.argv[1:] else 1)
        known = {m for _, m, _ in others}
        kept = [rating for rating in kept if rating[1] in known]
        given = [rating for rating in given if rating[1] in known]
        write(folder / "kept.csv", kept)
        without = trained.train(folder / "without", "--train", write(folder / "others.csv", others), "--valid",
                                folder / "kept.csv")
        with_halves = trained.train(folder / "with", "--train", write(folder / "all.csv", others + given), "--valid",
                                    folder / "kept.csv")
        folded = rmse(errors_of_fold_in(without, folder, given, kept))
        trained_on = rmse(errors_of_training(with_halves, kept))
        check.at_most(f"fold-in's RMSE {folded:.4f} over training's {trained_on:.4f}, less 1", folded / trained_on - 1,
                      0.05)
    check.finish()


main()
