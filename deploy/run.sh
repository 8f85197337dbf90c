#!/usr/bin/env bash
# Installs what is missing, builds, finds MovieLens-100k and trains on eight ranks.
#
#   deploy/run.sh [--option VALUE...]      options of 'collab-ps train'; see 'build/release/collab-ps --help'
#   deploy/run.sh experiment NAME          or another command of collab-ps, with what it needs
#
# Can be started from any folder, in which the folder of the run is created, and any number of times.
set -u
# shellcheck source=deploy/setup.sh
. "$(dirname "${BASH_SOURCE[0]}")/setup.sh" || exit 1
# shellcheck source=deploy/launch.sh
. "$root/deploy/launch.sh" || exit 1

ranks=8
program=$root/build/release/collab-ps

# Tests are not built: they need cmocka and time, and are not run here.
build_program() {
    local tests=()
    pkg-config --exists cmocka || tests=(-DCPS_TESTS=OFF)
    [ -x "$program" ] || say "building collab-ps (about a minute)"
    build release "${tests[@]}" -- --target collab-ps pages
}

# Whether the command line names ratings.
data_is_named() {
    [[ " $* " =~ \ --(data|train|resume|config)[=\ ] ]]
}

find_data() {
    local folder=$root/data/ml-100k why
    [ -z "${COLLAB_PS_DATA:-}" ] || return 0
    if [ ! -f "$folder/u.data" ]; then
        say "fetching MovieLens-100k from files.grouplens.org"
        why=$(cmake -DFOLDER="$folder" -P "$root/deploy/fetch-ml-100k.cmake" 2>&1)
    fi
    if [ ! -f "$folder/u.data" ]; then
        say "no MovieLens-100k (${why//$'\n'/ }): training on the built-in synthetic set"
        return 0
    fi
    export COLLAB_PS_DATA=$folder
}

need_for_build
case "${1:-}" in
compare | experiment) need_for_compare ;;
esac
install_missing
build_program
case "${1:-}" in
help | version | synth | compare | -h | --help | -V | --version) exec "$program" "$@" ;;
esac
data_is_named "$@" || find_data
[ "${1:-}" != experiment ] || exec "$program" "$@"
if [ "$(nproc)" -lt "$ranks" ]; then
    say "$ranks ranks on $(nproc) cores: they take turns, so this shows the result and not the speed"
fi
launch -n "$ranks" --bind-to none "$program" "$@"
