"""GATT frames as devices send them, from the Bluetooth SIG's characteristic descriptions."""
