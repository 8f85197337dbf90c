#!/usr/bin/env bash
# Installs what the tests need and runs all of them: the release build against every test, then the same sources
# under AddressSanitizer and UBSan, ThreadSanitizer, valgrind and libFuzzer.
#
#   deploy/test.sh [STEP...]      all steps, or those named: release asan-ubsan tsan valgrind fuzz
#
# Tests on real ratings look for MovieLens-100k in $COLLAB_PS_DATA or data/ml-100k and for recorded trajectories in
# $COLLAB_PS_GOLDEN, and are skipped if these are missing; with CI=true that is a failure.
set -u
# shellcheck source=deploy/setup.sh
. "$(dirname "${BASH_SOURCE[0]}")/setup.sh" || exit 1

closing_lines=()

need_for_tests() {
    need libcmocka-dev pkg-config --exists cmocka
    need python3 /usr/bin/python3 --version
    need python3-numpy /usr/bin/python3 -c 'import numpy'
    need python3-protobuf /usr/bin/python3 -c 'import google.protobuf'
    need python3-matplotlib /usr/bin/python3 -c 'import matplotlib'
    need python3-torch /usr/bin/python3 -c 'import torch'
    need python3-selenium /usr/bin/python3 -c 'import selenium'
    need iproute2 ip -V
    need ethtool ethtool --version
    need nftables nft --version
    need chromium chromium --version
    need chromium-driver chromedriver --version
}

can_fuzz() {
    echo 'int LLVMFuzzerTestOneInput(const char *d, unsigned long n) { return d && n ? 0 : 0; }' |
        clang -x c -fsanitize=fuzzer,address,undefined - -o /dev/null
}

need_for_fuzz() {
    need clang clang --version
    need libclang-rt-dev can_fuzz
}

find_data() {
    if [ -z "${COLLAB_PS_DATA:-}" ] && [ -f "$root/data/ml-100k/u.data" ]; then
        export COLLAB_PS_DATA=$root/data/ml-100k
    fi
    [ "${CI:-}" = true ] || return 0
    [ -f "${COLLAB_PS_DATA:-}/u.data" ] || fail "no MovieLens-100k in COLLAB_PS_DATA ('${COLLAB_PS_DATA:-}')"
    [ -d "${COLLAB_PS_GOLDEN:-}/bias-wd" ] ||
        fail "no recorded trajectories in COLLAB_PS_GOLDEN ('${COLLAB_PS_GOLDEN:-}')"
}

# skipped_in LOG: ", 2 skipped: a, b", or nothing.
skipped_in() {
    local names
    names=$(sed -n 's/^[ 0-9/]*Test *#[0-9]*: \([^ ]*\) .*\*\*\*Skipped.*/\1/p' "$1" | sort -u)
    [ -z "$names" ] || printf ', %d skipped: %s' "$(wc -l <<<"$names")" "${names//$'\n'/, }"
}

# run_tests PRESET [CTEST OPTION...]: shows the output of ctest and keeps its summary line. A selection without tests is
# a failure, and so is a skipped test in CI.
run_tests() {
    local preset=$1 log=$root/build/$1/ctest.log
    shift
    ctest --test-dir "$root/build/$preset" -j "$(nproc)" --output-on-failure --no-tests=error "$@" </dev/null |
        tee "$log"
    [ "${PIPESTATUS[0]}" -eq 0 ] || return 1
    closing_lines+=("$(grep 'tests passed' "$log") ($preset)$(skipped_in "$log")")
    if [ "${CI:-}" = true ] && grep -q '\*\*\*Skipped' "$log"; then
        fail "tests were skipped, which CI may not"
    fi
}

test_release() {
    build release -DCPS_TESTS=ON && run_tests release
}

# All schedules of the simulator would take too long with a sanitizer; a few hundred reach every line.
test_asan_ubsan() {
    build asan-ubsan -- --target unit-tests simulate_schedules && run_tests asan-ubsan -L unit && "$root/build/asan-ubsan/tests/simulate_schedules" 300
}

# Whole jobs of both solvers with all their threads. Open MPI's hook on released memory is disabled: it is called for
# the stack of a thread that has ended, which ThreadSanitizer no longer knows.
tsan_jobs() {
    local folder transport options code=0
    folder=$(mktemp -d)
    for options in "--batch-size 1024" "--solver block --threads 2"; do for transport in tcp ipc; do
        OMPI_MCA_memory=^patcher OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 timeout 120 \
            mpirun --quiet -n 4 --oversubscribe --bind-to none "$root/build/tsan/collab-ps" --transport "$transport" \
            $options --epochs 2 --factors 8 --save-every 1 --progress none --out "$folder/run" --overwrite \
            >"$folder/out" 2>&1 || { code=$?; cat "$folder/out"; break 2; }
    done; done
    rm -rf "$folder"
    return "$code"
}

# Tests with threads: the transports, which include ZeroMQ's own threads, and jobs.
test_tsan() {
    local -x TSAN_OPTIONS="halt_on_error=1 die_after_fork=0 suppressions='$root/tests/tsan.supp'"
    build tsan && run_tests tsan -L unit -R unit/net && tsan_jobs
}

# A training run in one process, and its replay. valgrind does not support the newest instructions.
test_valgrind() {
    local folder program=$root/build/release/collab-ps code=0
    local check=(valgrind --quiet --leak-check=full --error-exitcode=9)
    folder=$(mktemp -d)
    build release &&
        "$program" synth --users 60 --items 90 --ratings 3000 --seed 1 --out "$folder/data" &&
        "${check[@]}" "$program" --data "$folder/data" --out "$folder/run" --epochs 1 --isa scalar --log-steps \
            </dev/null &&
        "${check[@]}" "$program" replay "$folder/run" --isa scalar </dev/null || code=$?
    rm -rf "$folder"
    return "$code"
}

test_fuzz() {
    build fuzz -- --target fuzz-tests && run_tests fuzz -L fuzz
}

run_step() {
    local began=$SECONDS
    step=$1
    say "$step"
    "test_${step//-/_}" || fail "failed after $((SECONDS - began)) s"
    say "$step: passed in $((SECONDS - began)) s"
    step=
}

steps=("$@")
[ $# -gt 0 ] || steps=(release asan-ubsan tsan valgrind fuzz)
for name in "${steps[@]}"; do
    declare -F "test_${name//-/_}" >/dev/null ||
        fail "no step '$name'" "steps are release, asan-ubsan, tsan, valgrind and fuzz"
done
find_data
need_for_build
need_for_tests
[[ " ${steps[*]} " != *' fuzz '* ]] || need_for_fuzz
[[ " ${steps[*]} " != *' valgrind '* ]] || need valgrind valgrind --version
install_missing
for name in "${steps[@]}"; do
    run_step "$name"
done
say "all passed in $((SECONDS / 60)) min $((SECONDS % 60)) s"
printf '%s\n' "${closing_lines[@]}"
