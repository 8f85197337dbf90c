"""predict, evaluate, recommend, similar, biases, map, export and data, compared with NumPy; the model in PyTorch.

Trains MovieLens-100k like the notebook and uses the commands like a user; then makes requests that must fail.
"""

import importlib.util
import json
import os
import shutil
import tempfile
from pathlib import Path

import trained
from arrays import numpy
from verdict import Verdict

PAIRS = 2000
MODULE = '''
import sys, json, torch
from torch import nn
class DotProductBias(nn.Module):
    def __init__(self, users, movies, factors, y_range):
        super().__init__()
        self.user_factors, self.user_bias = nn.Embedding(users, factors), nn.Embedding(users, 1)
        self.movie_factors, self.movie_bias = nn.Embedding(movies, factors), nn.Embedding(movies, 1)
        self.y_range = y_range
    def forward(self, x):
        users, movies = x[:, 0], x[:, 1]
        res = (self.user_factors(users) * self.movie_factors(movies)).sum(dim=1, keepdim=True)
        res += self.user_bias(users) + self.movie_bias(movies)
        low, high = self.y_range
        return low + (high - low) * torch.sigmoid(res)
def load_tensors(path):
    raw = open(path, "rb").read()
    size = int.from_bytes(raw[:8], "little")
    return {name: torch.frombuffer(bytearray(raw[8 + size:][slice(*t["data_offsets"])]), dtype=torch.float32)
                       .reshape(t["shape"])
            for name, t in json.loads(raw[8:8 + size]).items() if name != "__metadata__"}
tensors = load_tensors(sys.argv[1])
model = DotProductBias(*(tensors[n].shape[0] for n in ("user_factors.weight", "movie_factors.weight")),
                       tensors["user_factors.weight"].shape[1], (0, 5.5))
model.load_state_dict(tensors)
pairs = torch.tensor(json.load(sys.stdin))
with torch.no_grad():
    json.dump(model(pairs)[:, 0].tolist(), sys.stdout)
'''


def check_predict(check, run, model, users, movies):
    row_of_user = {name: row for row, (name,) in enumerate(users)}
    ratings = trained.movielens()[:PAIRS]
    text = "".join(f"{user}\t{movie}\n" for user, movie, _ in ratings)
    got = trained.tsv("predict", run, "--pairs", "-", text=text)
    row_of_movie = {id_: row for row, (ids, _) in enumerate(movies) for id_ in ids.split("|")}
    user_rows = numpy.array([row_of_user[user] for user, _, _ in ratings])
    movie_rows = numpy.array([row_of_movie[movie] for _, movie, _ in ratings])
    want = trained.predictions(model, user_rows, movie_rows)
    score = numpy.array([float(row["score"]) for row in got])
    check.at_most("predict: furthest from numpy", float(numpy.abs(score - want).max()), 1e-6)
    check.equal("predict: titles", [row["title"] for row in got], [movies[row][1] for row in movie_rows])
    return user_rows, movie_rows, score


def check_forms_of_pairs(check, run):
    text = 'user,item\n196,242\n196,"Star Wars (1977)"\n999999,50\n196,nothing of the kind\n'
    done = trained.use("predict", run, "--pairs", "-", "--tsv", text=text)
    lines = [line.split("\t") for line in done.stdout.splitlines()]
    check.equal("predict: a header line, commas, quotes, titles, unknown ids",
                [line[:3] for line in lines],
                [["user", "item", "title"], ["196", "242", "Kolya (1996)"], ["196", "50", "Star Wars (1977)"],
                 ["999999", "50", "Star Wars (1977)"], ["196", "nothing of the kind", "#na#"]])
    check.that("2 of the pairs" in done.stderr and "#na#" in done.stderr, "unknown ids are told once", done.stderr)
    one = trained.use("predict", run, "--user", "196", "--movie", "star wars", "--json")
    check.equal("predict: one pair is the same", f"{json.loads(one.stdout)[0]['score']:.9g}", lines[2][3])


