"""Hostile clients of a rank's port: they send raw ZMTP 3, valid, invalid or truncated.

    strangers.py HOST PORT [--fuzz N] [--half-open N] [--replay FILE] [--hold S] [--seed N]

Runs all of them on another host of the test bed, and prints the replies, which must be greetings only.
"""

import argparse
import random
import socket
import struct
import sys
import time


def greeting(mechanism):
    """The first 64 bytes of a ZMTP 3 connection."""
    return b"\xff" + bytes(8) + b"\x7f\x03\x00" + mechanism.ljust(20, b"\0") + bytes(32)


def command(name, body):
    """A short command frame."""
    text = bytes([len(name)]) + name + body
    return bytes([4, len(text)]) + text if len(text) < 256 else bytes([6]) + struct.pack(">Q", len(text)) + text


def noise(draw):
    return draw.randbytes(draw.randrange(1, 5000))


def half_a_greeting(draw):
    return greeting(b"PLAIN")[:draw.randrange(64)]


def noise_after_greeting(draw):
    return greeting(draw.choice([b"NULL", b"PLAIN", b"CURVE"])) + noise(draw)


def wrong_password(draw):
    secret = draw.randbytes(draw.choice([0, 21, 42, 200]))
    return greeting(b"PLAIN") + command(b"HELLO", b"\x04rank" + bytes([len(secret)]) + secret) + noise(draw)


def wrong_keys(draw):
    """CURVE's HELLO and INITIATE with unknown keys."""
    hello = b"\x01\x00" + bytes(72) + draw.randbytes(32) + draw.randbytes(8) + draw.randbytes(80)
    return greeting(b"CURVE") + command(b"HELLO", hello) + command(b"INITIATE", draw.randbytes(96 + 8 + 144))


def no_mechanism(draw):
    """Sends READY as rank 1 of a run without a password, then a message."""
    name = b"c\x01\0\0\0" + draw.randbytes(16)
    ready = b"\x0bSocket-Type" + struct.pack(">I", 6) + b"ROUTER" + b"\x08Identity" + struct.pack(">I", 21) + name
    return greeting(b"NULL") + command(b"READY", ready) + b"\x01\x04abcd\x00\x04efgh"


def endless_frame(draw):
    """A frame or command that announces up to 2^63 bytes and sends a few."""
    flags = draw.choice([2, 3, 6])
    size = draw.choice([300 << 20, 1 << 31, 1 << 40, 1 << 63])
    return greeting(b"PLAIN") + bytes([flags]) + struct.pack(">Q", size) + noise(draw)


ATTACKS = [noise, half_a_greeting, noise_after_greeting, wrong_password, wrong_keys, no_mechanism, endless_frame]


def frames(draw, count):
    """A greeting and `count` frames with random flags, some with wrong sizes."""
    out = [greeting(draw.choice([b"NULL", b"PLAIN", b"CURVE"]))]
    for _ in range(count):
        body = draw.randbytes(draw.randrange(40))
        out.append(bytes([draw.randrange(8), len(body) if draw.random() < 0.9 else draw.randrange(256)]) + body)
    return b"".join(out)


def call(where, said, seconds=0.2):
    """Sends the bytes on a new connection; returns the reply."""
    heard = b""
    try:
        with socket.create_connection(where, timeout=2) as peer:
            peer.settimeout(seconds)
            peer.sendall(said)
            while True:
                more = peer.recv(65536)
                if not more:
                    return heard
                heard += more
    except OSError:
        return heard


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("host")
    parser.add_argument("port", type=int)
    parser.add_argument("--fuzz", type=int, default=0)
    parser.add_argument("--half-open", type=int, default=0)
    parser.add_argument("--replay")
    parser.add_argument("--hold", type=float, default=1)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    where, draw = (asked.host, asked.port), random.Random(asked.seed)
    longest = max(len(call(where, attack(draw))) for attack in ATTACKS for _ in range(3))
    if asked.replay:
        with open(asked.replay, "rb") as file:
            longest = max(longest, len(call(where, file.read(), 2)))
    for _ in range(0, asked.fuzz, 200):
        longest = max(longest, len(call(where, frames(draw, min(200, asked.fuzz)), 0.01)))
    held = []
    for _ in range(asked.half_open):
        try:
            held.append(socket.create_connection(where, timeout=2))
        except OSError:
            break
    time.sleep(asked.hold if held else 0)
    print(f"connections {len(held)} longest answer {longest}")
    sys.exit(0)


if __name__ == "__main__":
    main()
