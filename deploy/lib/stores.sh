# The private PostgreSQL and Redis of a stack: made on first use, on Unix sockets under STATE/run only, and run by the
# same supervisor as everything else. Sourced after common.sh and services.sh.

# Where PostgreSQL's socket will be. An address of a Unix socket has 107 bytes at most.
check_socket_paths() {
    local longest="$STATE/run/postgres/.s.PGSQL.5432"
    (($(printf %s "$longest" | wc -c) <= 107)) ||
        fail "the path of the state folder is too long for Unix sockets ($STATE): take one of up to 80 bytes, or a short symbolic link to it"
}

# The folder of PostgreSQL's programs: of the version that made the cluster, else the newest one.
postgresql_programs() {
    local version=
    [[ ! -s $STATE/postgres/PG_VERSION ]] || version=$(<"$STATE/postgres/PG_VERSION")
    [[ -n $version ]] || version=$(printf '%s\n' /usr/lib/postgresql/*/bin/initdb | cut -d/ -f5 | sort -n | tail -1)
    [[ -x /usr/lib/postgresql/$version/bin/postgres ]] || fail "PostgreSQL $version is not installed"
    printf '%s' "/usr/lib/postgresql/$version/bin"
}

# PostgreSQL refuses to run as root: then it runs as the account that Debian made for it. Where that account cannot reach the
# state folder (a clone under /root, say), it may pass through folders all the same, rather than that we change their modes.
choose_postgresql_account() {
    POSTGRESQL_OWNER=$(id -un)
    POSTGRESQL_AS=()
    ((EUID == 0)) || return 0
    POSTGRESQL_OWNER=postgres
    POSTGRESQL_AS=(setpriv --reuid=postgres --regid=postgres --init-groups)
    if ! "${POSTGRESQL_AS[@]}" stat "$STATE/run/." >/dev/null 2>&1; then
        POSTGRESQL_AS+=(--inh-caps=+dac_read_search --ambient-caps=+dac_read_search)
        "${POSTGRESQL_AS[@]}" stat "$STATE/run/." >/dev/null 2>&1 ||
            fail "the account 'postgres' cannot reach $STATE: choose another place with --state"
    fi
}

make_postgresql() {
    local data="$STATE/postgres" programs
    programs=$(postgresql_programs)
    install -d -m 700 -o "$POSTGRESQL_OWNER" "$data" "$STATE/run/postgres"
    if [[ ! -s $data/PG_VERSION ]]; then
        say "Making a private PostgreSQL cluster in $data"
        # Made aside and renamed when whole: an interrupted first start leaves nothing half-made.
        rm -rf "$data.new"
        install -d -m 700 -o "$POSTGRESQL_OWNER" "$data.new"
        (forget_secrets && cd / && "${POSTGRESQL_AS[@]}" "$programs/initdb" --pgdata="$data.new" --username="$(id -un)" --encoding=UTF8 \
            --locale=C.UTF-8 --auth=reject --data-checksums --no-instructions >"$STATE/log/initdb.log" 2>&1) ||
            fail "initdb failed: $(tail -3 "$STATE/log/initdb.log")"
        printf "include 'tithi.conf'\n" >>"$data.new/postgresql.conf"
        rmdir "$data" && mv "$data.new" "$data"
    fi
    install -m 600 -o "$POSTGRESQL_OWNER" "$ROOT/deploy/postgresql.conf" "$data/tithi.conf"
    # The account that runs the stack is the cluster's owner; the workers' roles come with their passwords.
    printf 'local all "%s" peer\nlocal all all scram-sha-256\n' "$(id -un)" |
        install -m 600 -o "$POSTGRESQL_OWNER" /dev/stdin "$data/pg_hba.conf"

    service postgres "echo \$\$ >$(quote "$STATE/run/postgres.pid")" \
        "exec $(quote "${POSTGRESQL_AS[@]}" "$programs/postgres" -D "$data" -k "$STATE/run/postgres" -c cluster_name=tithi)"
    # Fast shutdown: end the sessions that are left instead of waiting for them.
    service_control postgres t "kill -INT \"\$(cat supervise/pid)\""
}

make_redis() {
    install -m 600 "$ROOT/deploy/redis.conf" "$STATE/redis/redis.conf"
    # redis-check-rdb is the server's program under its other name; the package redis-tools ships only that one.
    service redis "exec -a redis-server $(quote /usr/bin/redis-check-rdb "$STATE/redis/redis.conf" --dir "$STATE/redis" \
        --unixsocket "$STATE/run/redis.sock" --pidfile "$STATE/run/redis.pid")"
}

wait_for_stores() {
    local deadline=$((SECONDS + 60))
    if [[ $PRIVATE_POSTGRESQL == yes ]]; then
        until "$(postgresql_programs)/pg_isready" -q -h "$STATE/run/postgres" -p 5432 -d postgres; do
            ((SECONDS < deadline)) || fail_with_log "PostgreSQL does not start" postgres
            sleep 0.05
        done
    fi
    if [[ $PRIVATE_REDIS == yes ]]; then
        until [[ $(redis-cli -s "$STATE/run/redis.sock" ping 2>/dev/null) == PONG ]]; do
            ((SECONDS < deadline)) || fail_with_log "Redis does not start" redis
            sleep 0.05
        done
    fi
}

# libpq's keyword form, since a path in it needs only quotes. The operator's command comes as the cluster's owner.
database_url() { # KIND
    local host=${STATE//\\/\\\\}
    printf "host='%s/run/postgres' port=5432 dbname=tithi" "${host//\'/\\\'}"
    if [[ $1 == operator ]]; then
        printf " user='%s'\n" "$(id -un)"
    else
        printf ' user=tithi_%s password=%s\n' "$1" "$(<"$STATE/secrets/database_$1")"
    fi
}

make_role_passwords() {
    local kind
    for kind in "${WORKER_KINDS[@]}"; do
        [[ -s $STATE/secrets/database_$kind ]] || random_hex >"$STATE/secrets/database_$kind"
    done
}

# Database, roles and tables; for an operator's own database only roles and tables.
prepare_database() {
    local kind
    [[ $PRIVATE_POSTGRESQL == no ]] || "$TITHI" psql -d postgres --no-psqlrc --quiet --set ON_ERROR_STOP=1 <<<"
        SELECT 'CREATE DATABASE tithi' WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = 'tithi') \\gexec"
    "$TITHI" migrate --schemas "$ROOT/schemas"
    [[ $PRIVATE_POSTGRESQL == no ]] || {
        printf 'SET log_min_error_statement = panic;\n' # a password is never logged
        for kind in "${WORKER_KINDS[@]}"; do
            printf "ALTER ROLE tithi_%s PASSWORD '%s';\n" "$kind" "$(<"$STATE/secrets/database_$kind")"
        done
    } | "$TITHI" psql --no-psqlrc --quiet --set ON_ERROR_STOP=1
}
