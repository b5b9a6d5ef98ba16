"""Remembered tensors: in memory, on disk for the next process, and never in the way."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import torch

from backend.editing import tensor_cache
from backend.editing.tensor_cache import TensorCache


def inversion(value: float) -> dict[str, torch.Tensor]:
    return {"w_plus": torch.full((1, 3, 4), value), "psnr": torch.tensor(20 + value, dtype=torch.float64)}


def test_what_was_put_is_got_under_the_same_key_only() -> None:
    cache = TensorCache()
    cache.put(inversion(1), "model", "pixels")
    found = cache.get("model", "pixels")
    assert found is not None
    assert torch.equal(found["w_plus"], inversion(1)["w_plus"])
    assert found["psnr"] == 21
    assert cache.get("model", "other pixels") is None


def test_the_next_process_finds_it_on_disk(tmp_path: Path) -> None:
    TensorCache(tmp_path / "new").put(inversion(2.1), "key")
    found = TensorCache(tmp_path / "new").get("key")
    assert found is not None
    assert torch.equal(found["w_plus"], inversion(2.1)["w_plus"])
    assert found["psnr"] == 22.1
    assert len(list((tmp_path / "new").iterdir())) == 1


def test_the_least_recently_used_go_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tensor_cache, "MOST_ON_DISK", 2)
    monkeypatch.setattr(tensor_cache, "MOST_IN_MEMORY", 1)
    cache = TensorCache(tmp_path)
    for age, key in ((300, "a"), (200, "b")):
        cache.put(inversion(1), key)
        for file in tmp_path.iterdir():
            os.utime(file, (file.stat().st_atime, file.stat().st_mtime - age))
    assert cache.get("a") is not None  # used just now
    cache.put(inversion(1), "c")
    assert [cache.get(key) is not None for key in "abc"] == [True, False, True]


def test_there_is_room_for_so_many_bytes_only_but_the_last_entry_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tensor_cache, "MOST_BYTES_ON_DISK", 3000)
    monkeypatch.setattr(tensor_cache, "MOST_BYTES_IN_MEMORY", 3000)
    weights = {"weights": torch.ones(600, dtype=torch.float16)}  # 1200 bytes, and a header on the disk
    cache = TensorCache(tmp_path)
    for age, key in ((3, "a"), (2, "b"), (1, "c")):
        cache.put(weights, key)
        for file in tmp_path.iterdir():
            os.utime(file, (file.stat().st_atime, file.stat().st_mtime - age))
    in_memory = TensorCache()
    for key in "abc":
        in_memory.put(weights, key)
    for remembered in (TensorCache(tmp_path), in_memory):
        assert [remembered.get(key) is not None for key in "abc"] == [False, True, True]
    for remembered in (cache, in_memory):
        remembered.put({"weights": torch.ones(6000)}, "larger than all the room")
        assert remembered.get("larger than all the room") is not None
    assert [TensorCache(tmp_path).get(key) for key in "abc"] == [None] * 3


@pytest.mark.parametrize("content", [b"", b"nothing of the kind", None])
def test_a_broken_file_is_as_if_it_were_not_there(content: bytes | None, tmp_path: Path) -> None:
    TensorCache(tmp_path).put(inversion(float("nan")), "key")
    (file,) = tmp_path.iterdir()
    if content is not None:
        file.write_bytes(content)
    cache = TensorCache(tmp_path)
    assert cache.get("key") is None
    cache.put(inversion(1), "key")
    assert TensorCache(tmp_path).get("key") is not None


def test_a_folder_that_cannot_be_written_costs_nothing_but_the_memory_of_it(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    cache = TensorCache(tmp_path / "file" / "folder")
    cache.put(inversion(1), "key")
    assert cache.get("key") is not None
