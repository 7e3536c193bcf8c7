"""Commands run inside the test's own process: the same `main`, without a second spent on starting Python each time."""

from __future__ import annotations

import contextlib
import io
import sys
from subprocess import CompletedProcess
from unittest.mock import patch

from tests.running import Installation
from vitalstream.cli import main

_SERVING = ("up", "run", "demo")


def run(site: Installation, *words: str, stdin: str = "", **env: str) -> CompletedProcess[str]:
    """`vitalstream WORDS` to its end, like `Installation.command`; what serves runs in a process of its own."""
    if words[0] in _SERVING:
        return site.command(*words, stdin=stdin, **env)
    out, err = _pipe(), _pipe()
    code = 0
    with (
        patch.object(sys, "argv", ["vitalstream", *words]),
        patch.object(sys, "stdin", _pipe(stdin)),
        patch.dict("os.environ", site.env | env, clear=True),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
    ):
        try:
            main()
        except SystemExit as end:
            code = int(end.code or 0)
    return CompletedProcess(words, code, _text(out), _text(err))


def _pipe(text: str = "") -> io.TextIOWrapper:
    return io.TextIOWrapper(io.BytesIO(text.encode()), encoding="utf-8", write_through=True)


def _text(pipe: io.TextIOWrapper) -> str:
    assert isinstance(pipe.buffer, io.BytesIO)
    return pipe.buffer.getvalue().decode()
