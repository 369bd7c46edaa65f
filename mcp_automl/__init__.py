"""Tune a real model from a chat client: studies that outlive the chat and never overspend."""

__version__ = "0.1.0"
