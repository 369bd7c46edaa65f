"""Foreign clients against the real server over stdio, with real trainings: `make interop`.

Each client lives in an environment of its own beneath `.venv-interop`, where nothing of mcp_automl
is installed, and plays one story (`story.py`): it starts a study, follows it to its end and reads
the best parameters. All that it is told is the command that starts the server.
"""
