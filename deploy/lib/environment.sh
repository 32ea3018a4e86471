# The environment of the processes: the caller's, then the --env file, then what deploy/up itself provides; and the secrets,
# each of which reaches only the kinds that need it. Sourced after common.sh.

# Which secret goes to whom; "operator" is the command `tithi`. Everybody else runs without it.
declare -A SECRET_READERS=(
    [DATABASE_URL]="${WORKER_KINDS[*]} operator"
    [REDIS_URL]="gateway auth crm operator"
    [JWT_SECRET_KEY]="gateway auth operator"
    [JWT_PREVIOUS_SECRET_KEY]="gateway auth operator"
    [SEAL_KEY]="crm operator"
    [GOOGLE_CLIENT_SECRET]="auth operator"
    [CRM_WEBHOOK_URL]="crm operator"
    [CRM_WEBHOOK_SECRET]="crm operator"
    [CRM_BEARER_TOKEN]="gateway crm operator"
    [ADMIN_PASSWORD]="auth operator"
    [RAZORPAY_KEY_SECRET]="payment operator"
    [RAZORPAY_WEBHOOK_SECRET]="payment operator"
    [STRIPE_SECRET_KEY]="payment operator"
    [STRIPE_WEBHOOK_SECRET]="payment operator"
    [SMTP_URL]="auth crm operator"
)

# Reads NAME=value lines into the environment; a variable that is set already stays as it is.
read_env_file() {
    local line name value number=0
    while IFS= read -r line || [[ -n $line ]]; do
        number=$((number + 1))
        line=${line%$'\r'}
        [[ $line =~ ^[[:space:]]*(#.*)?$ ]] && continue
        [[ $line =~ ^[[:space:]]*(export[[:space:]]+)?([A-Za-z_][A-Za-z0-9_]*)[[:space:]]*=[[:space:]]*(.*)$ ]] ||
            fail "$1, line $number: not a NAME=value line"
        name=${BASH_REMATCH[2]} value=${BASH_REMATCH[3]}
        if [[ $value =~ ^\"([^\"]*)\"[[:space:]]*(#.*)?$ || $value =~ ^\'([^\']*)\'[[:space:]]*(#.*)?$ ]]; then
            value=${BASH_REMATCH[1]}
        else
            value=${value%%[[:space:]]#*}
            value=${value%"${value##*[![:space:]]}"}
        fi
        [[ -v $name ]] || export "$name=$value"
    done <"$1"
}

given() { # NAME: did the operator give this secret, as a value or as a file?
    local file="$1_FILE"
    [[ -n ${!1-} || -n ${!file-} ]]
}

# NAME PREFIX COMMAND…: exports the secret NAME, made once by COMMAND and kept in the state folder, unless it was given.
provide_secret() {
    local name=$1 prefix=$2 file="$STATE/secrets/$1"
    shift 2
    given "$name" && return
    [[ -s $file ]] || printf '%s%s\n' "$prefix" "$("$@")" >"$file"
    export "$name=$(<"$file")"
}

random_hex() {
    od -An -v -N32 -tx1 /dev/urandom | tr -d ' \n'
}

random_base64() {
    head -c 32 /dev/urandom | base64 --wrap=0
}

# The addresses that people and processes find each other by, where the operator left them open.
provide_addresses() {
    local i
    export HTTP_PORT=$PORT CRM_PORT HTTP_HOST=${HTTP_HOST:-127.0.0.1}
    SCHEME=http
    [[ -z ${TLS_CERT_FILE-} ]] || SCHEME=https
    export PUBLIC_URL=${PUBLIC_URL:-$SCHEME://127.0.0.1:$PORT}
    if [[ -z ${BROKER_URLS-} ]]; then
        BROKER_URLS=
        for ((i = 1; i <= ${COUNT[broker]}; i++)); do
            BROKER_URLS+=${BROKER_URLS:+,}ipc://$STATE/run/broker-$i.sock
        done
    fi
    export BROKER_URLS
    COUNT[broker]=$(tr ',' '\n' <<<"$BROKER_URLS" | grep -c .)
    export MAIL_FOLDER=${MAIL_FOLDER:-$STATE/mail}
    export WEBHOOK_ALLOW_NETS=${WEBHOOK_ALLOW_NETS-127.0.0.0/8,::1/128}
}

# In development bookings are announced to this stack's own CRM service, so that the whole circle can be seen; where only
# this machine reaches it, its token is the one of the documents' examples.
# Production announces nothing that the operator did not ask for.
provide_crm() {
    [[ ${TITHI_ENV:-development} != production ]] || return 0
    if ! given CRM_WEBHOOK_URL; then
        export CRM_WEBHOOK_URL=$SCHEME://127.0.0.1:$CRM_PORT/api/booking-notification
        if [[ $HTTP_HOST =~ ^(127\..*|::1|localhost)$ ]]; then
            given CRM_BEARER_TOKEN || export CRM_BEARER_TOKEN=super-crm-token
        else
            provide_secret CRM_BEARER_TOKEN '' random_hex
        fi
    fi
    provide_secret CRM_WEBHOOK_SECRET whsec_ random_base64
}

# One folder per kind for chpst -e: a file per variable; an empty one takes the variable away.
write_environments() {
    local kind name
    rm -rf "$STATE/env"
    for kind in "${KINDS[@]}" operator; do
        mkdir -p "$STATE/env/$kind"
        for name in "${!SECRET_READERS[@]}"; do
            if [[ " ${SECRET_READERS[$name]} " != *" $kind "* ]]; then
                : >"$STATE/env/$kind/$name"
                : >"$STATE/env/$kind/${name}_FILE"
            elif [[ $name == DATABASE_URL && $PRIVATE_POSTGRESQL == yes ]]; then
                database_url "$kind" >"$STATE/env/$kind/$name"
            else
                keep_variable "$kind" "$name"
                keep_variable "$kind" "${name}_FILE"
            fi
        done
    done
    # The operator's command runs outside the supervisor and finds the other settings here.
    for name in $(sed -n 's/^SETTING(\([A-Z_]*\),.*/\1/p' "$ROOT/lib/settings.def"); do
        [[ -v SECRET_READERS[$name] ]] || keep_variable operator "$name"
    done
}

# For what is started on behalf of all kinds: supervisor, logs, stores. By chpst -e each kind gets back what is its own.
forget_secrets() {
    local name
    for name in "${!SECRET_READERS[@]}"; do
        unset "$name" "${name}_FILE"
    done
}

keep_variable() { # KIND NAME
    [[ -z ${!2-} ]] || printf '%s\n' "${!2}" >"$STATE/env/$1/$2"
}
