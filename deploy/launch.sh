#!/usr/bin/env bash
# Runs mpirun with distinct exit codes, deadlines, and cleanup.
#
#   deploy/launch.sh -n 8 --bind-to none build/release/collab-ps --epochs 10      as 'mpirun' with these arguments
#   . deploy/launch.sh; launch -n 8 …                                             the same from a script
#
# mpirun alone ends the ranks within a second after Ctrl-C and SIGTERM, and returns an exit code of its own; if a rank is
# killed it returns 128 + the signal; if a host is disconnected it may wait for its own daemons for ever. With this script:
#
# * SIGINT, SIGTERM and SIGHUP reach the ranks as SIGUSR2, which mpirun forwards: they save what they can and end
#   with the program's exit code. After CPS_GRACE_S seconds (60), or at a second signal, they are killed.
# * Once a rank of this host has ended, the others and mpirun have CPS_END_S seconds (8).
# * Once one of them has failed, mpirun leaves the others CPS_LAST_WORDS_S seconds (3) to report it.
# * If mpirun cannot reach a host it may wait for ever: if no rank has started on this host after a minute there is a
#   warning, and after CPS_START_S seconds (300; 0: never, for a launcher on a host without ranks) the job is given up.
# * Exit codes are those of the program: 4 (a peer was lost) if a rank was killed or crashed, 125 if a job was told to end
#   and had to be killed. The last line gives the cause if no rank could.
# * Session files and shared memory of a job on one host are in a folder of its own, which is removed at the end.
# * A job on one host listens only on the loopback. Between hosts Open MPI uses only the network given by '--interface';
#   see deploy/hosts/hosts.md for what remains open.
# shellcheck shell=bash

launch_folder=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

# Whether the job is on this host: neither mpirun's arguments nor a scheduler name other hosts.
launch_is_local() {
    [ "${SLURM_JOB_NUM_NODES:-1}" -le 1 ] && [ -z "${PE_HOSTFILE:-}${PBS_NODEFILE:-}${LSB_HOSTS:-}" ] &&
        [ -z "${OMPI_MCA_orte_default_hostfile:-}" ] || return 1
    [[ ! " $* " =~ \ (-H|-host|--host|-hostfile|--hostfile|-machinefile|--machinefile|--default-hostfile)[=\ ] ]]
}

launch_say() {
    printf 'collab-ps: error: %s\n' "$*" >&2
}

# launch_option NAME WORD...: the value of '--NAME' among the program's options.
launch_option() {
    local name=--$1 value=
    shift
    while [ $# -gt 0 ]; do
        case $1 in
        "$name") value=${2:-} ;;
        "$name"=*) value=${1#*=} ;;
        esac
        shift
    done
    printf '%s' "$value"
}

# Sets after which time the daemons of Open MPI notice that one of them is lost: not before the ranks, which may recover.
launch_keepalive() {
    local seconds
    seconds=$(launch_option peer-timeout "$@")
    seconds=${seconds:-${COLLAB_PS_PEER_TIMEOUT:-60}}
    [[ $seconds =~ ^[0-9]{1,5}(\.[0-9]*)?$ ]] || seconds=60
    export OMPI_MCA_oob_tcp_keepalive_time=$((${seconds%.*} + 1))
    export OMPI_MCA_oob_tcp_keepalive_intvl=2 OMPI_MCA_oob_tcp_keepalive_probes=3
}

# Sets the networks that Open MPI may use; the user's own settings take precedence.
launch_bind() {
    [ -n "$1" ] || return 0
    [[ " ${*:2} " =~ \ (btl_tcp_if_include|oob_tcp_if_include|btl_tcp_if_exclude|oob_tcp_if_exclude)\  ]] && return 0
    export OMPI_MCA_btl_tcp_if_include=${OMPI_MCA_btl_tcp_if_include:-$1}
    export OMPI_MCA_oob_tcp_if_include=${OMPI_MCA_oob_tcp_if_include:-$1}
}

