#!/usr/bin/env bash
# Supervises a training command until it is complete: after a crash, a lost peer or a launcher that hangs, it resumes from
# the newest checkpoint.
#
#   deploy/supervise.sh [--tries N] [--pause S] [--longest-pause S] [--deadline S] [--silence S] [--grace S]
#                       COMMAND... --out DIR [--save-every N ...]
#
#   deploy/supervise.sh --deadline 86400 mpirun --host a:4,b:4 --bind-to none collab-ps --data X --out runs/x --save-every 1
#
#   --tries N          consecutive starts without a new checkpoint before it gives up (5)
#   --pause S          before the next start, doubled each time (1), at most --longest-pause (60)
#   --deadline S       for all starts together; then the run is told to save and end (none)
#   --silence S        a run that writes nothing to its folder for that long is considered to hang (never)
#   --grace S          for a run that was told to end, and for a launcher whose run has ended, before it is killed (60)
#
# SIGTERM, SIGINT and SIGUSR2 tell the run to save and end; SIGUSR1 to save. The exit code is that of the run in
# run.json: 0 done, 75 told to end and saved, 2, 3, 5 and 6 for errors that another start would not cure. Later starts have
# '--resume DIR' in place of '--out DIR'; the rest of the command is the same.
set -u

tries=5 pause=1 longest=60 deadline=0 silence=0 grace=60
say() { printf 'supervise: %s\n' "$*" >&2; }
fail_usage() { say "$1"; exit 2; }

while [ $# -gt 0 ]; do
    case $1 in
    --tries) tries=${2:-} ;;
    --pause) pause=${2:-} ;;
    --longest-pause) longest=${2:-} ;;
    --deadline) deadline=${2:-} ;;
    --silence) silence=${2:-} ;;
    --grace) grace=${2:-} ;;
    *) break ;;
    esac
    [[ ${2:-} =~ ^[0-9]+$ ]] || fail_usage "'$1' needs a whole number"
    shift 2
done
command=("$@")

# launch.sh runs mpirun, with its exit codes, deadlines and cleanup.
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
[ "$(basename "${command[0]:-}")" != mpirun ] || command[0]=$here/launch.sh

# The run's folder, as named by the command, and the command that resumes the run there.
out='' again=()
for ((i = 0; i < ${#command[@]}; i++)); do
    case ${command[i]} in
    --out | --resume) out=${command[i + 1]:-} && again+=(--resume "$out") && i=$((i + 1)) ;;
    --out=* | --resume=*) out=${command[i]#*=} && again+=(--resume "$out") ;;
    --overwrite) ;;
    *) again+=("${command[i]}") ;;
    esac
