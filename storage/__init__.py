"""Where everything rests: the embedded server, the journal, the registry and the chart, all in PostgreSQL."""
