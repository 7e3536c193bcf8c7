#!/bin/sh
# Makes .venv from the hash-pinned lock and installs this project into it, editable. Called by `make setup`.
set -eu
cd "$(dirname "$0")/.."
python=${PYTHON:-python3}

fail() {
    printf 'set-up: %s\n' "$*" >&2
    exit 1
}

install() {
    what=$1
    shift
    sh scripts/quietly.sh "$what" .venv/bin/python -m pip --disable-pip-version-check --no-input install --quiet "$@"
}

command -v "$python" >/dev/null 2>&1 ||
    fail "no $python found; install Python 3.11 or newer, or name one: make setup PYTHON=/path/to/python3.12"
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
    fail "$("$python" --version 2>&1) is too old, 3.11 or newer is needed: make setup PYTHON=/path/to/python3.12"
"$python" -c 'import ensurepip, venv' 2>/dev/null ||
    fail "this Python cannot make virtual environments; on Debian and Ubuntu: apt-get install python3-venv"

# A .venv is kept when it is whole and was made in this folder: a copied or moved one has scripts of another place.
if ! { grep -qF "$PWD/.venv" .venv/bin/activate && .venv/bin/python -m pip --version; } >/dev/null 2>&1; then
    rm -rf .venv
    sh scripts/quietly.sh "making .venv with $("$python" --version 2>&1)" "$python" -m venv .venv
fi
install "installing the locked Python packages (about a minute)" --require-hashes -r requirements/dev.txt
install "installing vitalstream into .venv" --no-deps --no-build-isolation -e .