def check_torch(check, run, user_rows, movie_rows, score):
    if not importlib.util.find_spec("torch"):
        if os.environ.get("CI") == "true":
            check.that(False, "PyTorch is there (Debian: python3-torch)")
        else:
            check.skip("PyTorch", "no python3-torch")
        return
    import subprocess
    import sys
    pairs = json.dumps([[int(u), int(m)] for u, m in zip(user_rows, movie_rows)])
    done = subprocess.run([sys.executable, "-c", MODULE, run / "model.safetensors"], input=pairs, capture_output=True,
                          text=True, timeout=120, check=False)
    check.equal("PyTorch: load_state_dict takes the file", done.returncode, 0)
    if done.returncode == 0:
        furthest = float(numpy.abs(numpy.array(json.loads(done.stdout)) - score).max())
        check.at_most("PyTorch: furthest from predict", furthest, 1e-6)


def check_evaluate(check, run, model):
    record = json.loads((run / "run.json").read_text())
    done = trained.use("evaluate", run, "--json")
    got = json.loads(done.stdout)
    check.equal("evaluate: mse is the recorded valid_loss", f"{got['mse']:.9g}",
                f"{record['result']['valid_loss']:.9g}")
    check.equal("evaluate: count", got["count"], record["data"]["valid"])
    check.that(abs(got["rmse"] ** 2 - got["mse"]) < 1e-8, "evaluate: rmse is its root")
    for part in ("rating", "user_seen", "item_seen"):
        check.equal(f"evaluate: {part} covers all", sum(row["count"] for row in got[part]), got["count"])
        mse = sum(row["mse"] * row["count"] for row in got[part]) / got["count"]
        check.at_most(f"evaluate: {part} makes up the whole", abs(mse - got["mse"]), 1e-7)
    train = json.loads(trained.use("evaluate", run, "--part", "train", "--json").stdout)
    check.equal("evaluate --part train: count", train["count"], record["data"]["train"])
    check.that(train["mse"] < got["mse"], "evaluate --part train: below that of validation")


def check_evaluate_file(check, run, model, users, movies, folder):
    file = folder / "others.csv"
    row_of_user = {name: row for row, (name,) in enumerate(users)}
    row_of_movie = {id_: row for row, (ids, _) in enumerate(movies) for id_ in ids.split("|")}
    ratings = trained.movielens()[5000:9000] + [("100001", "50", 3.0), ("196", "99999", 4.0)]
    file.write_text("user,item,rating\n" + "".join(f"{u},{m},{r:g}\n" for u, m, r in ratings))
    user_rows = numpy.array([row_of_user.get(u, 0) for u, _, _ in ratings])
    movie_rows = numpy.array([row_of_movie.get(m, 0) for _, m, _ in ratings])
    error = trained.predictions(model, user_rows, movie_rows) - numpy.array([r for _, _, r in ratings])
    got = json.loads(trained.use("evaluate", run, "--ratings", file, "--json").stdout)
    check.at_most("evaluate --ratings: mse", abs(got["mse"] - float((error ** 2).mean())), 1e-6)
    check.at_most("evaluate --ratings: mae", abs(got["mae"] - float(numpy.abs(error).mean())), 1e-6)
    check.equal("evaluate --ratings: unknown", got["unknown"], 2)


def expected_list(model, row, rated, k):
    movies = numpy.arange(len(model["movie_bias.weight"]))
    score = trained.scores(model, numpy.full(len(movies), row), movies)
    score[0] = -numpy.inf
    score[list(rated)] = -numpy.inf
    return numpy.argsort(-score, kind="stable")[:k]


def check_recommend(check, run, model, users, movies):
    row_of_movie = {id_: row for row, (ids, _) in enumerate(movies) for id_ in ids.split("|")}
    rated = {}
    for user, movie, _ in trained.movielens():
        rated.setdefault(user, set()).add(row_of_movie[movie])
    got = {}
    for row in trained.tsv("recommend", run, "--all", "-k", "10"):
        got.setdefault(row["user"], []).append(row["title"])
    wrong = [user for row, (user,) in enumerate(users) if row and
             got[user] != [movies[m][1] for m in expected_list(model, row, rated[user], 10)]]
    check.equal("recommend --all: users whose list is not numpy's argsort", wrong, [])
    one = trained.tsv("recommend", run, "--user", "196", "-k", "10")
    check.equal("recommend --user: the same list", [row["title"] for row in one], got["196"])
    check.equal("recommend --user: ranks", [row["rank"] for row in one], [str(i + 1) for i in range(10)])
    again = trained.tsv("recommend", run, "--user", "196", "-k", "5", "--with-rated")
    check.equal("recommend --with-rated", [row["title"] for row in again],
                [movies[m][1] for m in expected_list(model, [u for u, in users].index("196"), set(), 5)])
    all_json = json.loads(trained.use("recommend", run, "--all", "-k", "2", "--json").stdout)
    check.equal("recommend --all --json: rows", len(all_json), 2 * (len(users) - 1))


