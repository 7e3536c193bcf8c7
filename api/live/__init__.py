"""The live stream: one follower of the chart a process, one picture an organisation, many watchers."""
