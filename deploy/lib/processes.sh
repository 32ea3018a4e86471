# How many processes of each kind there are: the defaults, what the last start or `tithi scale` left, what is asked now.
# Sourced after common.sh and services.sh.

default_counts() {
    local kind
    for kind in "${KINDS[@]}"; do
        COUNT[$kind]=1
    done
}

remembered_counts() {
    local kind number
    [[ -f $STATE/processes ]] || return 0
    while IFS='=' read -r kind number; do
        COUNT[$kind]=$number
    done <"$STATE/processes"
}

# KIND=N[,KIND=N…]
asked_counts() {
    local pair kind number
    for pair in ${1//,/ }; do
        kind=${pair%%=*} number=${pair#*=}
        [[ -v COUNT[$kind] && $kind != broker ]] ||
            fail "there is no worker kind '$kind': the kinds are gateway, ${WORKER_KINDS[*]}"
        [[ $number =~ ^[0-9]{1,3}$ && ($kind != gateway || $number != 0) ]] ||
            fail "'$pair' does not name a number of processes"
        COUNT[$kind]=$((10#$number))
    done
}
