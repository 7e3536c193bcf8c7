"""Pure decoders of GATT measurement characteristics, one profile a file: bytes in, readings as sent out."""
