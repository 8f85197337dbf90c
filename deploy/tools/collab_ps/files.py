"""Atomic writes, and messages in the format of the program's own."""

import os
import sys

USAGE, DATA, STORAGE, INTERNAL, INTERRUPTED = 2, 3, 6, 70, 125  # exit codes


class Failure(Exception):
    """An error to be reported to the user: exit code, cause, and a hint if there is a remedy."""

    def __init__(self, code, cause, hint=""):
        super().__init__(cause)
        self.code, self.cause, self.hint = code, cause, hint


def printable(text):
    """text without control characters: names of files and folders may contain any."""
    return "".join(mark if mark.isprintable() else "?" for mark in text)


def say(kind, text, hint=""):
    """Writes a line to standard error, and a second one for the hint if there is one."""
    if sys.stderr is None:
        return
    lines = [f"collab-ps: {kind}: {printable(text)}"] + ([f"  hint: {printable(hint)}"] if hint else [])
    sys.stderr.write("\n".join(lines) + "\n")
    sys.stderr.flush()


def to_bytes(content):
    """content as UTF-8. Bytes of file names that are not valid UTF-8 appear as \\udcXX."""
    return content.encode("utf-8", "backslashreplace") if isinstance(content, str) else content


def show(content):
    """Writes content to standard output. A reader that has closed the pipe is no error."""
    try:
        sys.stdout.buffer.write(to_bytes(content))
        sys.stdout.buffer.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    except (OSError, AttributeError) as error:
        why = getattr(error, "strerror", None) or "it is closed"
        sys.stdout = None
        raise Failure(STORAGE, f"cannot write to standard output: {why}") from None


def write(path, content):
    """Replaces the file at path by content (text or bytes) atomically: a reader sees the old file or the new one.
    Anything but a regular file, such as a pipe, is written to directly."""
    target = os.path.realpath(path)
    if os.path.exists(target) and not os.path.isfile(target):
        return put(target, target, content, path)
    return put(f"{target}.{os.getpid()}.tmp", target, content, path)


def put(temporary, target, content, shown):
    try:
        with open(temporary, "wb") as file:
            file.write(to_bytes(content))
            file.flush()
            if temporary != target:
                os.fsync(file.fileno())
                os.replace(temporary, target)
    except OSError as error:
        if temporary != target:
            remove(temporary)
        raise Failure(STORAGE, f"cannot write '{shown}': {error.strerror}") from None


def make_folder(path):
    try:
        os.makedirs(path, exist_ok=True)
    except OSError as error:
        raise Failure(STORAGE, f"cannot make folder '{path}': {error.strerror}") from None


def remove(path):
    """Removes path if it exists."""
    try:
        os.remove(path)
    except OSError:
        pass
