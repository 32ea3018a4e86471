# Service folders for runit: one per process under STATE/service, each with its run script, its log and a tally of exits.
# Sourced after common.sh.

declare -A COUNT=() # how many processes of each kind

quote() {
    printf '%q ' "$@"
}

# Writes a script whole or not at all: the supervisor may start it at any time.
script() { # PATH LINE…
    local path=$1
    shift
    printf '%s\n' '#!/bin/bash' "$@" >"$path.new"
    chmod 700 "$path.new"
    mv "$path.new" "$path"
}

# Makes or renews the folder of one process. It comes up when told so (the file `down`), since stores start before workers.
service() { # NAME LINE…
    local name=$1 folder="$STATE/service/$1" fresh="$STATE/service/.$1"
    shift
    [[ -d $folder ]] || { rm -rf "$fresh" && mkdir -p "$fresh"; }
    local target=$folder
    [[ -d $folder ]] || target=$fresh
    mkdir -p "$target/log" "$target/control" "$STATE/log/$name"
    script "$target/run" 'exec 2>&1' "$@"
    script "$target/finish" "echo \"\$1 \$2\" >>$(quote "$STATE/run/$name.exits")"
    script "$target/log/run" "exec svlogd $(quote "$STATE/log/$name")"
    printf 's10000000\nn5\n' >"$STATE/log/$name/config"
    [[ $target == "$folder" ]] || { : >"$target/down" && mv -T "$target" "$folder"; }
}

service_control() { # NAME SIGNAL-LETTER LINE…: runs instead of sending that signal
    local name=$1 letter=$2
    shift 2
    script "$STATE/service/$name/control/$letter" "$@"
}

process_service() { # KIND NUMBER
    local kind=$1 name="$1-$2" own=()
    [[ $kind != broker ]] || own=(--bind "$(cut -d, -f"$2" <<<"$BROKER_URLS")")
    service "$name" "exec chpst -e $(quote "$STATE/env/$kind" "$BUILD/tithi-$kind" "${own[@]}" --name "$name" \
        --pid-file "$STATE/run/$name.pid")"
}

# The folders of all process kinds as COUNT says; COUNT is remembered for the next start.
process_services() {
    local kind number
    for kind in "${KINDS[@]}"; do
        for ((number = 1; number <= ${COUNT[$kind]}; number++)); do
            process_service "$kind" "$number"
        done
    done
    for kind in "${KINDS[@]}"; do
        printf '%s=%s\n' "$kind" "${COUNT[$kind]}"
    done >"$STATE/processes.new"
    mv "$STATE/processes.new" "$STATE/processes"
}

# Names of the service folders of a kind, in order, one per line.
services_of() { # KIND…
    local kind
    for kind in "$@"; do
        (cd "$STATE/service" && printf '%s\n' "$kind" "$kind"-*) | while read -r name; do
            [[ ! -d $STATE/service/$name ]] || printf '%s\n' "$name"
        done | sort --version-sort
    done
}

# Folders of processes beyond COUNT.
surplus_services() {
    local kind name
    for kind in "${KINDS[@]}"; do
        for name in $(services_of "$kind"); do
            ((${name##*-} <= ${COUNT[$kind]})) || printf '%s\n' "$name"
        done
    done
}

supervised() { # NAME: has its supervisor taken it up?
    [[ -p $STATE/service/$1/supervise/ok ]] && sv status "$STATE/service/$1" >/dev/null 2>&1
}

wait_until_supervised() { # NAME…
    local name deadline=$((SECONDS + 15))
    for name in "$@"; do
        until supervised "$name"; do
            ((SECONDS < deadline)) || fail "the supervisor does not take up $name (see $STATE/log/supervisor.log)"
            sleep 0.05
        done
    done
}

start_services() { # NAME…
    (($#)) || return 0
    wait_until_supervised "$@"
    (cd "$STATE/service" && sv up "${@/#/./}" && rm -f "${@/%//down}")
}

# Ends processes in good order: each finishes what it has in hand; after 28 s it is killed.
stop_services() { # NAME…
    local name running=()
    for name in "$@"; do
        ! supervised "$name" || running+=("$STATE/service/$name")
    done
    ((${#running[@]} == 0)) || sv -w 28 force-stop "${running[@]}" >/dev/null || true
}

# Takes processes out of the stack for good.
remove_services() { # NAME…
    local name retired
    stop_services "$@"
    for name in "$@"; do
        retired="$STATE/service/.retired-$name"
        rm -rf "$retired"
        mv "$STATE/service/$name" "$retired" # out of the supervisor's sight first, else it starts it anew
        sv -w 10 force-shutdown "$retired" >/dev/null 2>&1 || true
        rm -rf "$retired" "$STATE/run/$name.exits"
    done
}

# Ends everything that runs for STATE, in the order in which work flows: who takes it in ends first. May run at any time.
stop_stack() {
    local pid file name deadline
    pid=$(supervisor_pid)
    stop_services $(services_of gateway)
    stop_services $(services_of "${WORKER_KINDS[@]}")
    stop_services $(services_of broker)
    stop_services $(services_of redis postgres)
    deadline=$((SECONDS + 10))
    [[ -z $pid ]] || kill -HUP "$pid" 2>/dev/null || true
    while [[ -n $(supervisor_pid) ]] && ((SECONDS < deadline)); do
        sleep 0.02
    done
    for name in $(services_of "${KINDS[@]}" redis postgres); do
        while supervised "$name" && ((SECONDS < deadline)); do
            [[ -n $pid ]] || sv exit "$STATE/service/$name" >/dev/null || true
            sleep 0.02
        done
    done
    for file in "$STATE"/run/*.pid; do
        [[ ! -f $file ]] || end_orphan "$(<"$file")"
    done
    rm -f "$STATE"/run/*.pid "$STATE"/run/*.exits "$STATE"/run/*.sock
}

# A process whose supervisor was killed. Only programs of ours: the id may be somebody else's by now.
end_orphan() { # PID
    local attempt
    for ((attempt = 0; attempt < 100; attempt++)); do
        case $(basename "$(readlink "/proc/$1/exe")") in
        tithi-*) kill -TERM "$1" 2>/dev/null || return 0 ;;
        postgres) kill -INT "$1" 2>/dev/null || return 0 ;;
        redis-*) kill -TERM "$1" 2>/dev/null || return 0 ;;
        *) return 0 ;;
        esac
        sleep 0.1
    done
}

fail_with_log() { # SENTENCE NAME…: with the last words of the processes
    local sentence=$1 name
    shift
    for name in "$@"; do
        printf '%s\n' "--- last lines of $STATE/log/$name/current" >&2
        tail -n 5 "$STATE/log/$name/current" >&2 2>/dev/null || true
    done
    fail "$sentence"
}