# The library that restricts mpirun to the loopback; nothing if it was not built.
launch_shield() {
    local place
    for place in "$launch_folder" "$launch_folder/../build/release/deploy"; do
        [ ! -r "$place/libcollab-ps-local.so" ] || { printf '%s' "$place/libcollab-ps-local.so" && return; }
    done
}

# The processes in the session of mpirun, without mpirun.
launch_ranks() {
    pgrep -s "$1" 2>/dev/null | grep -vx "$1"
}

# Kills what is left of the session of pid.
launch_kill() {
    local pid=$1 left
    kill -TERM "$pid" 2>/dev/null
    for _ in {1..20}; do
        kill -0 "$pid" 2>/dev/null || break
        sleep 0.1
    done
    # shellcheck disable=SC2046
    kill -KILL $(launch_ranks "$pid") "$pid" 2>/dev/null
    for _ in {1..50}; do
        left=$(launch_ranks "$pid")
        [ -n "$left" ] || break
        sleep 0.1
    done
}

# The folder for session files and shared memory: in memory if there is room for 4 MiB per rank and more.
launch_room() {
    local room
    room=$([ -w /dev/shm ] && df -k --output=avail /dev/shm 2>/dev/null | tail -n 1)
    if [ "${room:-0}" -ge 40960 ]; then echo /dev/shm; else echo "${TMPDIR:-/tmp}"; fi
}

# Whether a rank is among the children of pid.
launch_has_rank() {
    local child
    for child in $(pgrep -P "$1"); do
        ! grep -qz '^OMPI_COMM_WORLD_RANK=' "/proc/$child/environ" 2>/dev/null || return 0
    done
    return 1
}

# Checks every few seconds whether the job has started; sets launch_code if it must be given up.
launch_look() {
    local pid=$1 waited=$((SECONDS - launch_began))
    [ "$launch_started" -eq 0 ] && [ "${CPS_START_S:-300}" -gt 0 ] && [ "$waited" -ge "$launch_next" ] || return 0
    launch_next=$((waited + 5))
    ! launch_has_rank "$pid" || { launch_started=1 && return 0; }
    if [ "$waited" -ge "${CPS_START_S:-300}" ]; then
        launch_say "mpirun has started no rank on this host within $waited s"
        launch_code=4
    elif [ "$waited" -ge 60 ] && [ "$launch_warned" -eq 0 ]; then
        launch_warned=1
        printf 'collab-ps: warning: %s\n' "mpirun has started no rank here for $waited s: a host may be down, ask for a password, or not reach this one through a firewall" >&2
    fi
}

# Waits for mpirun within its deadlines; sets launch_code.
launch_wait() {
    local pid=$1 most=0 now ended_at=0 asked_at=0 told_at=0
    launch_code='' launch_began=$SECONDS launch_next=5 launch_started=0 launch_warned=0
    while kill -0 "$pid" 2>/dev/null; do
        launch_look "$pid"
        # Repeated every second, since ranks that mpirun has not started yet do not receive it.
        if [ "$launch_signals" -gt 0 ] && [ "$told_at" -ne $((SECONDS + 1)) ]; then
            told_at=$((SECONDS + 1))
            [ "$asked_at" -gt 0 ] || asked_at=$told_at
            kill -USR2 "$pid" 2>/dev/null
        fi
        now=$(pgrep -c -P "$pid")
        now=${now:-$most} # in case pgrep was killed
        [ "$now" -le "$most" ] || most=$now
        [ "$now" -ge "$most" ] || [ "$ended_at" -gt 0 ] || ended_at=$((SECONDS + 1))
        if [ "$ended_at" -gt 0 ] && [ $((SECONDS - ended_at)) -ge "${CPS_END_S:-8}" ]; then
            launch_say "a rank has ended, and mpirun did not within ${CPS_END_S:-8} s"
            launch_code=4
        elif [ "$launch_signals" -gt 1 ] ||
            { [ "$asked_at" -gt 0 ] && [ $((SECONDS - asked_at)) -ge "${CPS_GRACE_S:-60}" ]; }; then
            launch_say "interrupted: the ranks did not end by themselves and were killed"
            launch_code=125
        fi
        [ -z "$launch_code" ] || launch_kill "$pid"
        sleep 0.1 &
        wait $! 2>/dev/null
    done
}

