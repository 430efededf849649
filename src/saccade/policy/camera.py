"""The camera's own motion: how far a picture has moved from one that is remembered."""

from __future__ import annotations

from dataclasses import dataclass

import torch

REDUCTION = 4
"""Pixels of the frame to a pixel of the reduced picture, each way."""
_BLOCK = 16
_ROW_STEP = 4
_FAINTEST = 0.03
_PEAKS = 3
_REACH = 3
_SCOUTS = 128
_FINALISTS = 4


@dataclass(frozen=True)
class Motion:
    """How far a picture moved.

    Attributes:
        y: what was in row r is now in row r + y.
        x: likewise for columns.
        agreement: mean fit of the landmarks once the motion is undone, 0..1: 1 where a landmark has kept its value, 0
            where it differs by as much as one pixel of motion would change it.
        landmarks: how many could be compared.
    """

    y: int
    x: int
    agreement: float
    landmarks: int


@dataclass(frozen=True, eq=False)
class Landmarks:
    """What is remembered of a picture, to tell later how far another one has moved.

    Attributes:
        size: (H, W) of the picture.
        rows, columns: the place of the sharpest edge in every fourth row of each block of 16 x 16 pixels, where
            there is one.
        values: of the picture there.
        edges: how much the value changes from there to the next pixel.
        spectrum: of the reduced picture.
    """

    size: tuple[int, int]
    rows: torch.Tensor
    columns: torch.Tensor
    values: torch.Tensor
    edges: torch.Tensor
    spectrum: torch.Tensor

    @classmethod
    def of(cls, picture: torch.Tensor) -> Landmarks:
        """Finds the landmarks of a frame (N, C, H, W); the middle channel, green, of the first image is used."""
        green = _green(picture)
        height, width = green.shape
        rows = columns = torch.empty(0, dtype=torch.long)
        edges = green.new_empty(0)
        blocks_down, blocks_across = (height - 1) // _BLOCK, (width - 1) // _BLOCK
        if blocks_down and blocks_across:
            lines = green[: blocks_down * _BLOCK : _ROW_STEP, : blocks_across * _BLOCK + 1]
            below = green[1 : blocks_down * _BLOCK + 1 : _ROW_STEP, : blocks_across * _BLOCK]
            steps = (below - lines[:, :-1]).abs_()
            steps = torch.maximum(steps, (lines[:, 1:] - lines[:, :-1]).abs_(), out=steps)
            blocks = steps.view(blocks_down, _BLOCK // _ROW_STEP, blocks_across, _BLOCK).transpose(1, 2)
            edges, places = blocks.flatten(2).flatten(0, 1).max(1)
            block = torch.arange(blocks_down * blocks_across)
            rows = block // blocks_across * _BLOCK + places // _BLOCK * _ROW_STEP
            columns = block % blocks_across * _BLOCK + places % _BLOCK
            sharp = edges > _FAINTEST * (lines.max() - lines.min())
            rows, columns, edges = rows[sharp], columns[sharp], edges[sharp]
        return cls((height, width), rows, columns, green[rows, columns], edges, _spectrum(_reduced(green)))


def estimate_motion(frame: torch.Tensor, landmarks: Landmarks, expected: tuple[int, int] | None = None) -> Motion:
    """Estimates a translation in whole pixels: phase correlation of reduced pictures, refined at the landmarks.

    Translations of up to about a third of the frame are found. A rotation, a zoom, or an object that fills the picture
    shows in a low agreement.

    Args:
        frame: (N, C, H, W), of the size of the picture that the landmarks are of.
        landmarks: of the remembered picture.
        expected: (y, x) that is likely, as a steady motion makes it; looked at besides what the correlation finds.

    Source: C. D. Kuglin and D. C. Hines, The phase correlation image alignment method, 1975.
    """
    green = _green(frame)
    starts = {(0, 0), *_peaks(_reduced(green), landmarks), *([expected] if expected else [])}
    around = range(-_REACH, _REACH + 1)
    shifts = torch.tensor(sorted({(y + down, x + right) for y, x in starts for down in around for right in around}))
    every = max(1, len(landmarks.rows) // _SCOUTS)
    scores, _, _ = _fits(green, landmarks, shifts, every)
    shifts = shifts[scores.topk(min(_FINALISTS, len(shifts))).indices]
    scores, fits, counts = _fits(green, landmarks, shifts, 1)
    best = int(scores.argmax())
    y, x = shifts[best].tolist()
    return Motion(y, x, float(fits[best]), int(counts[best]))


def _green(frame: torch.Tensor) -> torch.Tensor:
    return frame[0, frame.shape[1] // 2].float()


def _reduced(picture: torch.Tensor) -> torch.Tensor:
    """Returns the means of 4 x 4 pixels; rows and columns left over are left out."""
    height, width = (side // REDUCTION * REDUCTION for side in picture.shape)
    picture = picture[:height, :width]
    rows = torch.stack([picture[first::REDUCTION] for first in range(REDUCTION)]).sum(0)
    return torch.stack([rows[:, first::REDUCTION] for first in range(REDUCTION)]).sum(0) / REDUCTION**2


def _spectrum(reduced: torch.Tensor) -> torch.Tensor:
    if reduced.numel() == 0:
        return torch.empty(0)
    height, width = reduced.shape
    window = torch.hann_window(height)[:, None] * torch.hann_window(width)
    spectrum: torch.Tensor = torch.fft.rfft2((reduced - reduced.mean()) * window)
    return spectrum


def _peaks(reduced: torch.Tensor, landmarks: Landmarks) -> list[tuple[int, int]]:
    """Returns the likeliest translations, in pixels of the frame."""
    if reduced.numel() == 0:
        return []
    height, width = reduced.shape
    spectrum = _spectrum(reduced) * landmarks.spectrum.conj()
    surface = torch.fft.irfft2(spectrum / spectrum.abs().clamp(min=1e-12), s=(height, width))
    peaks: list[tuple[int, int]] = []
    for place in surface.flatten().topk(min(4 * _PEAKS, surface.numel())).indices.tolist():
        y, x = divmod(place, width)
        y, x = (y - height if y > height // 2 else y), (x - width if x > width // 2 else x)
        if all(max(abs(y - other[0]), abs(x - other[1])) > 1 for other in peaks):
            peaks.append((y, x))
    return [(y * REDUCTION, x * REDUCTION) for y, x in peaks[:_PEAKS]]


def _fits(
    green: torch.Tensor, landmarks: Landmarks, shifts: torch.Tensor, every: int
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Returns for each translation a score, the mean fit of the landmarks that stay in the picture, and their number.

    Args:
        green: (H, W).
        landmarks: of the remembered picture.
        shifts: (translations, 2).
        every: uses every n-th landmark.
    """
    height, width = green.shape
    rows = landmarks.rows[::every] + shifts[:, :1]
    columns = landmarks.columns[::every] + shifts[:, 1:]
    inside = (rows >= 0) & (rows < height) & (columns >= 0) & (columns < width)
    found = green.flatten()[rows.clamp_(0, height - 1).mul_(width).add_(columns.clamp_(0, width - 1))]
    fit = (1 - (found - landmarks.values[::every]).abs_() / landmarks.edges[::every]).clamp_(min=0) * inside
    counts = inside.sum(1)
    fits = fit.sum(1) / counts.clamp(min=1)
    # Few landmarks agree by chance more easily, and of equals the smallest motion is the likeliest.
    return fits * counts.sqrt() - 1e-6 * shifts.abs().sum(1), fits, counts
