"""Bluetooth Low Energy devices through BlueZ: README.md has the state table, `door.run_bluetooth` is the way in."""