# Translates the exit code of mpirun to that of the program.
launch_map() {
    local code=$1 name
    shift
    # mpirun, or a rank, was told to end before it could handle signals: nothing has begun.
    if [ "$code" -eq $((128 + $(kill -l USR2))) ] && [ "$launch_signals" -gt 0 ]; then
        launch_say "stopped before the job had begun"
        return 75
    fi
    if [ "$code" -gt 128 ]; then
        name=$(kill -l $((code - 128)) 2>/dev/null || echo $((code - 128)))
        [ "$launch_signals" -eq 0 ] || return 125
        # mpirun returns 205 if it has lost a daemon.
        [[ $name =~ ^[A-Z] ]] || { launch_say "a host was lost: mpirun no longer hears from it" && return 4; }
        launch_say "a rank was lost: $(case "$name" in SEGV | ABRT | BUS | FPE | ILL) echo crashed ;; *) echo killed ;; esac) by SIG$name"
        return 4
    fi
    # 1 is an error of mpirun itself; only commands that compare return it, too.
    if [ "$code" -eq 1 ] && [[ ! " $* " =~ \ (replay|compare|experiment|doctor)\  ]]; then
        [ "$launch_signals" -eq 0 ] || return 125
        launch_say "mpirun could not start or end the job"
        return 70
    fi
    return "$code"
}

# launch MPIRUN-ARGUMENT...: returns the program's exit code.
launch() {
    local private='' pid code shield='' before
    launch_signals=0
    trap 'launch_signals=$((launch_signals + 1))' INT TERM HUP
    trap '[ -z "${pid:-}" ] || kill -USR1 "$pid" 2>/dev/null' USR1
    before=$(export -p | grep -E ' OMPI_MCA_(btl|oob)_tcp_if_include=')
    if launch_is_local "$@"; then
        launch_bind lo "$@"
        [ -n "${LD_PRELOAD:-}" ] || shield=$(launch_shield)
        private=$(mktemp -d "$(launch_room)/collab-ps.XXXXXX") || return 6
        export OMPI_MCA_btl_vader_backing_directory=$private OMPI_MCA_orte_tmpdir_base=$private
    fi
    launch_is_local "$@" || launch_bind "$(launch_option interface "$@")" "$@"
    # Gives ranks that see the job end a moment to report it.
    export CPS_LAUNCH=1 OMPI_MCA_odls_base_sigkill_timeout=${CPS_LAST_WORDS_S:-3}
    launch_keepalive "$@"
    # --quiet, because mpirun would add a page of text to the program's own error. setsid, so that a terminal's Ctrl-C
    # reaches only this script, which forwards it.
    setsid env ${shield:+LD_PRELOAD="$shield"} mpirun --quiet "$@" </dev/null &
    pid=$!
    launch_wait "$pid"
    wait "$pid"
    code=$?
    launch_kill "$pid"
    trap - INT TERM HUP USR1
    unset OMPI_MCA_oob_tcp_keepalive_time OMPI_MCA_oob_tcp_keepalive_intvl OMPI_MCA_oob_tcp_keepalive_probes
    unset CPS_LAUNCH OMPI_MCA_odls_base_sigkill_timeout OMPI_MCA_btl_tcp_if_include OMPI_MCA_oob_tcp_if_include
    eval "$before"
    if [ -n "$private" ]; then
        rm -rf "$private"
        unset OMPI_MCA_btl_vader_backing_directory OMPI_MCA_orte_tmpdir_base
    fi
    [ -z "$launch_code" ] || return "$launch_code"
    launch_map "$code" "$@"
}

[ "${BASH_SOURCE[0]}" != "$0" ] || {
    launch "$@"
    exit
}
