#!/bin/sh
# quietly.sh "what is being done" COMMAND...: says what is done and how long it took; shows the command's own output
# only when it fails. Everything goes to stderr.
set -u
what=$1
shift
log=$(mktemp) || exit 1
trap 'rm -f "$log"' EXIT
trap 'exit 130' INT TERM
started=$(date +%s)
printf 'set-up: %s ...\n' "$what" >&2
"$@" >"$log" 2>&1
status=$?
if [ "$status" -eq 0 ]; then
    printf 'set-up: done in %s s\n' "$(($(date +%s) - started))" >&2
else
    cat "$log" >&2
    printf 'set-up: failed while %s; the reason stands above\n' "$what" >&2
fi
exit "$status"
