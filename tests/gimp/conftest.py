"""GIMP for the tests: the real one, with the plug-in installed and the real backend behind it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import gimp_root
import pytest
import torch
from gimp_root import Gimp, GimpRootError
from PIL import Image
from session import QUICK, TOY, Session, prepare_home, stop_backend, vendor_folder

from stylegan2.critters.making.examples import EXAMPLES, Example

REQUIRE = "DRAGGAN_REQUIRE_GIMP"


@pytest.fixture(scope="session")
def gimp() -> Gimp:
    """The GIMP 3 of this machine, or one of our own, built where there is none."""
    return _required(gimp_root.locate)


def _required(locate: Callable[[], Gimp]) -> Gimp:
    try:
        return locate()
    except GimpRootError as error:
        if os.environ.get(REQUIRE) == "1":
            pytest.fail(f"The tests with a real GIMP must run here and cannot: {error}")
        pytest.skip(f"NOT TESTED WITH A REAL GIMP: {error}")


@pytest.fixture(scope="session", params=["this GIMP", "the other release"])
def either_gimp(request: pytest.FixtureRequest, gimp: Gimp) -> Gimp:
    """GIMP 3.0 and GIMP 3.2, one after the other."""
    return gimp if request.param == "this GIMP" else _required(lambda: gimp_root.locate_other(gimp))


@pytest.fixture(scope="session")
def layers(either_gimp: Gimp, vendor: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Session]:
    """Either GIMP without windows; the backend's engine is a toy."""
    home = tmp_path_factory.mktemp("layers") / "a höme"
    backend = prepare_home(either_gimp, home, vendor, TOY)
    session = Session.console(either_gimp, home)
    yield session
    session.close()
    stop_backend(backend)


@pytest.fixture(scope="session")
def vendor() -> Path:
    return vendor_folder()


@pytest.fixture(scope="session")
def head() -> Example:
    """A head that is to be turned: the nose is pulled to the right."""
    return EXAMPLES[0]


@pytest.fixture(scope="session")
def home(either_gimp: Gimp, vendor: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A home folder with the plug-in in it; its backend does not run before a test asks for it."""
    home = tmp_path_factory.mktemp("gimp") / "a höme"
    backend = prepare_home(either_gimp, home, vendor, QUICK)
    yield home
    stop_backend(backend)


@pytest.fixture(scope="session")
def console(either_gimp: Gimp, home: Path) -> Iterator[Session]:
    """Either GIMP without windows, with the real engine behind it."""
    session = Session.console(either_gimp, home)
    yield session
    session.close()


@pytest.fixture(scope="session")
def picture(home: Path, head: Example) -> Path:
    """The head as a PNG file, 700 x 500."""
    file = home / "before.png"
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # GIMP works beside us: two threads took 22 s for what one does in 1 s
    try:
        Image.fromarray(head.picture()).save(file)
    finally:
        torch.set_num_threads(threads)
    return file


@pytest.fixture
def image(console: Session, picture: Path) -> Iterator[int]:
    """The picture opened in GIMP, without a path; counts as unchanged."""
    image = console.load(str(picture))
    console.call(image, "clean_all")
    yield image
    console.close_image(image)
