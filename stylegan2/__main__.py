"""Command line: `python -m stylegan2 info FILE` and `python -m stylegan2 convert IN OUT.safetensors`."""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
from pathlib import Path

import torch

from . import Description, ModelError, describe, load, save
from .files import read_preset


def main(arguments: list[str] | None = None) -> int:
    """Run one command; returns the exit code: 0 = done, 2 = refused with one sentence on stderr."""
    options = _parser().parse_args(arguments)
    try:
        if options.command == "info":
            print(shown(describe(options.file)))
        else:
            convert(options)
    except ModelError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m stylegan2", description="Look at StyleGAN2 model files.")
    commands = parser.add_subparsers(dest="command", required=True)
    info = commands.add_parser("info", help="say what a model file holds")
    info.add_argument("file", type=Path)
    converter = commands.add_parser("convert", help="write a model file as safetensors")
    converter.add_argument("input", type=Path)
    converter.add_argument("output", type=Path, help="a name that ends in .safetensors")
    for field in ("name", "licence", "source"):
        converter.add_argument(f"--{field}", help=f"the {field} to write into the new file")
    converter.add_argument("--preset", type=Path, help="a JSON file with the drag settings to store")
    converter.add_argument("--half", action="store_true", help="store 16-bit numbers: half the size")
    return parser


def shown(model: Description) -> str:
    """Several lines: name, licence, source, sizes, layers, preset."""
    g, d, metadata = model.generator, model.discriminator, model.metadata
    height, width = g.image_size
    clamps = sorted({clamp for block in g.blocks for clamp in block.conv_clamp if clamp is not None})
    architecture = f"StyleGAN2, {g.variant} generator" + ("" if d is None else f", {d.variant} discriminator")
    rows = {
        "format": model.format,
        "name": metadata.name,
        "licence": metadata.licence,
        "source": metadata.source,
        "sha256": model.sha256,
        "image": f"{width} x {height} pixels, {g.img_channels} channels",
        "latents": f"z {g.mapping.z_dim}, w {g.mapping.w_dim}, {g.num_ws} layers in W+",
        "classes": str(g.mapping.c_dim) if g.mapping.c_dim else "none",
        "mapping": f"{g.mapping.num_layers} layers",
        "architecture": architecture,
        "channels": ", ".join(f"b{block.resolution}: {block.channels}" for block in g.blocks),
        "noise": "yes" if any(flag for block in g.blocks for flag in block.use_noise) else "no",
        "clamped at": ", ".join(f"{clamp:g}" for clamp in clamps) or "not clamped",
        "half precision": f"{g.num_fp16_res} blocks when trained; computed in float32 here",
        "generator": f"{model.generator_parameters:,} weights",
        "discriminator": "none" if d is None else f"{model.discriminator_parameters:,} weights",
        "preset": json.dumps(metadata.preset) if metadata.preset else "none",
    }
    return "\n".join(f"{title + ':':16}{_printable(value)}" for title, value in rows.items())


def _printable(text: str) -> str:
    """Without control characters: what a file says about itself must not steer the terminal."""
    return "".join(letter if letter.isprintable() else "?" for letter in text)


def convert(options: argparse.Namespace) -> None:
    """Read options.input and write options.output. Raises ModelError; nothing half-written is left behind."""
    source, target = options.input, options.output
    if target.suffix != ".safetensors":
        raise ModelError(f"The output {target} should have a name that ends in .safetensors.")
    if target.exists() and source.exists() and target.samefile(source):
        raise ModelError(f"The output {target} is the input itself; choose another name.")
    if not target.parent.is_dir():
        raise ModelError(f"The folder {target.parent} does not exist; create it or choose another.")
    model = load(source)
    given = {key: getattr(options, key) for key in ("name", "licence", "source") if getattr(options, key)}
    if options.preset is not None:
        given["preset"] = read_preset(options.preset)
    model.metadata = dataclasses.replace(model.metadata, **given)
    save(model, target, torch.float16 if options.half else torch.float32)
    print(f"{target} written: {target.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    sys.exit(main())
