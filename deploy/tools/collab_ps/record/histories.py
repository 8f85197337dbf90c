"""Reads a csv file of epochs: this program's history.csv, or what fastai's CSVLogger writes.

    epoch,train_loss,valid_loss,…,time      a line for each epoch, from 0
    epoch,train_loss,valid_loss,…,time      CSVLogger(append=True) writes its header again for each fit

text -> fits, each a list of rows -> curves. Files that are truncated or of another kind are refused with the reason, so that
no truncated number is taken for a loss.
"""

import csv
import io
import math
import os

LONGEST_HEADER = 65536  # bytes; a longer first line is not a header
OWN_TABLE = {"group", "interval_low"}  # columns of the table that this program writes


class Unusable(Exception):
    """The reason why a path is skipped."""


def read_text(path):
    """(names of the columns, the text after the header)."""
    what = f"'{os.path.basename(path)}'"
    try:
        with open(path, newline="", encoding="utf-8-sig") as file:
            header = next(csv.reader([file.readline(LONGEST_HEADER)]), [])
            header = [name.strip() for name in header]
            if not header:
                raise Unusable(f"{what} is empty, or has no header")
            if OWN_TABLE <= set(header):
                raise Unusable("a table that compare wrote, not a run")
            missing = [name for name in ("epoch", "valid_loss") if name not in header]
            if missing:
                raise Unusable(f"{what} has no column {' and '.join(missing)}")
            return header, file.read()
    except OSError as error:
        raise Unusable(f"cannot read {what}: {error.strerror}") from None
    except (UnicodeDecodeError, csv.Error):
        raise Unusable(f"{what} is not a csv file") from None


def split_fits(path, header, text):
    """[[{column: text}]]: the rows after each header."""
    what, fits, line = f"'{os.path.basename(path)}'", [[]], 1
    reader = csv.reader(io.StringIO(text, newline=""))
    try:
        for fields in filter(None, reader):
            line = 1 + reader.line_num
            if "epoch" in fields:
                header = [name.strip() for name in fields]
                fits.append([])
            elif len(fields) != len(header):
                raise Unusable(f"{what} is cut short or damaged: line {line} has {len(fields)} of {len(header)} fields")
            else:
                fits[-1].append(dict(zip(header, fields)))
    except csv.Error:
        raise Unusable(f"{what} is not a csv file") from None
    return [rows for rows in fits if rows]


def read_fits(path, whole_lines=False):
    """The fits of a csv file, each a list of rows. whole_lines: refuse a file whose last line has no newline."""
    header, text = read_text(path)
    fits = split_fits(path, header, text)
    if not fits:
        raise Unusable(f"'{os.path.basename(path)}' has no epochs")
    if whole_lines and not text.endswith("\n"):
        raise Unusable(f"'{os.path.basename(path)}' is cut short in its last line")
    return fits


def number(row, name):
    """A finite float, or None if the field is missing or empty."""
    text = (row.get(name) or "").strip()
    if not text:
        return None
    value = float(text)
    if not math.isfinite(value):
        raise Unusable(f"{name} of epoch {row['epoch'].strip()} is {text}")
    return value


def clock(text):
    """The seconds in '12.5', '00:12' or '1:02:03'; None for an empty text."""
    if not (text or "").strip():
        return None
    seconds = 0.0
    for part in text.strip().split(":"):
        seconds = seconds * 60 + float(part)
    if not 0 <= seconds < math.inf:
        raise ValueError(text)
    return seconds


def read_epoch(row):
    return {"epoch": int(row["epoch"]), "train_loss": number(row, "train_loss"),
            "valid_loss": number(row, "valid_loss"), "mae": number(row, "valid_mae"),
            "time": clock(row.get("time_s") or row.get("time"))}


def curve_of(rows, what):
    """The epochs in the rows of a fit, which must be numbered 0, 1, 2 and so on. what: the file's name in errors."""
    try:
        curve = [read_epoch(row) for row in rows]
    except ValueError:
        raise Unusable(f"{what} has fields that are not numbers") from None
    if [epoch["epoch"] for epoch in curve] != list(range(len(curve))):
        raise Unusable(f"{what} lacks epochs: they are not 0, 1, 2 and so on")
    return curve
