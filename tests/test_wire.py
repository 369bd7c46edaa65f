"""What a worker says survives the wire, and what it may raise is told in one honest line."""

import math
import socket
import subprocess
import sys
import threading

import pytest

from mcp_automl.worker.training import is_out_of_memory, last_line
from mcp_automl.worker.wire import (
    GO,
    MAX_LINE,
    STOP,
    Ending,
    Heartbeat,
    LastWord,
    Lines,
    Measured,
    Message,
    Ready,
    Wire,
    decode,
    encode,
)
from trainers.contract import Measurement, Prepared


def measured(**metrics: float) -> Measured:
    return Measured(
        measurement=Measurement(epoch=3, metrics=metrics, seconds=1.5), gpu_memory_gb=2.25
    )


@pytest.mark.parametrize(
    "message",
    [
        Heartbeat(cpu_seconds=12.5),
        measured(val_accuracy=0.9847, val_loss=1e-300),
        measured(val_loss=math.inf, low=-math.inf),
        Ready(prepared=Prepared(arguments={"dataset": "digits", "n": 1}, description="8x8 – ü")),
        LastWord(ending=Ending.COMPLETED),
        LastWord(ending=Ending.OUT_OF_MEMORY, reason='a "quoted"\nreason'),
    ],
)
def test_a_message_arrives_as_it_was_sent_on_one_line(message: Message) -> None:
    line = encode(message)

    assert line.count(b"\n") == 1 and line.endswith(b"\n")
    assert decode(line) == message


def test_nan_arrives_as_nan() -> None:
    message = decode(encode(measured(val_loss=math.nan)))

    assert isinstance(message, Measured)
    assert math.isnan(message.measurement.metrics["val_loss"])


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"Downloading data set...",
        b"[1, 2]",
        b"7",
        b"{}",
        b'{"unknown": {}}',
        b'{"measured": {"epoch": 1}}',
        b'{"measured": [1]}',
        b'{"ended": {"ending": "gloriously", "reason": ""}}',
        b'{"heartbeat": null}',
        b"\xff\xfe",
    ],
)
def test_a_line_that_says_nothing_known_is_refused(line: bytes) -> None:
    with pytest.raises(ValueError, match="not a line of a worker"):
        decode(line)


def test_lines_are_cut_wherever_the_bytes_happen_to_be_cut() -> None:
    data = b"one\ntwo\n\nfour\nfi"
    whole = Lines()
    bytewise = Lines()

    assert list(whole.feed(data)) == [b"one", b"two", b"", b"four"]
    assert [line for byte in data for line in bytewise.feed(bytes([byte]))] == [
        b"one",
        b"two",
        b"",
        b"four",
    ]
    assert list(whole.feed(b"ve\n")) == [b"five"]


def test_neither_end_takes_a_line_without_end() -> None:
    with pytest.raises(ValueError, match="may have"):
        encode(measured(**{"x" * MAX_LINE: 1.0}))
    with pytest.raises(ValueError, match="a line of more than"):
        Lines().feed(b"x" * (MAX_LINE + 1))


@pytest.mark.parametrize(("reply", "goes_on"), [(GO, True), (STOP, False), (b"", False)])
def test_only_a_go_lets_the_worker_go_on(reply: bytes, goes_on: bool) -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        wire = Wire(theirs)
        ours.sendall(reply)
        ours.shutdown(socket.SHUT_WR)

        assert wire.ask(measured(a=1.0)) is goes_on


def test_lines_of_several_threads_do_not_mix() -> None:
    ours, theirs = socket.socketpair()
    message = measured(**{f"metric_{n}": n / 7 for n in range(2_000)})

    def send_often(wire: Wire) -> None:
        for _ in range(20):
            wire.send(message)

    with ours, theirs:
        wire = Wire(theirs)
        threads = [threading.Thread(target=send_often, args=(wire,)) for _ in range(3)]
        for thread in threads:
            thread.start()
        lines = ours.makefile("rb")
        received = [decode(lines.readline()) for _ in range(60)]
        for thread in threads:
            thread.join()

    assert received == [message] * 60


def test_an_exceptions_last_line_is_one_printable_line() -> None:
    assert last_line(ValueError("a\nb\x07c\td")) == "ValueError: a bc d"
    assert last_line(KeyError("epochs")) == "KeyError: 'epochs'"
    assert len(last_line(ValueError("x" * 9_999))) == 500


def test_running_out_of_memory_is_known_by_its_many_names() -> None:
    torch_error = type("OutOfMemoryError", (RuntimeError,), {"__module__": "torch.cuda"})
    someones_error = type("OutOfMemoryError", (RuntimeError,), {"__module__": "shop"})

    assert is_out_of_memory(torch_error("tried to allocate"))
    assert is_out_of_memory(MemoryError())
    assert is_out_of_memory(RuntimeError("CUDA error: out of memory\nCompile with ..."))
    assert is_out_of_memory(RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling"))
    assert not is_out_of_memory(someones_error("sold out"))
    assert not is_out_of_memory(ValueError("CUDA error: out of memory"))


def test_a_worker_imports_the_standard_library_and_the_contract_alone() -> None:
    program = (
        "import sys; before = set(sys.modules); import mcp_automl.worker.main; "
        "new = {name.partition('.')[0] for name in set(sys.modules) - before}; "
        "print(sorted(new - sys.stdlib_module_names - {'__mp_main__'}), "
        "sorted(name for name in sys.modules if name.startswith(('mcp_automl.', 'trainers.'))))"
    )

    shown = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    ).stdout

    assert shown == (
        "['mcp_automl', 'trainers'] "
        "['mcp_automl.worker', 'mcp_automl.worker.code', 'mcp_automl.worker.life', "
        "'mcp_automl.worker.log', 'mcp_automl.worker.main', 'mcp_automl.worker.training', "
        "'mcp_automl.worker.wire', "
        "'trainers.checkpoints', 'trainers.contract']\n"
    )