done
[ ${#command[@]} -gt 0 ] || fail_usage "no command to run: deploy/supervise.sh COMMAND... --out DIR"
[ -n "$out" ] || fail_usage "the command needs '--out DIR', which its checkpoints are in"

# A value at the top of run.json.
recorded() { sed -n "s/^  \"$1\": \"\{0,1\}\([^\"]*[^\",]\)\"\{0,1\},\$/\1/p" "$out/run.json" 2>/dev/null | head -n 1; }
is_running() { [ "$(recorded state)" = running ]; }

# The step of the newest checkpoint.
newest() {
    local manifests=("$out"/checkpoints/step-*/manifest)
    [ -e "${manifests[-1]}" ] && basename "$(dirname "${manifests[-1]}")" || echo none
}

# Seconds since anything in the folder changed.
quiet_for() {
    local last
    last=$(find "$out" -printf '%T@\n' 2>/dev/null | sort -n | tail -n 1)
    echo $(($(date +%s) - ${last%.*}))
}

# The processes of the current start on this host: the sessions of the command and of what it launched.
members() {
    local session
    for session in $sessions; do pgrep -s "$session"; done
    return 0
}

# At a second signal launch.sh kills the job and cleans up, for which it has 10 s; what is left is killed here.
end_all() {
    local pids turns=5
    [ "$(basename "${command[0]}")" != launch.sh ] || turns=100
    kill -TERM "$leader" 2>/dev/null && sleep 0.5 && kill -TERM "$leader" 2>/dev/null
    for ((; turns > 0; turns--)); do
        kill -0 "$leader" 2>/dev/null || break
        sleep 0.1
    done
    while pids=$(members) && [ -n "$pids" ]; do
        # shellcheck disable=SC2086
        kill -KILL $pids 2>/dev/null
        sleep 0.1
    done
}

leader=0 sessions='' told=0 told_at=0
tell() {
    say "told to end: the run saves and ends"
    told=1 told_at=$SECONDS
    [ "$leader" -eq 0 ] || kill -TERM "$leader" 2>/dev/null
}
trap tell TERM INT USR2
trap '[ "$leader" -eq 0 ] || kill -USR1 "$leader" 2>/dev/null' USR1

# Why the current start must not be waited for any longer, or nothing.
overdue() {
    if [ "$told" -eq 1 ] && [ $((SECONDS - told_at)) -ge "$grace" ]; then
        echo "it did not end within $grace s"
    elif [ "$ended_at" -gt 0 ] && [ $((SECONDS - ended_at)) -ge "$grace" ]; then
        echo "the run has ended, and its launcher not"
    elif [ "$silence" -gt 0 ] && [ $((SECONDS - started_at)) -ge "$silence" ] && [ "$(quiet_for)" -ge "$silence" ]; then
        echo "it has written nothing for $silence s"
    fi
}

# Whether an exit code means that a rank or a launcher was killed or crashed, and not that it was told to end.
was_killed() { [ "$1" -eq 4 ] || [ "$1" -eq 70 ] || [ "$1" -gt 128 ]; }

# Runs a command in a session of its own until it ends, is told to end, or hangs. Sets code.
run_once() {
    local why recorded=''
    started_at=$SECONDS ended_at=0
    setsid "$@" &
    leader=$! sessions=$!
    [ "$told" -eq 0 ] || kill -TERM "$leader" 2>/dev/null
    while kill -0 "$leader" 2>/dev/null; do
        sleep 0.3
        sessions="$leader $(pgrep -P "$leader" | tr '\n' ' ')"
        if [ "$deadline" -gt 0 ] && [ "$told" -eq 0 ] && [ "$SECONDS" -ge "$deadline" ]; then
            say "the deadline of $deadline s has come"
            tell
        fi
        [ "$ended_at" -gt 0 ] || [ ! -e "$out/run.json" ] || is_running || ended_at=$SECONDS
        why=$(overdue)
        [ -z "$why" ] || { say "$why: killed" && end_all; }
    done
    wait "$leader"
    code=$?
    end_all
    leader=0
    # The record has the exit code of the run. But if a rank was killed, mpirun tells the others to end, which leaves a
    # checkpoint and 75, although nobody has requested that.
    [ ! -e "$out/run.json" ] || is_running || recorded=$(recorded exit_code)
    if [ -n "$recorded" ] && ! { [ "$recorded" -eq 75 ] && [ "$told" -eq 0 ] && was_killed "$code"; }; then
        code=$recorded
    fi
}

wait_a_while() {
    local until=$((SECONDS + $1))
    while [ "$SECONDS" -lt "$until" ] && [ "$told" -eq 0 ]; do sleep 0.2; done
}

failures=0 wait_s=$pause step=$(newest)
while :; do
    if [ -e "$out/run.json" ] && { [ "$failures" -gt 0 ] || [ "$step" != none ]; }; then
        run_once "${again[@]}"
    else
        run_once "${command[@]}"
    fi
    case $code in
    0 | 2 | 3 | 5 | 6 | 75) exit "$code" ;;
    esac
    [ "$told" -eq 0 ] || exit "$code"
    now=$(newest)
    if [ "$now" != "$step" ]; then
        failures=0 wait_s=$pause step=$now
    fi
    failures=$((failures + 1))
    if [ "$failures" -ge "$tries" ]; then
        say "$failures starts have brought no new checkpoint: it ends with exit code $code"
        exit "$code"
    fi
    say "exit code $code: goes on from checkpoint '$now' in $wait_s s"
    wait_a_while "$wait_s"
    [ "$told" -eq 0 ] || exit "$code"
    wait_s=$((wait_s * 2 < longest ? wait_s * 2 : longest))
done