def check_movies(check, run, model, movies):
    factors = model["movie_factors.weight"].astype(numpy.float64)
    titles = [title for _, title in movies]
    star_wars = titles.index("Star Wars (1977)")
    cosine = factors @ factors[star_wars] / (numpy.linalg.norm(factors, axis=1) * numpy.linalg.norm(factors[star_wars]))
    cosine[[0, star_wars]] = -2
    want = numpy.argsort(-cosine, kind="stable")[:5]
    got = trained.tsv("similar", run, "--movie", "star wars", "-k", "5")
    check.equal("similar", [row["title"] for row in got], [titles[row] for row in want])
    check.that("Empire Strikes Back, The (1980)" in [row["title"] for row in got], "a series lies together")
    bias = model["movie_bias.weight"][1:, 0]
    got = trained.tsv("biases", run, "-k", "3")
    order = numpy.argsort(-bias, kind="stable")
    want = [titles[1 + row] for row in [*order[::-1][:3], *order[:3]]]
    check.equal("biases: lowest, then highest", [row["title"] for row in got], want)


def check_map(check, run, model, movies, folder):
    got = trained.tsv("map", run)
    row_of = {ids: row for row, (ids, _) in enumerate(movies)}
    factors = model["movie_factors.weight"].astype(numpy.float64)[[row_of[row["item"]] for row in got]]
    centred = factors - factors.mean(axis=0)
    axes = numpy.linalg.svd(centred, full_matrices=False)[2][:3]
    axes *= numpy.sign(axes[numpy.arange(3), numpy.abs(axes).argmax(axis=1)])[:, None]
    found = numpy.array([[float(row[axis]) for axis in "xyz"] for row in got])
    check.at_most("map: furthest from numpy's components", float(numpy.abs(found - centred @ axes.T).max()), 1e-6)
    for suffix, start in ((".svg", b"<?xml"), (".png", b"\x89PNG")):
        picture = folder / f"map{suffix}"
        done = trained.use("map", run, "--out", picture, "-k", "20")
        check.that(done.returncode == 0 and picture.read_bytes().startswith(start), f"map --out: {suffix}", done.stderr)
    check.that("Star Wars (1977)" in (folder / "map.svg").read_text() or "DejaVu" in (folder / "map.svg").read_text(),
               "map: the picture has labels")


def check_export(check, run, model, movies, folder):
    done = trained.use("export", run, "--npy", "--tsv", "--word2vec", "--out", folder / "exported")
    check.equal("export: exit code", done.returncode, 0)
    for name, file in (("user_factors.weight", "user_factors.npy"), ("movie_bias.weight", "movie_bias.npy")):
        check.that(numpy.array_equal(numpy.load(folder / "exported" / file), model[name]), f"export: {file}")
    lines = (folder / "exported" / "movies.word2vec.txt").read_text().splitlines()
    check.equal("export: word2vec's first line", lines[0], f"{len(movies)} 50")
    check.that(all(len(line.split(" ")) == 51 for line in lines[1:]), "export: word2vec's words have no blanks")
    values = numpy.array([line.split(" ")[1:] for line in lines[1:]], dtype="<f4")
    check.that(numpy.array_equal(values, model["movie_factors.weight"]), "export: word2vec's numbers are exact")
    rows = (folder / "exported" / "users-factors.tsv").read_text().splitlines()
    values = numpy.array([row.split("\t")[4:] for row in rows[1:]], dtype="<f4")
    check.that(numpy.array_equal(values, model["user_factors.weight"]), "export: tsv's numbers are exact")


