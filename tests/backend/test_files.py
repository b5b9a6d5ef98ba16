"""Files that appear whole or not at all, also where several threads write the same one."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from backend.files import write_text_whole


def test_threads_that_write_the_same_file_do_not_disturb_each_other(tmp_path: Path) -> None:
    """As a download that notes how far it is, and the request that cancels it."""
    file = tmp_path / "notes.json"
    texts = [str(number) * 100_000 for number in range(8)]

    def write(text: str) -> None:
        for _ in range(20):
            write_text_whole(file, text)

    with ThreadPoolExecutor(len(texts)) as threads:
        list(threads.map(write, texts))
    assert file.read_text(encoding="utf-8") in texts
    assert list(tmp_path.iterdir()) == [file]
