"""Means, standard deviations, and the confidence intervals of differences.

Runs with equal seeds share split, initial values and order, so most of the effect of the seed on the loss is common to
both: the difference is computed seed by seed, with Student's interval for paired samples. Runs that share no seed are
compared as independent samples, with Welch's interval, which is wider.

Each interval is valid for a single comparison. To select the lowest of many groups is to make many comparisons, which
needs simultaneous intervals (joint_level). compare.md lists what none of them covers.

Only the standard library is used, since loading scipy takes longer than a whole comparison: the quantile of Student's t
is found by bisection of the regularised incomplete beta function (Press et al., Numerical Recipes, section 6.4).

The training sets of folds overlap. For n runs whose validation sets have r times the size of their training sets, the
variance of the mean is (1/n + r) s² in place of s²/n (Nadeau and Bengio 2003, Machine Learning 52; for repeated
cross-validation Bouckaert and Frank 2004). The argument overlap is this r, 0 for runs that are not folds.

A difference without an interval names what is lacking: seeds, or variance. Differences that are all equal, but not 0,
come from runs that do not depend on their seed, and do not allow chance to be estimated.
"""

import math

LEVEL = 0.95
NOISE = 1e-12  # relative to a difference: a smaller standard error is rounding noise


def mean(values):
    return math.fsum(values) / len(values) if values else None


def deviation(values):
    """Sample standard deviation (with n - 1); None for fewer than two values."""
    if len(values) < 2:
        return None
    middle = mean(values)
    return math.sqrt(math.fsum((value - middle) ** 2 for value in values) / (len(values) - 1))


def _fraction(a, b, x):
    """The continued fraction of the incomplete beta function, by Lentz's method (Numerical Recipes, section 6.4)."""
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
    """The t for which a Student variable with freedom degrees of freedom lies within ±t with probability level."""
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
    """{mean, low, high} of a sample; low and high are None for fewer than two values."""
    gap = paired(values, level, overlap)
    return {name: gap[name] for name in ("mean", "low", "high")}


def paired(differences, level=LEVEL, overlap=0.0):
    """The mean of differences with Student's interval; no interval for a single difference."""
    count = len(differences)
    if count < 2:
        return _bare(differences[0], 1, "paired", "seeds")
    if not any(differences):
        return {**_bare(0.0, count, "paired", None), "low": 0.0, "high": 0.0}  # identical curves
    error = deviation(differences) * math.sqrt(1 / count + overlap)
    return _interval(mean(differences), error, count - 1, count, "paired", level)


def unpaired(values, others, level=LEVEL, overlap=0.0):
    """mean(values) - mean(others) with Welch's interval; no interval if either has a single value."""
    difference = mean(values) - mean(others)
    if len(values) < 2 or len(others) < 2:
        return _bare(difference, 0, "unpaired", "seeds")
    a, b = (deviation(sample) ** 2 * (1 / len(sample) + overlap) for sample in (values, others))
    if a + b == 0.0:
        return _bare(difference, 0, "unpaired", "variance")
    freedom = (a + b) ** 2 / (a * a / (len(values) - 1) + b * b / (len(others) - 1))
    return _interval(difference, math.sqrt(a + b), freedom, 0, "unpaired", level)


def joint_level(count, level=LEVEL):
    """The level of each of count intervals for all to hold simultaneously with probability level (Bonferroni)."""
    return 1 - (1 - level) / max(count, 1)


def difference(values, others, shared, level=LEVEL, overlap=0.0):
    """values - others, each {key of a run: value}: paired if two or more runs are shared, or if either has only one run
    and it is shared; else as independent samples. shared: the keys of runs that can be paired."""
    if len(shared) >= 2 or (shared and (len(values) < 2 or len(others) < 2)):
        return paired([values[key] - others[key] for key in shared], level, overlap)
    return unpaired(list(values.values()), list(others.values()), level, overlap)
