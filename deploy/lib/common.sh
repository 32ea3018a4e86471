# What the scripts of this folder share: how they speak, where things lie in a state folder, and whether a stack runs there.
# Sourced, never run.

set -euo pipefail

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
WORKER_KINDS=(auth event booking payment crm)
KINDS=(broker "${WORKER_KINDS[@]}" gateway) # in the order of their start

say() {
    printf '%s\n' "$*"
}

fail() {
    printf '%s: %s\n' "${0##*/}" "$*" >&2
    exit 1
}

# Sets STATE to the absolute path of a state folder. Symbolic links stay as they are: a short one makes a deep folder usable.
open_state() {
    STATE=$(realpath --canonicalize-missing --no-symlinks -- "$1")
    [[ ! -e $STATE || -O $STATE ]] || fail "$STATE belongs to $(stat -c %U -- "$STATE"): only that account can use it"
}

# The supervisor of the stack in STATE, or nothing. A process id alone proves nothing after a reboot: its command line does.
supervisor_pid() {
    local pid arguments
    pid=$(cat "$STATE/run/supervisor.pid" 2>/dev/null) || return 0
    { mapfile -d '' -t arguments <"/proc/$pid/cmdline"; } 2>/dev/null || return 0
    [[ ${arguments[0]-} == *runsvdir && ${arguments[-1]-} == "$STATE/service" ]] && printf '%s' "$pid" || true
}

# One of up, down and services at a time per state folder. Nothing that they start inherits the lock (descriptor 9).
lock_state() {
    exec 9>"$STATE/run/lock"
    flock --nonblock 9 || fail "another command is at work on $STATE"
}
