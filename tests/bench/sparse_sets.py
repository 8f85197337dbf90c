"""Sets with few ratings a user and item: real ratings thinned, and synthetic ones of the size and spread of well-known sets.

    MOVIE_SETS/{ml-100k, ml-1m, movietweetings-100k} -> SETS: {name: seed -> [(user, item, rating)]}

Every seed thins, or draws, anew. Only Python's own library is used, whose random.Random is the same everywhere.
"""

import functools
import math
import random
from pathlib import Path

FOLDER = Path()  # of the three sets; set by sparse.py


@functools.cache
def read(name):
    """All ratings of the set in FOLDER / name."""
    for file, separator in (("u.data", "\t"), ("ratings.csv", ","), ("ratings.dat", "::")):
        path = FOLDER / name / file
        if path.is_file():
            rows = (line.split(separator)[:3] for line in path.read_text().splitlines())
            return [(user, item, float(rating)) for user, item, rating in rows if rating != "rating"]
    raise SystemExit(f"no ratings in '{FOLDER / name}'")


def whole(_, ratings):
    return ratings


def share(part):
    """A random share of the ratings."""
    return lambda chance, ratings: chance.sample(ratings, round(part * len(ratings)))


def at_most(limit, column):
    """At most limit() ratings of each user (column 0) or item (1)."""
    def thin(chance, ratings):
        rows = {}
        for rating in chance.sample(ratings, len(ratings)):
            rows.setdefault(rating[column], []).append(rating)
        return [rating for row in rows.values() for rating in row[:limit(chance)]]
    return thin


def each(count, column):
    return at_most(lambda chance: count, column)


def core(least):
    """Ratings of users and items that have at least so many of them."""
    def thin(_, ratings):
        count = 0
        while count != len(ratings):
            count = len(ratings)
            for column in (0, 1):
                rows = {}
                for rating in ratings:
                    rows.setdefault(rating[column], []).append(rating)
                ratings = [rating for row in rows.values() if len(row) >= least for rating in row]
        return ratings
    return thin


def users(count):
    """All ratings of so many users."""
    def thin(chance, ratings):
        chosen = set(chance.sample(sorted({rating[0] for rating in ratings}), count))
        return [rating for rating in ratings if rating[0] in chosen]
    return thin


def heavy_tail(least, power):
    """Of each user a number that follows a Pareto distribution."""
    return at_most(lambda chance: int(least * chance.paretovariate(power)), 0)


def thinned(name, thin):
    return lambda seed: thin(random.Random(f"{name} {seed}"), read(name))


class Spread:
    """How ratings of a synthetic set are spread: deviations of users' and items' biases, of the sum over rank factors, and of
    noise, around the mean; rounded to a multiple of step, and no lower than low and no higher than high."""

    def __init__(self, mean, users, items, factors, noise, low, high, step, rank=3):
        self.mean, self.users, self.items, self.noise = mean, users, items, noise
        self.factors, self.rank, self.low, self.high, self.step = math.sqrt(factors), rank, low, high, step

    def row(self, chance, deviation):
        each_factor = self.factors / self.rank ** 0.25
        return chance.gauss(0, deviation), [chance.gauss(0, each_factor) for _ in range(self.rank)]

    def rating(self, chance, user, item):
        value = self.mean + user[0] + item[0] + sum(u * i for u, i in zip(user[1], item[1])) + chance.gauss(0, self.noise)
        return min(max(round(value / self.step) * self.step, self.low), self.high)


def synthetic(name, users, items, count, spread):
    """Users and items take part by power laws; no pair occurs twice."""
    def draw(seed):
        chance = random.Random(f"{name} {seed}")
        user_weights = [chance.paretovariate(1.1) for _ in range(users)]
        item_weights = [(rank + 10) ** -0.9 for rank in range(items)]
        user_rows = [spread.row(chance, spread.users) for _ in range(users)]
        item_rows = [spread.row(chance, spread.items) for _ in range(items)]
        pairs = {}
        while len(pairs) < count:
            wanted = count - len(pairs)
            pairs.update(dict.fromkeys(zip(chance.choices(range(users), user_weights, k=wanted),
                                           chance.choices(range(items), item_weights, k=wanted))))
        return [(user, item, spread.rating(chance, user_rows[user], item_rows[item])) for user, item in pairs]
    return draw


REAL = {
    "MovieTweetings-100k": thinned("movietweetings-100k", whole),
    "MovieTweetings u3": thinned("movietweetings-100k", each(3, 0)),
    "MovieTweetings u10": thinned("movietweetings-100k", each(10, 0)),
    "MovieTweetings i5": thinned("movietweetings-100k", each(5, 1)),
    "half of MovieTweetings": thinned("movietweetings-100k", share(0.5)),
    "MovieTweetings, 5-core": thinned("movietweetings-100k", core(5)),
    "MovieLens-1M u2": thinned("ml-1m", each(2, 0)),
    "MovieLens-1M u5": thinned("ml-1m", each(5, 0)),
    "2 % of MovieLens-1M": thinned("ml-1m", share(0.02)),
    "MovieLens-1M i20": thinned("ml-1m", each(20, 1)),
    "200 users of MovieLens-1M": thinned("ml-1m", users(200)),
    "MovieLens-1M, heavy tail": thinned("ml-1m", heavy_tail(4, 1.1)),
    "a tenth of MovieLens-1M": thinned("ml-1m", share(0.1)),
    "MovieLens-100k u10": thinned("ml-100k", each(10, 0)),
    "MovieLens-100k u20": thinned("ml-100k", each(20, 0)),
    "MovieLens-100k u40": thinned("ml-100k", each(40, 0)),
    "MovieLens-100k i5": thinned("ml-100k", each(5, 1)),
    "MovieLens-100k, heavy tail": thinned("ml-100k", heavy_tail(8, 1.1)),
}
SYNTHETIC = {name: synthetic(name, *shape) for name, *shape in (
    ("35,000 of 1,500 users, 0.5 to 4", 1500, 2000, 35000, Spread(3.0, 0.45, 0.35, 0.2, 0.7, 0.5, 4, 0.5)),
    ("130,000 of 7,400 users, mean 4.1", 7400, 40000, 130000, Spread(4.3, 0.4, 0.35, 0.2, 0.9, 1, 5, 1)),
    ("72,000 of 13,000 users, mean 3.9", 13000, 16000, 72000, Spread(4.0, 0.5, 0.4, 0.2, 0.8, 1, 5, 1)),
    ("300,000 of 39,000 users, mean 3.9", 39000, 80000, 300000, Spread(4.1, 0.45, 0.4, 0.2, 1.0, 1, 5, 1)),
    ("250,000 of 33,000 users, 1 to 10", 33000, 75000, 250000, Spread(7.8, 0.9, 0.8, 0.4, 1.4, 1, 10, 1)),
    ("60,000 of 25,000 users, 2,000 items", 25000, 2000, 60000, Spread(4.0, 0.4, 0.3, 0.1, 1.0, 1, 5, 1)),
    ("40,000 of 2,000 users, strong factors", 2000, 2000, 40000, Spread(3.5, 0.35, 0.35, 0.7, 0.7, 1, 5, 0.5)),
    ("40,000 of 5,000 users, next to nothing but noise", 5000, 5000, 40000, Spread(3.5, 0.05, 0.05, 0.01, 1.2, 1, 5, 1)),
)}
SETS = REAL | SYNTHETIC
