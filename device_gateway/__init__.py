"""Room 1: radios, brokers and listeners in, a durable journal out. Acknowledges last."""
