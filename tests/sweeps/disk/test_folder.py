"""Writing files so that no crash can leave a part."""

from pathlib import Path

import pytest

from sweeps.disk.folder import below, cut_torn_line, parted, write_atomically


@pytest.mark.parametrize(
    ("storage", "name"),
    [
        ("s3://b/p?region=eu-1", "mine"),
        ("s3://b/p", "mine"),
        ("s3://b?x=a/b", "mine"),
        ("/runs", "mine"),
        ("../runs", "x?y"),
    ],
)
def test_what_was_put_below_a_storage_is_taken_apart_again(storage: str, name: str) -> None:
    assert parted(below(storage, name)) == (storage, name)
    place, mark, query = below(storage, name).partition("?") if "://" in storage else (below(storage, name), "", "")
    assert parted(f"{place}/{mark}{query}") == (storage, name)
    assert parted(name) == ("", name)


def test_a_file_is_replaced_whole_and_nothing_is_left_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "sub" / "file"
    write_atomically(path, "old")
    write_atomically(path, "new")
    assert path.read_text() == "new"
    assert list(path.parent.iterdir()) == [path]


def test_what_cannot_be_written_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "file"
    write_atomically(path, "old")
    with pytest.raises(UnicodeEncodeError):
        write_atomically(path, "\ud800")
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(("before", "after"), [(b"a\nb", b"a\n"), (b"a\n", b"a\n"), (b"torn", b""), (b"", b"")])
def test_only_an_unfinished_last_line_is_cut(tmp_path: Path, before: bytes, after: bytes) -> None:
    path = tmp_path / "lines"
    path.write_bytes(before)
    cut_torn_line(path)
    assert path.read_bytes() == after