def check_data(check):
    got = json.loads(trained.use("data", "--data", trained.places.movielens_100k(), "--json").stdout)
    check.equal("data: counts", [got[key] for key in ("ratings", "users", "items", "train", "valid")],
                [100000, 943, 1664, 80000, 20000])
    check.equal("data: histogram", [row["count"] for row in got["histogram"]], [6110, 11370, 27145, 34174, 21201])
    check.equal("data: most rated", got["most_rated"][0]["title"], "Star Wars (1977)")


def check_data_of_a_file(check, folder):
    file = folder / "some.csv"
    file.write_text("who;what;score\n" + "".join(f"u{n % 9};i{n % 7};{1 + n % 5}\n" for n in range(60)))
    done = trained.use("data", "--data", file, "--user-column", "who", "--item-column", "what", "--rating-column", "score")
    check.that(all(word in done.stdout for word in ("who", "what", "score")), "data: which columns were taken",
               "".join(done.stdout.splitlines(True)[:3]) + done.stderr)


def damaged(folder, run, name):
    """A copy of run with the middle byte of a file changed."""
    copy = folder / f"damaged-{name}"
    shutil.copytree(run, copy)
    raw = bytearray((copy / name).read_bytes())
    raw[len(raw) // 2] ^= 1
    (copy / name).write_bytes(raw)
    return copy


def check_refusals(check, run, folder):
    cut = folder / "cut"
    shutil.copytree(run, cut)
    (cut / "model.safetensors").unlink()
    misfit = folder / "misfit"
    shutil.copytree(run, misfit)
    (misfit / "users.tsv").write_text("".join((run / "users.tsv").read_text().splitlines(True)[:-1]))
    moved = folder / "moved"
    shutil.copytree(run, moved)
    (moved / "run.json").write_text((run / "run.json").read_text().replace(str(trained.places.movielens_100k()), "/gone/ml-100k"))
    cases = [
        ("a missing run", ["similar", folder / "none", "--movie", "50"], 3, "there is no run"),
        ("a run without a model", ["similar", cut, "--movie", "50"], 3, "has no model"),
        ("a damaged tensor", ["similar", damaged(folder, run, "model.safetensors"), "--movie", "50"], 3, "is not the model"),
        ("names that do not fit", ["similar", misfit, "--movie", "50"], 3, "users.tsv"),
        ("a title of two films", ["similar", run, "--movie", "star trek"], 3, "titles:"),
        ("an unknown title", ["similar", run, "--movie", "Stra Wars"], 3, "no movie"),
        ("an unknown user", ["recommend", run, "--user", "99999"], 3, "no user"),
        ("ratings that were moved", ["recommend", moved, "--user", "196"], 3, "--data"),
        ("no run at all", ["evaluate"], 2, "needs the folder of a run"),
        ("a pair of one field", ["predict", run, "--pairs", "-"], 3, "standard input:2"),
        ("a full disk", ["recommend", run, "--all"], 6, "standard output"),
    ]
    for name, arguments, code, part in cases:
        if name == "a full disk":
            import subprocess
            with open("/dev/full", "w") as full:
                done = subprocess.run(trained.launch.command_line(arguments), stdout=full, stderr=subprocess.PIPE,
                                      text=True, timeout=60, check=False)
        else:
            done = trained.use(*arguments, text="196\t50\nonly one\n")
        lines = [line for line in done.stderr.splitlines() if "error:" in line]
        check.that(done.returncode == code and len(lines) == 1 and part in done.stderr, name,
                   f"exit code {done.returncode}, {done.stderr.strip()}")


def main():
    check = Verdict("using/commands")
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        run = trained.train(folder / "run")
        model = trained.tensors(run / "model.safetensors")
        users, movies = trained.names(run / "users.tsv"), trained.names(run / "movies.tsv")
        rows = check_predict(check, run, model, users, movies)
        check_forms_of_pairs(check, run)
        check_torch(check, run, *rows)
        check_evaluate(check, run, model)
        check_evaluate_file(check, run, model, users, movies, folder)
        check_recommend(check, run, model, users, movies)
        check_movies(check, run, model, movies)
        check_map(check, run, model, movies, folder)
        check_export(check, run, model, movies, folder)
        check_data(check)
        check_data_of_a_file(check, folder)
        check_refusals(check, run, folder)
    check.finish()


main()
