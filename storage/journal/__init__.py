"""The durable, ordered input on PostgreSQL: records, and who owns which shard."""
