"""The path an edit's code has gone, kept thinned and read at a fraction of its length."""

from __future__ import annotations

import pytest
import torch

from backend.editing.code_path import PATH_LENGTH, CodePath, code_at


def path_of(*places: float) -> torch.Tensor:
    """A path on a line: one number for each code."""
    return torch.tensor(places, dtype=torch.float32).reshape(-1, 1, 1)


@pytest.mark.parametrize(
    ("fraction", "place"), [(0.0, 0.0), (0.25, 1.0), (0.5, 2.0), (0.9, 3.6), (1.0, 4.0), (1.5, 6.0)]
)
def test_a_fraction_is_one_of_the_length_however_many_codes_were_kept_of_a_part(fraction: float, place: float):
    assert code_at(path_of(0, 0.1, 0.2, 0.3, 1, 4), fraction).item() == pytest.approx(place)


def test_a_path_there_and_back_is_gone_there_and_back():
    assert code_at(path_of(0, 2, 1), 0.5).item() == pytest.approx(1.5)
    assert code_at(path_of(0, 2, 1), 2).item() == pytest.approx(2), "from its end on in the direction of the whole"


@pytest.mark.parametrize("fraction", [0.0, 0.5, 1.0, 1.5])
def test_an_edit_that_has_not_moved_stays_where_it_is(fraction: float):
    assert code_at(path_of(3), fraction).item() == code_at(path_of(3, 3), fraction).item() == 3


def test_a_long_path_is_thinned_evenly_and_keeps_both_ends():
    path = CodePath(path_of(0))
    for step in range(1, 1001):
        path.add(torch.full((1, 1, 1), float(step)))
    codes = path.codes()
    assert len(codes) <= PATH_LENGTH + 1
    values = codes.flatten().tolist()
    assert values == sorted(values)
    assert (codes[0].item(), codes[-1].item()) == (0, 1000)
    assert code_at(codes, 0.5).item() == pytest.approx(500)


@pytest.mark.parametrize(
    ("fraction", "places"),
    [(0.0, [0, 0]), (0.5, [0, 1, 2, 2]), (0.9, [0, 1, 2, 3.6]), (1.0, [0, 1, 2, 4, 4]), (1.5, [0, 1, 2, 4, 4, 6])],
)
def test_the_path_to_a_place_of_it_ends_there(fraction: float, places: list[float]):
    path = CodePath(path_of(0, 1, 2))
    path.add(path_of(4))
    assert path.until(fraction).flatten().tolist() == pytest.approx(places)


def test_a_copy_of_a_path_is_not_gone_on_with():
    path = CodePath(path_of(0))
    copy = path.copy()
    path.add(path_of(1))
    assert (len(path.codes()), copy.codes().flatten().tolist()) == (3, [0, 0])


def test_a_code_is_fetched_from_its_device_only_when_the_path_is_wanted():
    path = CodePath(path_of(0))
    path.add(torch.zeros(1, 1, 1, device="meta"))  # from which nothing can be fetched
    with pytest.raises(NotImplementedError):
        path.codes()
