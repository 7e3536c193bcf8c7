"""Our MQTT endpoint: it takes readings in and answers on a device's own topics; it is no broker."""
