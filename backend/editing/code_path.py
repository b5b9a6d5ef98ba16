"""The path that an edit's code has gone: kept thinned, and read at any place of it."""

from __future__ import annotations

import torch

PATH_LENGTH = 64  # codes kept of the path


class CodePath:
    """Codes between the start of an edit and its end, thinned evenly to PATH_LENGTH at most."""

    def __init__(self, before: torch.Tensor) -> None:
        """Begin with the codes that there are already, [T, num_ws, w_dim]."""
        self._codes = list(before.cpu().unbind(0))
        self._last = self._codes[-1]
        self._every, self._seen = 1, 0

    def add(self, w_plus: torch.Tensor) -> None:
        """Go on to `w_plus` [1, num_ws, w_dim]."""
        self._last = w_plus[0]  # where it is: a drag would wait in each step to have it here
        if self._seen % self._every == 0:
            self._codes.append(self._last)
        self._seen += 1
        if len(self._codes) >= PATH_LENGTH:
            self._codes, self._every = self._codes[::2], 2 * self._every

    def copy(self) -> CodePath:
        """Return the path as it is now, to go back to."""
        path = CodePath(self.codes())
        path._codes, path._every, path._seen = list(self._codes), self._every, self._seen
        return path

    def codes(self) -> torch.Tensor:
        """Return the path [T, num_ws, w_dim]; its last code is the present one."""
        return torch.stack([code.cpu() for code in (*self._codes, self._last)])

    def until(self, fraction: float) -> torch.Tensor:
        """Return the path to what code_at() returns for a fraction of it."""
        codes = self.codes()
        if fraction == 1:
            return codes
        before = len(codes) if fraction > 1 else _codes_before(codes, fraction)[0] + 1
        return torch.cat([codes[:before], code_at(codes, fraction)])


def length_of(path: torch.Tensor) -> float:
    """Return the length of a path [T, num_ws, w_dim]."""
    return float(_lengths(path)[-1])


def code_at(path: torch.Tensor, fraction: float) -> torch.Tensor:
    """Return the code at a place of the path an edit has gone.

    Args:
        path: [T, num_ws, w_dim], from the start of the edit to its end.
        fraction: of the path's length, 0 = start, 1 = end; beyond 1 on in the direction from start to end, by that
            share of the distance between them.

    Returns:
        [1, num_ws, w_dim].
    """
    start, end = path[:1], path[-1:]
    if fraction >= 1:
        return end + (fraction - 1) * (end - start)
    before, share = _codes_before(path, fraction)
    if before + 1 >= len(path):
        return end
    return torch.lerp(path[before : before + 1], path[before + 1 : before + 2], share)


def _lengths(path: torch.Tensor) -> torch.Tensor:
    """How long the path is to each of its codes: [T]."""
    return torch.cat([path.new_zeros(1), (path[1:] - path[:-1]).flatten(1).norm(dim=1).cumsum(0)])


def _codes_before(path: torch.Tensor, fraction: float) -> tuple[int, float]:
    """The last code before a place of the path, and the share of the way from it to the next."""
    lengths = _lengths(path)
    place = fraction * lengths[-1]
    before = int((lengths[1:-1] <= place).sum())
    if before + 1 >= len(path):
        return before, 0.0
    return before, float((place - lengths[before]) / (lengths[before + 1] - lengths[before]).clamp(min=1e-12))
