"""Writes a file whole or not at all, and says what is wrong in the program's words."""

import os
import sys

USAGE, DATA, STORAGE = 2, 3, 6


class Failure(Exception):
    """An error for people: cause, exit code, and a hint where there is a mend."""

    def __init__(self, code, cause, hint=""):
        super().__init__(cause)
        self.code, self.cause, self.hint = code, cause, hint


def say(kind, text, hint=""):
    """One line on standard error, and a second one for the hint."""
    sys.stderr.write(f"collab-ps: {kind}: {text}\n" + (f"           hint: {hint}\n" if hint else ""))
    sys.stderr.flush()


def write(path, content):
    """Puts content (text or bytes) at path; a reader sees the old file or the new one."""
    data = content.encode() if isinstance(content, str) else content
    temporary = f"{path}.{os.getpid()}.tmp"
    try:
        with open(temporary, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except OSError as error:
        remove(temporary)
        raise Failure(STORAGE, f"cannot write '{path}': {error.strerror}") from None


def make_folder(path):
    try:
        os.makedirs(path, exist_ok=True)
    except OSError as error:
        raise Failure(STORAGE, f"cannot make folder '{path}': {error.strerror}") from None


def remove(path):
    """Removes path if it is there."""
    try:
        os.remove(path)
    except OSError:
        pass
