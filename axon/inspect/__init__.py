"""Instruments: what a program costs, takes and makes, looked at from outside."""
