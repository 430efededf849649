"""From a detector's outputs to what it found: which decoder reads which outputs."""

from __future__ import annotations

from typing import Any, Protocol

from saccade.agreement.detections import Detections
from saccade.agreement.difference import described
from saccade.errors import MetricError
from saccade.graph import Registry


class Decoder(Protocol):
    """Reads the outputs of one kind of detector."""

    def recognises(self, outputs: Any) -> bool:
        """Returns whether outputs look like those of such a detector, by their shapes and ranges."""

    def decode(self, outputs: Any) -> list[Detections]:
        """Returns what was found in each picture of the batch.

        Args:
            outputs: as the model returns them.
        """


decoders: Registry[Decoder] = Registry("decoder")


def find_decoder(outputs: Any) -> Decoder | None:
    """Returns the decoder that recognises a detector's outputs, or None."""
    return next((decoder for name in decoders if (decoder := decoders.get(name)).recognises(outputs)), None)


def decode(outputs: Any, decoder: str = "") -> list[Detections]:
    """Returns what a detector found in each picture of its batch.

    Args:
        outputs: as the model returns them.
        decoder: a decoder's name; "" for the one that recognises the outputs.

    Raises:
        RegistryError: when there is no decoder of that name.
        MetricError: when the decoder does not read such outputs, or none does.
    """
    if decoder:
        chosen = decoders.get(decoder)
        if not chosen.recognises(outputs):
            raise MetricError(f"the decoder {decoder!r} does not read what the model gave: {described(outputs)}")
        return chosen.decode(outputs)
    found = find_decoder(outputs)
    if found is None:
        raise MetricError(
            f"no decoder reads boxes from what the model gave: {described(outputs)}; known: "
            f"{', '.join(decoders.names())}. Choose the metric raw, or write one: module:function"
        )
    return found.decode(outputs)
