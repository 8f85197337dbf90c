# Shared by run.sh and test.sh: messages, packages, builds. To be sourced by bash; sets $root, the source tree.
#
# A package counts as installed if a test of its purpose succeeds, so that libraries built by hand, and other
# distributions, work as well. The package manager is used only if something is missing.
# shellcheck shell=bash

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd) || exit 1

say() {
    printf '== %s\n' "$*"
}

# The current step of the script, for its error messages.
step=

# fail CAUSE [HINT]: ends the script with an error line, and a hint if there is one.
fail() {
    printf 'error: %s%s\n' "${step:+$step: }" "$1" >&2
    [ $# -lt 2 ] || printf 'hint: %s\n' "$2" >&2
    exit 1
}

missing=()
# Debian's ethtool and nft are where only root looks.
PATH=$PATH:/usr/sbin:/sbin

# need PACKAGE PROBE...: adds PACKAGE to the missing ones unless the command PROBE succeeds.
need() {
    local package=$1
    shift
    "$@" >/dev/null 2>&1 || missing+=("$package")
}

need_for_build() {
    need gcc "${CC:-cc}" --version
    need libc6-dev test -e /usr/include/stdio.h
    need cmake cmake --version
    command -v make >/dev/null || need ninja-build ninja --version
    need pkg-config pkg-config --version
    need libopenmpi-dev mpicc --version
    need openmpi-bin mpirun --version
    need libzmq3-dev pkg-config --exists libzmq
    need protobuf-c-compiler protoc-c --version
    need libprotobuf-c-dev pkg-config --exists libprotobuf-c
    need libjansson-dev pkg-config --exists jansson
    need libssl-dev pkg-config --exists libcrypto
    need zlib1g-dev pkg-config --exists zlib
    need libzip-dev pkg-config --exists libzip
    need python3 python3 --version
}

need_for_compare() {
    need python3-matplotlib /usr/bin/python3 -c 'import matplotlib'
}

# as_root COMMAND...: runs it directly for root, with sudo for others; without a terminal sudo may not prompt.
as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    elif [ -t 0 ]; then
        sudo "$@"
    else
        sudo -n "$@"
    fi
}

can_be_root() {
    [ "$(id -u)" -eq 0 ] || command -v sudo >/dev/null
}

# Runs a command quietly; if it fails, shows the end of its output and fails with CAUSE.
quietly() {
    local cause=$1 log
    shift
    log=$(mktemp)
    if ! "$@" >"$log" 2>&1 </dev/null; then
        tail -n 25 "$log" >&2
        rm -f "$log"
        fail "$cause"
    fi
    rm -f "$log"
}

install_missing() {
    [ ${#missing[@]} -gt 0 ] || return 0
    local packages="${missing[*]}"
    command -v apt-get >/dev/null ||
        fail "missing: $packages" "these are Debian's names; install what they are called here and start again"
    can_be_root || fail "missing: $packages" "as root: apt-get update && apt-get install $packages"
    say "installing $packages"
    # An outdated list of packages may suffice: only the installation decides.
    as_root apt-get update -qq >/dev/null 2>&1 || true
    quietly "could not install $packages" \
        as_root env DEBIAN_FRONTEND=noninteractive \
        apt-get install -y --no-install-recommends -o DPkg::Lock::Timeout=120 "${missing[@]}"
    missing=()
}

# build PRESET [CMAKE OPTION...] [-- BUILD OPTION...]: configures and builds into build/PRESET.
build() {
    local preset=$1 configure=() generator=()
    shift
    while [ $# -gt 0 ] && [ "$1" != -- ]; do
        configure+=("$1")
        shift
    done
    [ $# -eq 0 ] || shift
    if [ ! -e "$root/build/$preset/CMakeCache.txt" ] && ! command -v ninja >/dev/null; then
        generator=(-G 'Unix Makefiles')
    fi
    cd "$root" || fail "cannot enter '$root'"
    if ! mkdir -p "build/$preset" 2>/dev/null || [ ! -w "build/$preset" ]; then
        fail "cannot write to '$root/build/$preset'" "work in a clone of your own, or give yourself leave to write there"
    fi
    quietly "could not configure build/$preset" cmake --preset "$preset" "${generator[@]}" "${configure[@]}"
    quietly "could not build build/$preset" cmake --build "build/$preset" -j "$(nproc)" "$@"
    cd "$OLDPWD" || fail "cannot go back to '$OLDPWD'"
}

# Makes mpirun accept eight ranks on any machine. Open MPI refuses root without two settings; slots are counted in
# cores, so that eight hardware threads may be only four slots.
export OMPI_MCA_rmaps_base_oversubscribe=1
if [ "$(id -u)" -eq 0 ]; then
    export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
fi
