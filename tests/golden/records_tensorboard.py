"""Reads a run's records with other software: TensorBoard's event file with Python's protobuf, metrics.jsonl with json.

The schema is repeated here as TensorBoard defines it (event.proto, summary.proto, hparams/api.proto,
hparams/plugin_data.proto), and checksums are computed bit by bit: nothing is taken from the program. Every value of
history.csv and steps.csv must be found: in metrics.jsonl with its nine digits, in the event file as the nearest float32.
The run uses a small synthetic set.
"""

import csv
import json
import os
import struct
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tools"))
import launch  # noqa: E402
import records  # noqa: E402
from arrays import numpy  # noqa: E402
from verdict import SKIPPED, Verdict  # noqa: E402

try:
    from google.protobuf import descriptor_pb2, descriptor_pool, message_factory, struct_pb2
except ImportError:
    print("SKIP no protobuf for Python (Debian: python3-protobuf)")
    sys.exit(1 if os.environ.get("CI") == "true" else SKIPPED)

FIELD = descriptor_pb2.FieldDescriptorProto
DOUBLE, FLOAT, INT64, INT32, STRING, BYTES, ENUM, MESSAGE = (
    FIELD.TYPE_DOUBLE, FIELD.TYPE_FLOAT, FIELD.TYPE_INT64, FIELD.TYPE_INT32, FIELD.TYPE_STRING, FIELD.TYPE_BYTES,
    FIELD.TYPE_ENUM, FIELD.TYPE_MESSAGE)

# message: {field: (number, type, "" | oneof | "repeated")}; the type of a message is its name
SCHEMA = {
    "Event": {"wall_time": (1, DOUBLE, ""), "step": (2, INT64, ""), "file_version": (3, STRING, "what"),
              "graph_def": (4, BYTES, "what"), "summary": (5, "Summary", "what")},
    "Summary": {"value": (1, "SummaryValue", "repeated")},
    "SummaryValue": {"tag": (1, STRING, ""), "simple_value": (2, FLOAT, "value"), "metadata": (9, "Metadata", "")},
    "Metadata": {"plugin_data": (1, "PluginData", ""), "display_name": (2, STRING, "")},
    "PluginData": {"plugin_name": (1, STRING, ""), "content": (2, BYTES, "")},
    "HParamsPluginData": {"version": (1, INT32, ""), "experiment": (2, "Experiment", "data"),
                          "session_start_info": (3, "SessionStartInfo", "data"),
                          "session_end_info": (4, "SessionEndInfo", "data")},
    "Experiment": {"description": (1, STRING, ""), "user": (2, STRING, ""), "time_created_secs": (3, DOUBLE, ""),
                   "hparam_infos": (4, "HParamInfo", "repeated"), "metric_infos": (5, "MetricInfo", "repeated"),
                   "name": (6, STRING, "")},
    "HParamInfo": {"name": (1, STRING, ""), "display_name": (2, STRING, ""), "description": (3, STRING, ""),
                   "type": (4, INT32, "")},
    "MetricInfo": {"name": (1, "MetricName", ""), "display_name": (3, STRING, ""), "dataset_type": (5, INT32, "")},
    "MetricName": {"group": (1, STRING, ""), "tag": (2, STRING, "")},
    "SessionStartInfo": {"hparams": (1, "HParam", "repeated"), "model_uri": (2, STRING, ""),
                         "group_name": (4, STRING, ""), "start_time_secs": (5, DOUBLE, "")},
    "HParam": {"key": (1, STRING, ""), "value": (2, ".google.protobuf.Value", "")},
    "SessionEndInfo": {"status": (1, INT32, ""), "end_time_secs": (2, DOUBLE, "")},
}
SUCCESS = 1

EPOCHS, STEPS = 3, 500  # 20,000 ratings by 200 users, of which 80 % are for training, in batches of 32


def add_field(message, name, number, kind, role):
    field = message.field.add(name=name, number=number)
    field.label = FIELD.LABEL_REPEATED if role == "repeated" else FIELD.LABEL_OPTIONAL
    field.type = MESSAGE if isinstance(kind, str) else kind
    if isinstance(kind, str):
        field.type_name = kind if kind.startswith(".") else f".tb.{kind}"
    if role not in ("", "repeated"):
        oneofs = [oneof.name for oneof in message.oneof_decl]
        if role not in oneofs:
            message.oneof_decl.add(name=role)
        field.oneof_index = (oneofs + [role]).index(role)


