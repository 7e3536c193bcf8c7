"""Alert rules over readings: rule packs, the history oracle and the online engine that agrees with it. No
I/O.

The semantics are in README.md of this folder; `oracle.py` is their executable form.
"""
