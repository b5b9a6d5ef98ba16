"""Hostile and broken .pt files and TensorFlow pickles: one sentence, quickly, in little memory, nothing run."""

from __future__ import annotations

import contextlib
import pickle
import subprocess
import sys
from pathlib import Path

import hostile_archives
import hostile_pickles
import pytest
import torch
from foreign_files import as_rosinality
from model_bytes import refused

from stylegan2 import ModelError, load

pytestmark = pytest.mark.usefixtures("nvidia_names")
ROOT = Path(__file__).resolve().parents[2]
GROUPS = {
    "archive": hostile_archives.ARCHIVES,
    "tensor": hostile_archives.TENSORS_WITH,
    "old": hostile_archives.OLD_FILES,
    "made up": hostile_archives.MADE_UP,
    "TensorFlow": hostile_pickles.TENSORFLOW,
}
SOUND = {
    "archive": hostile_archives.sound_archive,
    "old file": hostile_archives.sound_old_file,
    "TensorFlow": hostile_pickles.sound_tensorflow,
    "written by hand": hostile_archives.referring,
}


@pytest.mark.parametrize("kind", SOUND)
def test_what_the_hostile_files_are_made_of_is_sound(tmp_path: Path, kind: str):
    (tmp_path / "a").write_bytes(SOUND[kind]())
    assert load(tmp_path / "a").generator.image_size == (8, 8)


@pytest.mark.parametrize(("group", "name"), [(group, name) for group, files in GROUPS.items() for name in files])
def test_a_file_that_contradicts_itself_is_refused(tmp_path: Path, group: str, name: str):
    refused(tmp_path / "a.pt", GROUPS[group][name]())


def test_all_of_them_take_less_than_a_gigabyte(tmp_path: Path):
    for i, make in enumerate(make for files in GROUPS.values() for make in files.values()):
        (tmp_path / f"{i:03}").write_bytes(make())
    program = """
import re, sys
from pathlib import Path
from stylegan2 import ModelError, describe, load
for path in sorted(Path(sys.argv[1]).iterdir()):
    for read in (describe, load):
        try:
            read(path)
        except ModelError:
            pass
print(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1])
"""
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path)], cwd=ROOT, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) < 1_000_000  # kilobytes, of which PyTorch itself takes 250,000


@pytest.mark.parametrize("tenths", range(10))
@pytest.mark.parametrize("kind", SOUND)
def test_a_file_that_ends_early_is_refused(tmp_path: Path, kind: str, tenths: int):
    data = SOUND[kind]()
    refused(tmp_path / "a.pt", data[: len(data) * tenths // 10], "is empty" if not tenths else "damaged|incomplete")


def test_code_in_any_place_of_either_format_is_refused_and_not_run(tmp_path: Path):
    mark = tmp_path / "it-ran"
    for name, data in hostile_pickles.running(mark).items():
        refused(tmp_path / "a.pt", data, "nothing of it was run")
        assert not mark.exists(), name
    for name, data in hostile_pickles.running(mark).items():  # not harmless by accident
        (tmp_path / "a.pt").write_bytes(data)
        with contextlib.suppress(Exception):
            torch.load(tmp_path / "a.pt", weights_only=False)
        with contextlib.suppress(Exception):
            pickle.loads(data)
        assert mark.exists(), name
        mark.unlink()


def test_no_instruction_of_a_pickle_does_anything_but_end_in_one_sentence(tmp_path: Path):
    tricks = hostile_pickles.opcode_tricks()
    assert len(tricks) > 1000
    for data in tricks.values():
        refused(tmp_path / "a.pkl", data)


@pytest.mark.parametrize("trick", list(hostile_pickles.opcode_tricks())[::67])
def test_nor_does_one_inside_an_archive(tmp_path: Path, trick: str):
    pickled = hostile_pickles.opcode_tricks()[trick]
    data = hostile_archives.archived(lambda entries: entries.update({"archive/data.pkl": pickled}))
    refused(tmp_path / "a.pt", data)


@pytest.mark.parametrize("depth", [100, 100_000])
def test_deep_nesting_is_no_danger(tmp_path: Path, depth: int):
    nested = b"\x80\x02" + b"}X\x05\x00\x00\x00g_ema" * depth + b"}" + b"s" * depth + b"."
    refused(tmp_path / "a.pkl", nested)
    refused(tmp_path / "a.pt", hostile_archives.archived(lambda e: e.update({"archive/data.pkl": nested})))


def test_dictionaries_that_grow_with_each_level_are_no_danger(tmp_path: Path):
    inner: dict[str, object] = {f"a{i}": 1 for i in range(500)}
    for _ in range(8):
        inner = {f"a{i}": inner for i in range(500)}
    refused(tmp_path / "a.pt", as_rosinality(inner))


def test_a_pointer_of_git_lfs_is_one(tmp_path: Path):
    text = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 381673535\n"
    refused(tmp_path / "a.pkl", text, "Git LFS")


def test_a_file_larger_than_any_model_is_refused_at_once(tmp_path: Path):
    with (tmp_path / "a.pkl").open("wb") as file:
        file.truncate(1 << 40)  # takes no room on the disk
    with pytest.raises(ModelError, match="larger than any StyleGAN2 model"):
        load(tmp_path / "a.pkl")


def test_a_web_page_is_one_whatever_it_is_called(tmp_path: Path):
    for name in ("a.pt", "a.pkl", "a.safetensors"):
        refused(tmp_path / name, b"<!DOCTYPE html><title>Google Drive - Quota exceeded</title>", "a web page")


@pytest.mark.parametrize("kind", SOUND)
@pytest.mark.parametrize("seed", range(40))
def test_a_file_with_changed_bytes_is_read_or_refused_and_never_worse(tmp_path: Path, kind: str, seed: int):
    path = tmp_path / "a.pt"
    path.write_bytes(hostile_archives.mutated(SOUND[kind](), seed))
    with contextlib.suppress(ModelError):
        load(path)
