# Debian packages: which of a list are missing, and installing just those. Sourced after common.sh.

# The packages named in the files given that are neither installed nor provided by one that is, one per line.
missing_packages() {
    local wanted
    mapfile -t wanted < <(sed 's/#.*//' "$@" | tr -s ' \t' '\n\n' | grep . | sort -u)
    comm -23 <(printf '%s\n' "${wanted[@]}") \
        <(dpkg-query --show --showformat '${db:Status-Status} ${Package}, ${Provides}\n' |
            sed -n 's/^installed //; T; s/ *([^)]*)//g; s/,* *$//; s/, */\n/g; p' | sort -u)
}

# Installs what is missing. An ordinary user is told the command instead, and the script ends.
install_packages() {
    local missing
    mapfile -t missing < <(missing_packages "$@")
    ((${#missing[@]})) || return 0
    if ((EUID != 0)); then
        printf 'Some Debian packages are missing. An administrator can install them:\n\n    apt-get install --no-install-recommends %s\n\n' \
            "${missing[*]}" >&2
        exit 1
    fi
    say "Installing Debian packages: ${missing[*]}"
    keep_postgresql_quiet apt_install "${missing[@]}"
}

# Asks the package index anew only where the one at hand does not do.
apt_install() {
    local install=(apt-get install --yes --quiet --no-install-recommends)
    export DEBIAN_FRONTEND=noninteractive
    "${install[@]}" --simulate "$@" >/dev/null 2>&1 || apt-get update --quiet
    "${install[@]}" "$@" || { apt-get update --quiet && "${install[@]}" "$@"; }
}

# Runs a command during which a PostgreSQL package that is installed makes and starts no system-wide cluster.
keep_postgresql_quiet() {
    local setting=/etc/postgresql-common/createcluster.d/tithi.conf status=0
    mkdir -p "${setting%/*}"
    printf 'create_main_cluster = false\n' >"$setting"
    "$@" || status=$?
    rm -f "$setting"
    return "$status"
}
