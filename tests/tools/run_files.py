"""Reads and writes the numbers of a run: safetensors and the csv records.

Written independently of the program, from the specifications of the formats.
"""

import csv
import json

from arrays import numpy


def read_safetensors(path):
    """{name: float32 array}."""
    blob = path.read_bytes()
    size = int.from_bytes(blob[:8], "little")
    header = json.loads(blob[8:8 + size])
    header.pop("__metadata__", None)
    tensors = {}
    for name, entry in header.items():
        if entry["dtype"] != "F32":
            raise ValueError(f"'{path}': tensor '{name}' is {entry['dtype']}")
        begin, end = (8 + size + offset for offset in entry["data_offsets"])
        tensors[name] = numpy.frombuffer(blob[begin:end], "<f4").reshape(entry["shape"])
    return tensors


def write_safetensors(path, tensors):
    """{name: array} as float32."""
    header, parts, offset = {}, [], 0
    for name, values in tensors.items():
        part = numpy.ascontiguousarray(values, "<f4").tobytes()
        header[name] = {"dtype": "F32", "shape": list(values.shape), "data_offsets": [offset, offset + len(part)]}
        offset += len(part)
        parts.append(part)
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    path.write_bytes(len(text).to_bytes(8, "little") + text + b"".join(parts))


def read_columns(path):
    """{header name: float64 array} of a csv file."""
    with open(path, newline="") as file:
        rows = list(csv.DictReader(file))
    return {name: numpy.array([float(row[name]) for row in rows]) for name in rows[0]}


def largest_relative(got, want, floor=0.0):
    """max of |got - want| / (|want| + floor)."""
    return float(numpy.max(numpy.abs(got - want) / (numpy.abs(want) + floor)))


def largest_difference(got, want):
    return float(numpy.max(numpy.abs(got - want)))
