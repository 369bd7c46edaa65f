"""Which paths and names an agent may pass to a trainer."""

from pathlib import Path

import pytest

from mcp_automl.catalog import Catalog
from mcp_automl.domain.errors import InvalidRequest
from mcp_automl.permissions import Permissions
from mcp_automl.settings import Settings


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "root"
    root.mkdir()
    (root / "notes.txt").write_text("notes")
    (root / "out").symlink_to(tmp_path)
    return root


def test_what_lies_below_a_root_is_passed_by_its_real_path(root: Path) -> None:
    permitted = Permissions(roots=(root,))

    assert permitted(f"{root}/../root/notes.txt") == str(root / "notes.txt")
    assert permitted(str(root)) == str(root)


@pytest.mark.parametrize(
    "wanted",
    ["/etc/passwd", "{root}/../x", "{root}/out/x", "{root}x", "notes.txt", "", "~nobody-here/x",
     "{root}/a\0b", "openai-community/gpt2", "../evil/gpt2"],
)  # fmt: skip
def test_nothing_else_is_passed(root: Path, wanted: str) -> None:
    permitted = Permissions(roots=(root,), names=("evil/*", "*/evil/*"))

    with pytest.raises(InvalidRequest, match="data_roots .*allowed_models"):
        permitted(wanted.format(root=root))


def test_names_are_passed_by_their_patterns() -> None:
    permitted = Permissions(names=("openai-community/*", "me/one:small"))

    assert permitted("openai-community/gpt2") == "openai-community/gpt2"
    assert permitted("me/one:small") == "me/one:small"
    for other in ("openai-community/..", "openai-community/a/b", "me/one", "Openai-community/x"):
        with pytest.raises(InvalidRequest):
            permitted(other)


def test_an_agent_fixes_a_text_that_is_allowed_and_is_told_why_another_is_not(root: Path) -> None:
    catalog = Catalog(permitted=Permissions(roots=(root,)))
    notes = str(root / "notes.txt")

    assert catalog.search("llm", {"text": notes}, None).constants == {"text": notes}
    assert catalog.search("llm", {"text": "embedded"}, None).constants == {"text": "embedded"}
    for refused in ("/etc/passwd", 3):
        with pytest.raises(InvalidRequest, match="search_space: text: .*operator's"):
            catalog.search("llm", {"text": refused}, None)
    with pytest.raises(InvalidRequest, match="can be fixed, but not searched"):
        catalog.search("llm", {"text": [notes, "embedded"]}, None)


def test_by_default_nothing_but_the_embedded_data_is_allowed() -> None:
    settings = Settings()
    permitted = Permissions(settings.data_roots, settings.allowed_models)

    with pytest.raises(InvalidRequest, match=r"data_roots \(none\) .*allowed_models \(none\)"):
        Catalog(permitted=permitted).search("llm", {"model": "openai-community/gpt2"}, None)


def test_the_operator_sets_them_in_the_file_or_in_variables(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "mcp_automl.toml"
    file.write_text('data_roots = ["/data"]\nallowed_models = ["a/*", "b"]')
    monkeypatch.setenv("MCP_AUTOML_CONFIG", str(file))
    assert (Settings().data_roots, Settings().allowed_models) == ((Path("/data"),), ("a/*", "b"))

    monkeypatch.setenv("MCP_AUTOML_DATA_ROOTS", "/one, /two")
    assert Settings().data_roots == (Path("/one"), Path("/two"))
    monkeypatch.setenv("MCP_AUTOML_DATA_ROOTS", "relative")
    with pytest.raises(ValueError, match="absolute path"):
        Settings()
