#!/bin/sh
# Writes requirements/*.txt anew from pyproject.toml: exact versions for Python 3.11 and newer on every system, each
# with its hashes and without addresses. Called by `make lock`; read the difference before you commit it.
set -eu
cd "$(dirname "$0")/.."
UV_VERSION=0.13.9
tool=.venv/lock-tool
[ -x "$tool/bin/uv" ] || sh scripts/quietly.sh "fetching uv $UV_VERSION" \
    .venv/bin/python -m pip --disable-pip-version-check --no-input install --quiet --target "$tool" "uv==$UV_VERSION"

compile() {
    out=requirements/$1.txt
    shift
    sh scripts/quietly.sh "locking $out" env UV_CUSTOM_COMPILE_COMMAND="make lock" \
        "$tool/bin/uv" pip compile --no-config --universal --python-version 3.11 --generate-hashes \
        --no-emit-index-url --upgrade --output-file "$out" "$@"
}

compile base pyproject.toml
# Whatever runs in production is tested in that version.
compile dev pyproject.toml --extra dev --constraint requirements/base.txt
compile node --group node
