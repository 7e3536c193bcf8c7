#!/bin/sh
# Installs the page's locked packages; brings Node itself from PyPI where the machine has none that is new enough.
# Called by `make setup`, after .venv is there.
set -eu
cd "$(dirname "$0")/.."
# npm starts `node` by name, so the folder has to be on PATH: an absolute path to npm alone is not enough.
PATH="$PWD/.venv/bin:$PATH"
export PATH

# Vite's own demand: 20.19 or newer in the 20 series, 22.12 or newer after it. npm is a package of its own on Debian.
good_node() {
    command -v npm >/dev/null 2>&1 && node -e '
        const [major, minor] = process.versions.node.split(".").map(Number)
        process.exit(major > 22 || (major === 22 && minor >= 12) || (major === 20 && minor >= 19) ? 0 : 1)
    ' 2>/dev/null
}

if ! good_node; then
    sh scripts/quietly.sh "no Node 20.19+ with npm here: installing the locked one (about 10 s, 60 MB)" \
        .venv/bin/python -m pip --disable-pip-version-check --no-input install --quiet \
        --require-hashes -r requirements/node.txt
fi
cd ui
sh ../scripts/quietly.sh "installing the page's locked packages (about 30 s)" npm ci --no-audit --no-fund
