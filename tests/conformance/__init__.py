"""The official conformance suite against this server: `make conformance`.

The suite speaks HTTP, and wants tools, resources and prompts of its own invention. Both exist here
alone: the product's server, as it is composed for its users, gets what the suite calls for beside
what it has, and is mounted on 127.0.0.1 for as long as the suite runs.
"""
