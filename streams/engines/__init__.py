"""Engines: how records reach the processor. Each passes `tests/contract/test_engines.py`."""
