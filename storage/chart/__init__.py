"""What was measured and what it means: Observations, device status, alerts, quarantine, the ledger."""
