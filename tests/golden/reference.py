"""The rules of training in float64 with numpy, densely and step by step.

Every weight of every table is updated at every step, as in the framework that the program must match: there are no sparse
rows, no catch-up, no fixed point and no ranks here. It is slow and short, so that it can be checked against the rules.
"""

import dataclasses
import math

from arrays import numpy

SQUARE_DECAY, ADAM_EPSILON, ADAGRAD_EPSILON, SMOOTHING = 0.99, 1e-5, 1e-10, 0.98
FACTORS = ("user_factors.weight", "movie_factors.weight")
BIASES = ("user_bias.weight", "movie_bias.weight")


@dataclasses.dataclass
class Recipe:
    """The options of training, with the program's names."""

    model: str = "bias"
    y_range: tuple | None = (0.0, 5.5)
    factors: int = 50
    optimizer: str = "adam"
    schedule: str = "one-cycle"
    epochs: int = 4
    batch_size: int = 64
    lr_max: float = 5e-3
    wd: float = 0.1
    wd_bias: float | None = None

    def tables(self):
        """Names of the tables of the model."""
        return FACTORS + BIASES if self.model == "bias" else FACTORS


@dataclasses.dataclass
class Ratings:
    """Rows of users and movies, and ratings."""

    user: numpy.ndarray
    movie: numpy.ndarray
    rating: numpy.ndarray

    def take(self, rows):
        return Ratings(self.user[rows], self.movie[rows], self.rating[rows])


@dataclasses.dataclass
class Curve:
    """The recorded losses, and the final weights."""

    step_loss: list = dataclasses.field(default_factory=list)
    train_loss: list = dataclasses.field(default_factory=list)
    valid_loss: list = dataclasses.field(default_factory=list)
    weights: dict = dataclasses.field(default_factory=dict)


def cosine(start, end, position):
    return start + (1 + math.cos(math.pi * (1 - position))) * (end - start) / 2


def hyper_of(recipe, step, steps):
    """(lr, momentum) of a step, counted from 0."""
    position, lr = step / steps, recipe.lr_max
    if recipe.schedule == "constant":
        return lr, 0.9
    if recipe.schedule == "cosine":
        return cosine(lr, 0.0, position), 0.9
    if position < 0.25:
        return cosine(lr / 25, lr, position / 0.25), cosine(0.95, 0.85, position / 0.25)
    position = (position - 0.25) / 0.75
    return cosine(lr, lr / 1e5, position), cosine(0.85, 0.95, position)


def forward(recipe, weights, ratings):
    """Errors of the predictions, and their derivative by the score."""
    users, movies = (weights[name] for name in FACTORS)
    score = (users[ratings.user] * movies[ratings.movie]).sum(axis=1)
    if recipe.model == "bias":
        score += weights["user_bias.weight"][ratings.user, 0] + weights["movie_bias.weight"][ratings.movie, 0]
    if recipe.y_range is None:
        return score - ratings.rating, numpy.ones_like(score)
    low, high = recipe.y_range
    share = 1 / (1 + numpy.exp(-score))
    return low + (high - low) * share - ratings.rating, (high - low) * share * (1 - share)


def gradients_of(recipe, weights, batch):
    """The loss of a batch, and its dense gradient for every table."""
    error, slope = forward(recipe, weights, batch)
    by_score = (2 / len(error) * error * slope)[:, None]
    users, movies = (weights[name] for name in FACTORS)
    parts = {"user_factors.weight": (batch.user, by_score * movies[batch.movie]),
             "movie_factors.weight": (batch.movie, by_score * users[batch.user]),
             "user_bias.weight": (batch.user, by_score),
             "movie_bias.weight": (batch.movie, by_score)}
    gradients = {}
    for name in recipe.tables():
        rows, values = parts[name]
        gradients[name] = numpy.zeros_like(weights[name])
        numpy.add.at(gradients[name], rows, values)
    return float(numpy.mean(error ** 2)), gradients


class Optimizer:
    """One step of every table, with decoupled weight decay."""

    def __init__(self, recipe, weights):
        self.recipe = recipe
        self.step = 0
        self.first = {name: numpy.zeros_like(table) for name, table in weights.items()}
        self.second = {name: numpy.zeros_like(table) for name, table in weights.items()}
        self.history = {name: numpy.zeros((len(table), 1)) for name, table in weights.items()}

    def decay_of(self, name):
        is_bias = name in BIASES and self.recipe.wd_bias is not None
        return self.recipe.wd_bias if is_bias else self.recipe.wd

    def update(self, weights, gradients, lr, momentum):
        self.step += 1
        for name, gradient in gradients.items():
            weights[name] *= 1 - lr * self.decay_of(name)
            weights[name] -= self.change(name, gradient, lr, momentum)

    def change(self, name, gradient, lr, momentum):
        if self.recipe.optimizer == "sgd":
            return lr * gradient
        if self.recipe.optimizer == "adagrad":
            self.history[name] += (gradient ** 2).mean(axis=1, keepdims=True)
            return lr / (numpy.sqrt(self.history[name]) + ADAGRAD_EPSILON) * gradient
        first, second = self.first[name], self.second[name]
        first += (1 - momentum) * (gradient - first)
        second += (1 - SQUARE_DECAY) * (gradient ** 2 - second)
        root = numpy.sqrt(second / (1 - SQUARE_DECAY ** self.step))
        return lr / (1 - momentum ** self.step) * first / (root + ADAM_EPSILON)


def train(recipe, start, training, validation, order):
    """The curve of a run over batches [steps, batch] of rows of training."""
    weights = {name: start[name].astype("float64") for name in recipe.tables()}
    optimizer, curve, average = Optimizer(recipe, weights), Curve(weights=weights), 0.0
    per_epoch = len(order) // recipe.epochs
    for step, rows in enumerate(order):
        lr, momentum = hyper_of(recipe, step, len(order))
        loss, gradients = gradients_of(recipe, weights, training.take(rows))
        optimizer.update(weights, gradients, lr, momentum)
        curve.step_loss.append(loss)
        average = SMOOTHING * average + (1 - SMOOTHING) * loss
        if (step + 1) % per_epoch == 0:
            curve.train_loss.append(average / (1 - SMOOTHING ** (step + 1)))
            curve.valid_loss.append(float(numpy.mean(forward(recipe, weights, validation)[0] ** 2)))
    return curve
