"""Model files of other programs: recognised by what they hold, and named when they are refused."""

from __future__ import annotations

import re
from collections.abc import Iterable

from ..errors import ModelError

STYLEGAN1 = "a StyleGAN1 network"
STYLEGAN3 = "a StyleGAN3 network"
STYLEGAN_XL = "a StyleGAN-XL network"
PROGAN = "a ProGAN network"
DIFFUSION = "a part of a diffusion model"
LORA = "a LoRA, an addition to a diffusion model"
MMGEN = "a checkpoint of MMGeneration"
GENFORCE = "a checkpoint of genforce"
OPTIMISER = "the state of an optimiser"
WHOLE_MODULE = "a whole pickled PyTorch module (PTI's, perhaps)"
BARE_WEIGHTS = "a plain state dict, weights that do not say what they belong to"
NO_AVERAGE = "a training snapshot without g_ema, the averaged generator"

_ADVICE = "choose a StyleGAN2 model of the same subject"
_OTHER_ADVICE = {
    MMGEN: "choose the same model in NVIDIA's or rosinality's format",
    GENFORCE: "choose the same model in NVIDIA's or rosinality's format",
    OPTIMISER: "choose the generator's file beside it",
    WHOLE_MODULE: "choose the .pkl that it was made from",
    BARE_WEIGHTS: "choose the checkpoint that they were taken from",
    NO_AVERAGE: "choose a snapshot that has it",
}

# What a pickle names is enough to tell some programs; the first fitting line counts.
_PROGRAMS = {
    "tfutil.": PROGAN,
    "pg_modules.": STYLEGAN_XL,
    "timm.": STYLEGAN_XL,
    "pytorch_lightning.": DIFFUSION,
    "lightning_fabric.": DIFFUSION,
    "ldm.": DIFFUSION,
    "diffusers.": DIFFUSION,
    "transformers.": DIFFUSION,
    "mmcv.": MMGEN,
    "mmengine.": MMGEN,
    "torch.optim.": OPTIMISER,
    "torch.nn.": WHOLE_MODULE,
    "__torch__.": "a TorchScript program",
    "model.": WHOLE_MODULE,
    "models.": WHOLE_MODULE,
    "__main__.": WHOLE_MODULE,
    "training.networks": WHOLE_MODULE,
}

# The same for the names of tensors and of the dictionaries around them.
_TENSORS = (
    (r"^(state_dict\.)?generator_ema\.|style_mapping\.", MMGEN),
    (r"^generator_smooth", GENFORCE),
    (r"lora_(up|down|a|b|mid)\b|(^|\.)lora_|\.lora\.", LORA),
    (r"diffusion_model\.|first_stage_model|cond_stage_model|text_model\.|time_embed", DIFFUSION),
    (
        r"(^|\.)(down|up|mid|double|single|transformer|joint)_blocks?\.|(^|\.)(quant_conv|x_embedder|img_in)\.",
        DIFFUSION,
    ),
    (r"mapping\.embed_proj\.|(^|\.)superres", STYLEGAN_XL),
    (r"(^|\.)l\d+_\d+_\d+\.|synthesis\.input\.(freqs|affine)", STYLEGAN3),
    (r"stylemod|style_mod\.|adain|g_synthesis|\.epi\d|(^|\.)g_mapping", STYLEGAN1),
    (r"progression\.|torgblayers|scalelayers|torgb_lod|fromrgb_lod|lod_layer", PROGAN),
)
_MAX_NAMES = 50_000


def other_model(path: str, kind: str, detail: str = "") -> ModelError:
    """The refusal of a file of another kind, in one sentence.

    Args:
        path: the file.
        kind: one of the kinds above, or another thing with its article.
        detail: what tells that it is one.
    """
    why = f" ({detail})" if detail else ""
    advice = _OTHER_ADVICE.get(kind, _ADVICE)
    return ModelError(f"The file {path} holds {kind}{why}; this program drags StyleGAN2 networks: {advice}.")


def program_of(name: str, path: str) -> ModelError | None:
    """The refusal of a pickle that names something of another program; None when the name tells nothing."""
    return next((other_model(path, kind) for start, kind in _PROGRAMS.items() if name.startswith(start)), None)


def kind_of(names: Iterable[str]) -> str | None:
    """The kind of model whose tensors have such names; None when they tell nothing."""
    text = "\n".join(name[:200] for name, _ in zip(names, range(_MAX_NAMES), strict=False)).lower()
    return next((kind for pattern, kind in _TENSORS if re.search(pattern, text, re.MULTILINE)), None)


def no_checkpoint(path: str) -> ModelError:
    """The refusal of a file that nothing is known about."""
    return ModelError(f"The file {path} is not a StyleGAN2 checkpoint; choose a .safetensors, .pkl or .pt file.")
