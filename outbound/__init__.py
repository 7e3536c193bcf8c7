"""From the outbox to partners, with retry: EMR write-back and notifications.

An outbox row commits together with whatever caused it; this room takes rows from there, through storage's
queries, and is the only one that speaks to a partner.
"""
