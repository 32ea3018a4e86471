# The web app: Node.js where it is missing, and a build where something has changed. What goes wrong here is a sentence: the API works
# without it. Sourced after common.sh, environment.sh and packages.sh.

WEB_APP=$ROOT/web/app
WEB_BUILT=$ROOT/build/web

node_is_good() {
    local version
    version=$(node --version 2>/dev/null) && command -v npm >/dev/null || return 1
    version=${version#v}
    ((${version%%.*} >= 18))
}

# A Node.js from elsewhere will do. An ordinary user goes on without one.
provide_node() {
    [[ -f $WEB_APP/package.json ]] && ! command -v node >/dev/null && ((EUID == 0)) || return 0
    install_packages "$ROOT/deploy/packages-web" || say "Node.js and npm could not be installed."
}

# All that the build is made of, the contract included, from which it takes its types.
web_inputs() {
    (cd "$ROOT" && find web/app schemas/*.yaml schemas/*.py schemas/contract \( -name node_modules -o -name __pycache__ \) -prune -o -type f -print0 |
        LC_ALL=C sort -z | xargs -0 sha256sum | sha256sum)
}

install_modules() {
    local lock installed=$WEB_APP/node_modules/.tithi-lock
    lock=$(sha256sum <"$WEB_APP/package-lock.json")
    [[ $lock != "$(cat "$installed" 2>/dev/null)" ]] || return 0
    (cd "$WEB_APP" && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error) && mkdir -p "${installed%/*}" &&
        printf '%s\n' "$lock" >"$installed"
}

make_web() {
    install_modules && (cd "$WEB_APP" && npm run build)
}

# Stamped afterwards, since the build itself writes among its inputs.
build_web() {
    local log="$STATE/log/web.log" stamp="$ROOT/build/web.stamp"
    [[ -f $WEB_APP/package.json ]] || return 0
    node_is_good || { say "The web app is not built: that takes Node.js 18 or newer, and npm." && return; }
    (
        forget_secrets
        umask 022
        mkdir -p "$ROOT/build"
        exec 8>"$ROOT/build/web.lock"
        flock 8 # as for the programs
        [[ ! -f $WEB_BUILT/index.html || $(cat "$stamp" 2>/dev/null) != "$(web_inputs)" ]] || exit 0
        say "Building the web app"
        rm -f "$stamp"
        make_web >"$log" 2>&1 8>&- && web_inputs >"$stamp"
    ) || say "The web app could not be built (see $log): Tithi goes on with what was built before, if anything."
}
