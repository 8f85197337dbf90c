"""No compiler flag may change the bits of float arithmetic without the build saying so.

A source file is compiled with the project's own options after flags that a user may have set. The compiler must refuse it,
or the flag must have no effect: then the assembly of the reference kernels is the same as without it.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "tools"))
from verdict import Verdict  # noqa: E402

OWN = ["-std=gnu17", "-O3", "-D_GNU_SOURCE", f"-I{ROOT}", "-include", str(ROOT / "common/base/ieee.h"), "-fno-unsafe-math-optimizations",
       "-fno-associative-math", "-fno-reciprocal-math", "-fsigned-zeros", "-ffp-contract=off", "-fno-math-errno", "-fno-trapping-math", "-fno-strict-aliasing"]
REFUSED = ["-ffast-math", "-Ofast -ffast-math", "-ffinite-math-only"]
GCC_REFUSES = ["-mfpmath=387", "-fsingle-precision-constant"]
WITHOUT_EFFECT = ["-Ofast", "-fno-signed-zeros", "-funsafe-math-optimizations", "-fassociative-math -fno-signed-zeros -fno-trapping-math", "-freciprocal-math", "-ffp-contract=fast"]
SOURCE = ROOT / "common/model/kernels_scalar.c"


def compile_with(compiler, flags, out):
    """(the finished compiler, its assembly)."""
    done = subprocess.run([compiler, *flags.split(), *OWN, "-S", str(SOURCE), "-o", out], capture_output=True, text=True)
    return done, Path(out).read_text() if done.returncode == 0 else ""


def own_options_are_those_of_the_build(check):
    """OWN repeats the options of the build, which must still have all of them."""
    text = (ROOT / "CMakeLists.txt").read_text()
    for option in OWN[OWN.index("-include") + 2:]:
        check.that(option in text, f"CMakeLists.txt has {option}")
    check.that("-include ${CMAKE_SOURCE_DIR}/common/base/ieee.h" in text, "CMakeLists.txt puts ieee.h in front")


def check_compiler(check, compiler, refused, out):
    done, plain = compile_with(compiler, "", out)
    if not check.that(done.returncode == 0, f"{compiler}: plain", done.stderr[-300:]):
        return
    for flags in refused:
        done, _ = compile_with(compiler, flags, out)
        check.that(done.returncode != 0 and "build without" in done.stderr, f"{compiler} {flags}: refused")
    for flags in WITHOUT_EFFECT:
        done, text = compile_with(compiler, flags, out)
        same = done.returncode == 0 and text == plain
        check.that(same or "build without" in done.stderr, f"{compiler} {flags}: refused, or the same code")


def main():
    check = Verdict("layers/arithmetic")
    own_options_are_those_of_the_build(check)
    on_x86 = os.uname().machine == "x86_64"
    with tempfile.TemporaryDirectory() as scratch:
        for compiler in ("gcc", "clang"):
            if not shutil.which(compiler):
                check.skip(compiler, "not installed")
                continue
            extra = [flags for flags in GCC_REFUSES if on_x86 or "387" not in flags] if compiler == "gcc" else []
            check_compiler(check, compiler, REFUSED + extra, os.path.join(scratch, "out.s"))
    check.finish()


main()
