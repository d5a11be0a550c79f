"""TUNe's encoders and SampleCNN with the weights that the parity vectors were made with."""

import re
from typing import Any

import torch
from recipes import torch_entry

from stemwise.models import CLMR_FAMILY
from stemwise.weights.tune import published_names


def ours(published: str) -> str:
    """Our name of a published class: `Tune5Tail32` is `tune-5tail-32`."""
    if published == "SampleCNN":
        return "sample-cnn"
    parts = re.fullmatch(r"Tune(\d(?:Cont|Expa|Tail)|[A-Z][a-z]+)([A-Z]\w*|\d+)?", published).groups()
    return "-".join(["tune", *(part.lower() for part in parts if part)])


def encoder(published: str, seed: int) -> Any:
    """An encoder in evaluation mode, every tensor drawn under its published name."""
    model = CLMR_FAMILY[ours(published)].build().eval()
    shapes = {name: tuple(value.shape) for name, value in model.state_dict().items()}
    names = published_names(model)
    state = {name: drawn(seed, names[name], shape) for name, shape in shapes.items()}
    model.load_state_dict(state, strict=True)
    return model


def drawn(seed: int, name: str, shape: tuple[int, ...]) -> torch.Tensor:
    return torch.from_numpy(torch_entry(seed, name, shape))


def tap(block: str) -> str | None:
    """Our tap of a published block; None for those that are no taps, the up-convolutions."""
    if found := re.fullmatch(r"conv(\d)", block):
        number = int(found[1])
        return f"down{number - 1}" if number <= 5 else f"up{9 - number}"
    if found := re.fullmatch(r"sequential\.(\d+)", block):
        return f"block{found[1]}"
    patterns = {r"deeperDown(\d)": ("down", 4), r"deeperUp(\d)": ("up", 3), r"convDown(\d)": ("tail", 0)}
    for pattern, (name, offset) in patterns.items():
        if found := re.fullmatch(pattern, block):
            return f"{name}{int(found[1]) + offset}"
    return None


def activations(model: Any, audio: torch.Tensor, blocks: list[str]) -> dict[str, torch.Tensor]:
    """What published blocks give: taps, and the up-convolutions' outputs by hooks."""
    taps = {block: tap(block) for block in blocks}
    modules = dict(model.named_modules())
    theirs = {theirs: name for name, theirs in published_names(model).items()}
    found: dict[str, torch.Tensor] = {}
    handles = []
    for block in (block for block, name in taps.items() if name is None):

        def note(_: Any, __: Any, output: torch.Tensor, block: str = block) -> None:
            found[block] = output

        module = modules[theirs[f"{block}.weight"].removesuffix(".weight")]
        handles.append(module.register_forward_hook(note))
    features = model.features(audio, tuple(name for name in taps.values() if name))
    for handle in handles:
        handle.remove()
    return found | {block: features[name] for block, name in taps.items() if name}
