#!/bin/sh
# Installs what the tests use from the system's packages, where that is possible (root on Debian or Ubuntu). Nothing
# fails here: a test whose tool is missing is skipped with the reason, and pytest counts the skips at its end.
set -u
PATH="$PATH:/usr/sbin" # where Debian keeps the broker, not on every user's PATH

missing=
# tests/system_tools.py knows all the browsers that will do; these are the commands of the common ones.
command -v chromium >/dev/null || command -v chromium-headless-shell >/dev/null ||
    command -v chromium-browser >/dev/null || command -v google-chrome >/dev/null ||
    [ -n "${VITALSTREAM_BROWSER:-}" ] || missing="$missing chromium"
command -v mosquitto >/dev/null || missing="$missing mosquitto"
command -v mosquitto_pub >/dev/null || missing="$missing mosquitto-clients"
command -v dbus-daemon >/dev/null || missing="$missing dbus-daemon"
[ -n "$missing" ] || exit 0

if ! command -v apt-get >/dev/null || [ "$(id -u)" -ne 0 ]; then
    echo "set-up: not installed, and not mine to install:$missing. Their tests will be skipped; as root on Debian or" \
        "Ubuntu: apt-get install$missing" >&2
    exit 0
fi

# Debian starts a broker as soon as its package is installed, on the very port that our own endpoint uses.
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
    trap 'rm -f "$policy"' EXIT
    trap 'exit 130' INT TERM
    printf '#!/bin/sh\nexit 101\n' >"$policy" && chmod 755 "$policy"
fi
export DEBIAN_FRONTEND=noninteractive
sh "$(dirname "$0")/quietly.sh" "installing$missing with apt-get (about 30 s)" \
    sh -c "apt-get update && apt-get install -y --no-install-recommends $missing" ||
    echo "set-up: going on without; the tests that need$missing will be skipped" >&2
exit 0
