"""A bare PyTorch training loop over the same ratings, with which collab-ps is compared.

Dense AdamW with fastai's constants on nn.Embedding tables, the bias model with a sigmoid range, batches drawn by one
permutation per epoch and sliced without a DataLoader: the loop has nothing that the model does not need. Prints the seconds
of each epoch, training and validation, as JSON.

    torch_loop.py RATINGS EPOCHS THREADS      RATINGS: u.data, or a csv with a header and user,item,rating first
"""
import json
import resource
import sys
import time

import numpy
import torch
from torch import nn

BATCH, FACTORS, LOW, HIGH = 64, 50, 0.0, 5.5


class BiasModel(nn.Module):
    def __init__(self, users, movies):
        super().__init__()
        self.user_factors = nn.Embedding(users, FACTORS)
        self.movie_factors = nn.Embedding(movies, FACTORS)
        self.user_bias = nn.Embedding(users, 1)
        self.movie_bias = nn.Embedding(movies, 1)
        for table in self.children():
            nn.init.trunc_normal_(table.weight, std=0.01)

    def forward(self, users, movies):
        dot = (self.user_factors(users) * self.movie_factors(movies)).sum(1)
        score = dot + self.user_bias(users).squeeze(1) + self.movie_bias(movies).squeeze(1)
        return torch.sigmoid(score) * (HIGH - LOW) + LOW


def read(path):
    """Users and movies as row numbers, and ratings, in random order."""
    header = not path.endswith("u.data")
    table = numpy.loadtxt(path, delimiter="," if header else None, skiprows=int(header), usecols=(0, 1, 2))
    table = table[numpy.random.default_rng(1).permutation(len(table))]
    users = numpy.unique(table[:, 0], return_inverse=True)[1]
    movies = numpy.unique(table[:, 1], return_inverse=True)[1]
    return torch.from_numpy(users), torch.from_numpy(movies), torch.from_numpy(table[:, 2]).float()


def train_epoch(model, optimizer, users, movies, ratings):
    order = torch.randperm(len(ratings))
    for first in range(0, len(ratings) - BATCH + 1, BATCH):
        batch = order[first:first + BATCH]
        loss = nn.functional.mse_loss(model(users[batch], movies[batch]), ratings[batch])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()


def main(path, epochs, threads):
    torch.set_num_threads(threads or torch.get_num_threads())
    torch.manual_seed(1)
    users, movies, ratings = read(path)
    cut = len(ratings) - len(ratings) // 5
    model = BiasModel(int(users.max()) + 2, int(movies.max()) + 2)
    optimizer = torch.optim.AdamW(model.parameters(), lr=5e-3, betas=(0.9, 0.99), eps=1e-5, weight_decay=0.1)
    seconds = []
    for _ in range(epochs):
        began = time.monotonic()
        train_epoch(model, optimizer, users[:cut], movies[:cut], ratings[:cut])
        with torch.no_grad():
            error = nn.functional.mse_loss(model(users[cut:], movies[cut:]), ratings[cut:]).item()
        seconds.append(time.monotonic() - began)
    peak_mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"epochs_s": seconds, "valid_loss": error, "train": cut, "peak_mib": peak_mib}))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