def message_classes():
    """{name: class} of SCHEMA."""
    file = descriptor_pb2.FileDescriptorProto(name="tb.proto", package="tb", syntax="proto3")
    file.dependency.append(struct_pb2.DESCRIPTOR.name)
    for name, fields in SCHEMA.items():
        message = file.message_type.add(name=name)
        for field, (number, kind, role) in fields.items():
            add_field(message, field, number, kind, role)
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(struct_pb2.DESCRIPTOR.serialized_pb)
    pool.AddSerializedFile(file.SerializeToString())
    factory = message_factory.MessageFactory(pool)
    return {name: factory.GetPrototype(pool.FindMessageTypeByName(f"tb.{name}")) for name in SCHEMA}


def byte_sums():
    """The table of a CRC-32C: the effect of each byte."""
    sums = []
    for byte in range(256):
        for _ in range(8):
            byte = byte >> 1 ^ (0x82F63B78 if byte & 1 else 0)
        sums.append(byte)
    return sums


SUMS = byte_sums()


def masked_crc(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc = SUMS[(crc ^ byte) & 0xFF] ^ crc >> 8
    crc ^= 0xFFFFFFFF
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


def read_records(blob):
    """The data of every record; ValueError if one is truncated or fails a checksum."""
    at = 0
    while at < len(blob):
        length, length_crc = struct.unpack_from("<QI", blob, at)
        data = blob[at + 12:at + 12 + length]
        (data_crc,) = struct.unpack_from("<I", blob, at + 12 + length)
        if length_crc != masked_crc(blob[at:at + 8]) or data_crc != masked_crc(data):
            raise ValueError(f"checksum of the record at byte {at}")
        yield data
        at += 16 + length


def read_events(check, folder, classes):
    """The events in the only event file of a run."""
    files = list((folder / "tb").iterdir())
    check.that(len(files) == 1 and "tfevents" in files[0].name, "one event file", files[0].name)
    blob = files[0].read_bytes()
    try:
        events = [classes["Event"].FromString(data) for data in read_records(blob)]
    except (ValueError, struct.error) as error:
        check.that(False, "every record has both its checksums", error)
        return []
    check.that(True, "every record has both its checksums", f"{len(events)} records, {len(blob):,} bytes")
    return events


def split(events):
    """(scalars {tag: {step: value}}, plugins {tag: content}) of events."""
    scalars, plugins = {}, {}
    for event in events:
        for value in event.summary.value:
            if value.WhichOneof("value") == "simple_value":
                scalars.setdefault(value.tag, {})[event.step] = value.simple_value
            else:
                plugins[value.tag] = value.metadata.plugin_data
    return scalars, plugins


def read_metrics(path):
    """{name: {(step, epoch): value}} of metrics.jsonl."""
    metrics = {}
    for line in path.read_text().splitlines():
        event = json.loads(line)
        metrics.setdefault(event["name"], {})[event["step"], event["epoch"]] = event["value"]
    return metrics


def wanted(folder):
    """{name: {(step, epoch): value}} from the csv files."""
    values = {}
    with open(folder / "steps.csv", newline="") as file:
        for row in csv.DictReader(file):
            step = int(row.pop("step"))
            for column, value in row.items():
                name = "step/momentum" if column == "mom" else f"step/{column}"
                values.setdefault(name, {})[step, step // STEPS] = float(value)
    with open(folder / "history.csv", newline="") as file:
        for row in csv.DictReader(file):
            epoch, steps = int(row.pop("epoch")), int(row.pop("steps"))
            for column, value in row.items():
                values.setdefault(f"epoch/{column}", {})[steps - 1, epoch] = float(value)
    return values


def compare(check, want, scalars, metrics):
    check.equal("series in the event file", sorted(scalars), sorted(want))
    check.equal("names in metrics.jsonl", sorted(metrics), sorted(want))
    for name in sorted(want):
        places = sorted(want[name])
        values = numpy.array([want[name][place] for place in places])
        axis = [place[name.startswith("epoch/")] for place in places]
        # history.csv rounds times to microseconds and ratings_per_s to a whole number
        slack = 0.51 if name == "epoch/ratings_per_s" else 0.51e-6 if name.endswith("_s") else 0.0
        got = numpy.array([metrics.get(name, {}).get(place, numpy.nan) for place in places])
        check.at_most(f"{name}: {len(places)} values in metrics.jsonl", float(numpy.max(numpy.abs(got - values))), slack)
        got = numpy.array([scalars.get(name, {}).get(step, numpy.nan) for step in axis])
        off = float(numpy.max(numpy.abs(got - values.astype("<f4")) / numpy.spacing(numpy.abs(values).astype("<f4"))))
        if slack:
            off = float(numpy.max(numpy.maximum(numpy.abs(got - values) - slack, 0.0) / numpy.abs(values + slack)))
        check.at_most(f"{name}: as float32 in the event file, in units of its last place" if not slack else
                      f"{name}: in the event file, relative", off, 1.0 if not slack else 1e-6)
        extra = len(metrics.get(name, {})) + len(scalars.get(name, {})) - 2 * len(places)
        check.equal(f"{name}: values too many", extra, 0)


def check_hparams(check, folder, plugins, classes):
    tags = [f"_hparams_/{name}" for name in ("experiment", "session_start_info", "session_end_info")]
    check.equal("what the HPARAMS tab reads", sorted(plugins), sorted(tags))
    check.equal("its plugin", {plugin.plugin_name for plugin in plugins.values()}, {"hparams"})
    parts = [classes["HParamsPluginData"].FromString(plugins[tag].content) for tag in tags]
    options = {name: option["value"] for name, option in records.read_record(folder)["options"].items()}
    entries = {entry.key: entry.value for entry in parts[1].session_start_info.hparams}
    infos = [info.name for info in parts[0].experiment.hparam_infos]
    check.equal("the experiment names the session's options", sorted(infos), sorted(entries))
    for name, value in (("wd", 0.05), ("epochs", 3), ("model", "bias"), ("optimizer", "adam")):
        check.equal(f"option {name}", getattr(entries[name], entries[name].WhichOneof("kind")), value)
    wrong = [name for name, value in entries.items() if str(options[name]) != value.string_value and
             not (value.WhichOneof("kind") == "number_value" and float(options[name]) == value.number_value)]
    check.equal("options unlike run.json's", wrong, [])
    check.equal("losses beside them", [info.name.tag for info in parts[0].experiment.metric_infos],
                ["epoch/valid_loss", "epoch/train_loss"])
    check.equal("status at the end", parts[2].session_end_info.status, SUCCESS)


def check_times(check, folder, claim):
    """Every part of an epoch's time is present, and their sums are those in run.json."""
    with open(folder / "history.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    timings = records.read_record(folder)["timings_s"]
    for part in ("compute", "wait", "optimizer", "validation", "save"):
        values = [float(row[f"{part}_s"]) for row in rows]
        check.that(all(0 <= value for value in values), f"{claim}: {part}_s", " ".join(f"{v:.6f}" for v in values))
        if part != "save":
            check.at_most(f"{claim}: {part} of run.json, off the sum", abs(timings[part] - sum(values)), 1e-5)
        if part in ("compute", "optimizer"):
            check.that(sum(values) > 0, f"{claim}: {part} takes time")


def train(check, claim, data, out, *options, ranks=None):
    run = launch.launch(["--data", data, "--epochs", EPOCHS, "--wd", "0.05", "--batch-size", "32", "--progress", "none",
                         "--out", out, *options], ranks=ranks, seconds=120)
    return check.that(run.code == 0, claim, f"exit code {run.code} {run.stderr[-500:] if run.code else ''}".rstrip())


def main():
    check, classes = Verdict("golden/records_tensorboard"), message_classes()
    with tempfile.TemporaryDirectory() as scratch:
        data, out, spread = (Path(scratch) / name for name in ("data", "run", "spread"))
        made = launch.launch(["synth", "--users", "200", "--items", "300", "--ratings", "20000", "--out", data],
                             seconds=60)
        check.equal("makes a set", made.code, 0)
        # The second run overwrites the first in the same folder.
        if train(check, "trains", data, out) and train(check, "trains with --log-steps", data, out, "--log-steps",
                                                        "--overwrite"):
            events = read_events(check, out, classes)
            check.equal("version", events[0].file_version if events else None, "brain.Event:2")
            scalars, plugins = split(events)
            compare(check, wanted(out), scalars, read_metrics(out / "metrics.jsonl"))
            check_hparams(check, out, plugins, classes)
            check_times(check, out, "one process")
        if train(check, "trains on four ranks", data, spread, ranks=4):
            metrics = read_metrics(spread / "metrics.jsonl")
            check.equal("without --log-steps: names of steps", [name for name in metrics if name.startswith("step/")],
                        [])
            check.equal("without --log-steps: losses of epochs", len(metrics["epoch/valid_loss"]), EPOCHS)
            check_times(check, spread, "four ranks")
            check.equal("one curve", records.curve_hash(spread), records.curve_hash(out))
    check.finish()


main()
