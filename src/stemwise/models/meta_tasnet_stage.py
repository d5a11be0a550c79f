"""One of Meta-TasNet's stages: encoder, masking network and decoder at one rate."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from stemwise.models.meta_tasnet_codec import Decoder, Encoder
from stemwise.models.meta_tasnet_masker import Masker

if TYPE_CHECKING:
    from stemwise.models.meta_tasnet import MetaTasNetConfig


@dataclass(frozen=True)
class Masked:
    """What a stage makes of a mixture.

    Attributes:
        latent: of the mixture.
        masks: of the stems; they sum to one.
        latents: masked, of the stems: what the decoder and the next stage get.
    """

    latent: Float[Tensor, "b d n"]
    masks: Float[Tensor, "b s d n"]
    latents: Float[Tensor, "b s d n"]


class Stage(nn.Module):
    """One rate's encoder, masking network and decoder, with the stems' embeddings.

    Args:
        config: of the network.
        number: of the stage.
    """

    def __init__(self, config: MetaTasNetConfig, number: int) -> None:
        super().__init__()
        self.stems, self.recompute = len(config.stems), False
        self.encoder, self.decoder = Encoder(config, number), Decoder(config, number)
        self.mask = Masker(config, number)
        self.instrument_embedding, self.trunk = None, None
        if config.weights != "independent":
            self.instrument_embedding = nn.Embedding(self.stems, config.embedding)
        if config.weights == "trunk":
            self.trunk = nn.Linear(config.embedding, config.generator)

    def forward(self, audio: Float[Tensor, "b t"], before: Float[Tensor, "b s p n"] | None) -> Masked:
        """Return a stage's masks and masked latents.

        Args:
            audio: mixtures at the stage's rate.
            before: masked latents of the stage before.
        """
        latent = self.encode(audio)
        masks = self.mask(latent, before, self._embedding(), self.stems)
        return Masked(latent, masks, latent[:, None] * masks)

    def masked_latents(
        self, audio: Float[Tensor, "b t"], before: Float[Tensor, "b s p n"] | None
    ) -> Float[Tensor, "b s d n"]:
        """Return the masked latents alone; without gradients they take the masks' place in memory."""
        if torch.is_grad_enabled():
            return self(audio, before).latents
        latent = self.encode(audio)
        return self.mask(latent, before, self._embedding(), self.stems).mul_(latent[:, None])

    def encode(self, audio: Float[Tensor, "b t"]) -> Float[Tensor, "b d n"]:
        """Return the latent frames of audio at the stage's rate."""
        if self.recompute and torch.is_grad_enabled():
            return checkpoint(self.encoder, audio, use_reentrant=False)
        return self.encoder(audio)

    def decode(self, latents: Float[Tensor, "*b d n"]) -> Float[Tensor, "*b t"]:
        """Return the audio of latent frames."""
        flat = latents.reshape(-1, *latents.shape[-2:])
        if self.recompute and torch.is_grad_enabled():
            audio = checkpoint(self.decoder, flat, use_reentrant=False)
        else:
            audio = self.decoder(flat)
        return audio.reshape(*latents.shape[:-2], audio.shape[-1])

    def _embedding(self) -> Float[Tensor, "s e"] | None:
        if self.instrument_embedding is None:
            return None
        weight = self.instrument_embedding.weight
        return weight if self.trunk is None else self.trunk(weight)
