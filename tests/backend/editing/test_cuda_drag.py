"""The drag as a graphics card does it, as far as that shows without one: whole maps, replayed, one wait in a step."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
import torch
from torch.overrides import TorchFunctionMode

from backend.editing import drag_features
from backend.editing.drag_features import Maps
from backend.editing.drag_loop import DragLoop
from backend.editing.handles import Aim
from stylegan2.feature_synthesis import FeatureSynthesis
from tests.backend.editing.networks import SETTINGS, agree, in_windows, network, scattered

MASK = torch.zeros(128, 128)
MASK[30:90, 40:101] = 1


def without_graphs(synthesis: FeatureSynthesis, ws: torch.Tensor) -> Maps:
    """Stands for what `with_cuda_graphs` returns where nothing can be recorded."""
    return synthesis.maps


def overwriting(synthesis: FeatureSynthesis, ws: torch.Tensor) -> Maps:
    """Stands for CUDA graphs: maps are written where those of the call before are; the gradient is the last call's."""
    given = ws.detach().clone().requires_grad_()
    maps = [map.detach() for map in synthesis.maps(given)]

    class Replayed(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, ws: torch.Tensor) -> Any:
            given.data.copy_(ws)
            for map, now in zip(maps, synthesis.maps(given), strict=True):
                map.copy_(now.detach())
            return tuple(map.detach() for map in maps)

        @staticmethod
        def backward(ctx: Any, *grad_outputs: Any) -> Any:
            with torch.enable_grad():
                return torch.autograd.grad(synthesis.maps(given), given, grad_outputs)

    return Replayed.apply  # pyright: ignore[reportReturnType]


@pytest.fixture
def as_on_cuda(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    """The processor does what a card does, but for the graphs."""
    monkeypatch.setattr(drag_features, "WINDOWED", ())
    monkeypatch.setattr(drag_features, "with_cuda_graphs", getattr(request, "param", without_graphs))


@pytest.mark.parametrize("as_on_cuda", [without_graphs, overwriting], indirect=True)
@pytest.mark.parametrize("block", [4, 64])
@pytest.mark.usefixtures("as_on_cuda")
def test_the_whole_map_takes_the_way_of_the_plain_step(block: int) -> None:
    """As the windows do in `test_fast_drag.py`; with a pin, a handle that arrives, and a mask."""
    handles = np.array([[70.0, 60.0], [40.0, 90.0], [90.0, 30.0]])
    goals = [np.array([[73.0, 60.0], [73.0, 75.0]]), np.array([[40.0, 90.0]]), np.array([[90.4, 30.0]])]
    assert not in_windows(agree(network(), (handles, goals), MASK, feature_block=block, stop_radius=1.0))


def test_what_is_wanted_may_change_though_each_map_overwrites_the_last(monkeypatch: pytest.MonkeyPatch) -> None:
    in_windows = steered()
    monkeypatch.setattr(drag_features, "WINDOWED", ())
    monkeypatch.setattr(drag_features, "with_cuda_graphs", overwriting)
    assert np.abs(steered() - in_windows).max() < 1e-6


def steered() -> np.ndarray:
    """Where two handles are in the steps of a drag that gets another mask, another handle, and goes back: [T, 2, 2]."""
    generator = network().double()
    handles, goals = scattered(3)
    w_plus = torch.randn(1, generator.num_ws, 8, generator=torch.Generator().manual_seed(1)).double()
    loop, places = DragLoop(generator, w_plus, handles[:2], goals[:2], None, SETTINGS), []

    def on() -> None:
        for _ in range(3):
            loop.move()
            places.append(loop.look().points[:2])

    on()
    before = loop.snapshot()
    loop.restrain(MASK.double())
    on()
    loop.aim([Aim(index, handles[index], goals[index]) for index in range(3)])
    on()
    loop.restore(before)
    on()
    return np.array(places)


def test_where_nothing_can_be_recorded_the_drag_goes_on_and_a_line_says_so(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refused(*arguments: Any) -> None:
        assert torch.is_grad_enabled(), "or there would be no gradient to record"
        raise RuntimeError("no graphs today")

    monkeypatch.setattr(drag_features, "WINDOWED", ())
    monkeypatch.setattr(torch.cuda, "current_stream", refused)
    agree(network(), scattered(1), max_steps=11)
    assert [record.getMessage() for record in caplog.records] == [
        "The drag's steps are not recorded as CUDA graphs: no graphs today"
    ]


class UnseenLoop(DragLoop):
    """A drag on torch's device `meta`, which has shapes and no values: whoever looks for one there fails.

    Where the handles are is made up.
    """

    waited = 0

    def _to_host(self, points: torch.Tensor) -> torch.Tensor:
        assert (points.device.type, points.shape) == ("meta", self.points.shape)
        self.waited += 1
        return torch.lerp(self.points, self._targets(self.handles), 0.5)


class Transfers(TorchFunctionMode):
    """Notes what is brought to `meta`, and whether it would have to be waited for there."""

    def __init__(self) -> None:
        super().__init__()
        self.waiting: list[bool] = []

    def __torch_function__(self, func: Any, types: Any, args: Sequence[Any] = (), kwargs: Any = None) -> Any:
        result, name = func(*args, **(kwargs or {})), getattr(func, "__name__", "")
        made = name in ("tensor", "as_tensor", "new_tensor", "scalar_tensor")
        copied = name in ("to", "copy_") and not args[-1 if name == "copy_" else 0].is_meta
        if (made or copied) and result.is_meta:
            self.waiting.append(not (kwargs or {}).get("non_blocking", False))
        return result


@pytest.mark.parametrize("mask", [None, MASK])
@pytest.mark.usefixtures("as_on_cuda")
def test_a_step_waits_for_the_device_once(mask: torch.Tensor | None) -> None:
    generator = network().to("meta")
    handles = np.array([[70.0, 60.0], [40.0, 90.0], [90.0, 30.0], [20.0, 20.0]])
    ways = [[73.0, 60.0], [73.0, 75.0]], [[40.0, 90.0]], [[90.4, 30.0]], [[30.0, 30.0]]
    goals = [np.array(way) for way in ways]
    settings = dataclasses.replace(SETTINGS, stop_radius=1.0)
    w_plus = torch.zeros(1, generator.num_ws, 8, device="meta")
    loop = UnseenLoop(generator, w_plus, handles, goals, mask, settings)
    arrived = [loop.look().arrived]
    for step in range(1, 9):
        with Transfers() as transfers:
            loop.move()
            arrived.append(loop.look().arrived)
        assert loop.waited == step
        assert transfers.waiting[:2] == [False, False], "points for the loss, and for the tracking"
        assert step == 1 or not any(transfers.waiting), "the first one also brings there what stays the same"
    assert {int(some.sum()) for some in arrived} == {2, 3, 4}, "they arrived one after the other"
