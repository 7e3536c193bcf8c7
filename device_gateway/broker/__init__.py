"""The second MQTT door: subscribed to somebody's broker, it acknowledges only what the journal holds."""
