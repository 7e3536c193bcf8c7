"""Simulated patients and their devices. Encoders are written from the specifications, apart from our decoders."""
