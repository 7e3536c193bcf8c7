"""Ports between the rooms, one file each; every port names the contract suite that its implementations must pass."""
