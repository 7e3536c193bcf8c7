"""Simulated Bluetooth devices behind a fake BlueZ on a private message bus; unmodified bleak talks to it."""
