"""How long a client waits for a server's first answer, from the start of its process.

    python -m benchmarks.initialize [N]

Starts `mcp-automl serve` N times (9 by default), and between them an empty server of the same SDK,
speaks `initialize` over stdio, and prints the seconds until the answer. Goal: under 1.0 s.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time

OURS = [sys.executable, "-m", "mcp_automl", "serve"]
EMPTY = [
    sys.executable,
    "-c",
    "from mcp.server.mcpserver import MCPServer; MCPServer('empty').run()",
]
REQUEST = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "initialize",
    "params": {
        "protocolVersion": "2025-11-25",
        "capabilities": {},
        "clientInfo": {"name": "benchmark", "version": "1"},
    },
}


def seconds_to_answer(command: list[str], home: str) -> float:
    """One start: from the process's creation to the whole answer."""
    started = time.perf_counter()
    server = subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "MCP_AUTOML_HOME": home},
        text=True,
    )
    assert server.stdin is not None and server.stdout is not None
    with server:
        server.stdin.write(json.dumps(REQUEST) + "\n")
        server.stdin.flush()
        answer = server.stdout.readline()
        taken = time.perf_counter() - started
        server.stdin.close()
    if "serverInfo" not in answer:
        sys.exit(f"no answer from {' '.join(command)}: {answer!r}")
    return taken


def line(name: str, seconds: list[float]) -> str:
    middle = statistics.median(seconds)
    return f"{name:18} {min(seconds):6.3f} {middle:8.3f} {max(seconds):6.3f}"


def main() -> None:
    n = int(sys.argv[1]) if len(sys.argv) > 1 else 9
    ours, empty = [], []
    with tempfile.TemporaryDirectory() as home:
        for _ in range(n):
            ours.append(seconds_to_answer(OURS, home))
            empty.append(seconds_to_answer(EMPTY, home))
    print(f"seconds to initialize, {n} starts each, {os.cpu_count()} CPU cores")
    print(f"{'server':18} {'min':>6} {'median':>8} {'max':>6}")
    print(line("mcp-automl serve", ours))
    print(line("an empty server", empty))
    print(f"ratio of medians   {statistics.median(ours) / statistics.median(empty):6.2f}")


if __name__ == "__main__":
    main()
