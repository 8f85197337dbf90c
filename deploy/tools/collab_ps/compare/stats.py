"""Means, deviations and the intervals that say whether a difference is real.

Runs of equal seed share split, start and order, so most of what moves their losses moves both
alike: the difference is taken seed by seed, and its interval is Student's over those differences.
Runs that share nothing are set against each other by Welch's interval, which is wider.

Each interval is for one look at one difference. Whoever picks the lowest of many groups has looked at
all of them, and takes intervals that hold all at once (joint_level). compare.md says what none of them covers.

Only the standard library, since loading scipy takes longer than a whole comparison: the quantile of Student's
t is found by halving, on the regularised incomplete beta function (Press et al., Numerical Recipes, section 6.4).

Runs on folds share most of what they are trained on. With n runs whose validation sets are a share r of their training
sets, the variance of the mean is taken as (1/n + r) s² in place of s²/n (Nadeau and Bengio 2003, Machine Learning 52;
for repeated cross-validation Bouckaert and Frank 2004): overlap is that r, 0 where the runs are not folds.

A difference without an interval says what it lacks: seeds, or variance. Differences that are all the same, other
than 0, come from runs that do not vary with their seed, and tell nothing about chance.
"""

import math

LEVEL = 0.95
NOISE = 1e-12  # of a difference: what rounding makes of no deviation at all


def mean(values):
    return math.fsum(values) / len(values) if values else None


def deviation(values):
    """Standard deviation of the population the values are drawn from; None for fewer than two."""
    if len(values) < 2:
        return None
    middle = mean(values)
    return math.sqrt(math.fsum((value - middle) ** 2 for value in values) / (len(values) - 1))


def _fraction(a, b, x):
    """The continued fraction of the incomplete beta function, by Lentz's method."""
    tiny = 1e-300
    c, d = 1.0, 1.0 / max(1.0 - (a + b) * x / (a + 1.0), tiny)
    result = d
    for m in range(1, 400):
        even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        for term in (even, odd):
            d = 1.0 / (1.0 + term * d or tiny)
            c = 1.0 + term / c or tiny
            result *= c * d
        if abs(c * d - 1.0) < 1e-15:
            break
    return result


def _incomplete_beta(a, b, x):
    if x <= 0.0 or x >= 1.0:
        return min(max(x, 0.0), 1.0)
    front = math.exp(math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x))
    if x < (a + 1.0) / (a + b + 2.0):
        return front * _fraction(a, b, x) / a
    return 1.0 - front * _fraction(b, a, 1.0 - x) / b


def t_quantile(freedom, level=LEVEL):
    """t that a Student variable stays within, on both sides, with probability level."""
    low, high = 0.0, 1e6
    for _ in range(200):
        t = (low + high) / 2
        outside = _incomplete_beta(freedom / 2, 0.5, freedom / (freedom + t * t))
        low, high = (low, t) if outside < 1 - level else (t, high)
        if high - low <= 1e-12 * high:
            break
    return (low + high) / 2


def _bare(difference, pairs, kind, lacks):
    return {"mean": difference, "low": None, "high": None, "pairs": pairs, "kind": kind, "lacks": lacks}


def _interval(difference, error, freedom, pairs, kind, level):
    if error <= NOISE * abs(difference):
        return _bare(difference, pairs, kind, "variance")
    half = t_quantile(freedom, level) * error
    return {"mean": difference, "low": difference - half, "high": difference + half, "pairs": pairs, "kind": kind,
            "lacks": None}


def sample_interval(values, overlap=0.0, level=LEVEL):
    """{mean, low, high} of a sample; no interval of fewer than two."""
    gap = paired(values, level, overlap)
    return {name: gap[name] for name in ("mean", "low", "high")}


def paired(differences, level=LEVEL, overlap=0.0):
    """The mean of differences with its interval; without one where there is but one."""
    count = len(differences)
    if count < 2:
        return _bare(differences[0], 1, "paired", "seeds")
    if not any(differences):
        return {**_bare(0.0, count, "paired", None), "low": 0.0, "high": 0.0}  # the same curves: no chance in it
    error = deviation(differences) * math.sqrt(1 / count + overlap)
    return _interval(mean(differences), error, count - 1, count, "paired", level)


def unpaired(values, others, level=LEVEL, overlap=0.0):
    """mean(values) - mean(others) with Welch's interval; without one where either has but one."""
    difference = mean(values) - mean(others)
    if len(values) < 2 or len(others) < 2:
        return _bare(difference, 0, "unpaired", "seeds")
    a, b = (deviation(sample) ** 2 * (1 / len(sample) + overlap) for sample in (values, others))
    if a + b == 0.0:
        return _bare(difference, 0, "unpaired", "variance")
    freedom = (a + b) ** 2 / (a * a / (len(values) - 1) + b * b / (len(others) - 1))
    return _interval(difference, math.sqrt(a + b), freedom, 0, "unpaired", level)


def joint_level(count, level=LEVEL):
    """The level of each of count intervals that are to hold all at once with probability level: Bonferroni's."""
    return 1 - (1 - level) / max(count, 1)


def difference(values, others, shared, level=LEVEL, overlap=0.0):
    """values - others, each {key of a run: value}: run by run where two or more are shared, or all there are; else
    as two samples. shared: the keys of runs that can be set against each other."""
    if len(shared) >= 2 or (shared and (len(values) < 2 or len(others) < 2)):
        return paired([values[key] - others[key] for key in shared], level, overlap)
    return unpaired(list(values.values()), list(others.values()), level, overlap)
