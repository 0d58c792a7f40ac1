"""Small tileable textures, made by noise: their mean is near one, so that paint keeps its colour."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

SIZE = 256
PLAIN, ASPHALT, GRASS, PAVERS, WALL, LEAVES, WORN, ROOF = range(8)
"""Layers by number."""


def smooth_noise(rng: np.random.Generator, shape: tuple[int, int], scale: tuple[float, float]) -> Array:
    """Tileable Gaussian noise, ``shape``, zero mean and unit deviation, blurred over ``scale`` cells."""
    fy = np.fft.fftfreq(shape[0])[:, None] * scale[0]
    fx = np.fft.fftfreq(shape[1])[None, :] * scale[1]
    spectrum = np.fft.fft2(rng.standard_normal(shape)) * np.exp(-((fx**2 + fy**2) * 2 * np.pi**2))
    noise = np.fft.ifft2(spectrum).real
    noise -= noise.mean()
    return np.asarray(noise / max(float(noise.std()), 1e-9))


def layers(seed: int) -> NDArray[np.uint8]:
    """All layers, ``(8, SIZE, SIZE)`` uint8; 255 stands for a brightness of 1.25."""
    rng = np.random.default_rng((seed, 77))
    made = (_plain, _asphalt, _grass, _pavers, _wall, _leaves, _worn, _roof)
    stack = np.stack([make(rng) for make in made])
    return np.asarray(np.clip(stack / 1.25 * 255, 0, 255), np.uint8)


def _noise(rng: np.random.Generator, cells: float) -> Array:
    return smooth_noise(rng, (SIZE, SIZE), (cells, cells))


def _plain(rng: np.random.Generator) -> Array:
    return np.ones((SIZE, SIZE))


def _asphalt(rng: np.random.Generator) -> Array:
    stones = 0.10 * _noise(rng, 1.2) + 0.05 * _noise(rng, 0.3) + 0.04 * _noise(rng, 12)
    cracks = np.abs(_noise(rng, 14) + 0.4 * _noise(rng, 4)) < 0.018
    return np.asarray(1 + stones - 0.22 * cracks)


def _grass(rng: np.random.Generator) -> Array:
    return np.asarray(1 + 0.16 * _noise(rng, 1.5) + 0.12 * _noise(rng, 8) + 0.07 * _noise(rng, 30))


def _pavers(rng: np.random.Generator) -> Array:
    rows, columns = 8, 8
    height, width = SIZE // rows, SIZE // columns
    tones = 1 + 0.07 * rng.standard_normal((rows, columns))
    tile = np.kron(tones, np.ones((height, width)))
    v, u = np.mgrid[:SIZE, :SIZE]
    shifted = u + (v // height % 2) * (width // 2)
    joint = (v % height < 2) | (shifted % width < 2)
    for row in range(1, rows, 2):
        band = slice(row * height, (row + 1) * height)
        tile[band] = np.roll(tile[band], -width // 2, axis=1)
    return np.asarray(np.where(joint, 0.72, tile) + 0.04 * _noise(rng, 1.0))


def _wall(rng: np.random.Generator) -> Array:
    return np.asarray(1 + 0.03 * _noise(rng, 1.0) + 0.05 * smooth_noise(rng, (SIZE, SIZE), (40, 4)))


def _leaves(rng: np.random.Generator) -> Array:
    return np.asarray(1 + 0.22 * _noise(rng, 2.5) + 0.12 * _noise(rng, 9))


def _worn(rng: np.random.Generator) -> Array:
    holes = _noise(rng, 2.0) + 0.8 * _noise(rng, 10) > 1.9
    return np.asarray(1 + 0.05 * _noise(rng, 1.0) - 0.4 * holes)


def _roof(rng: np.random.Generator) -> Array:
    v = np.mgrid[:SIZE, :SIZE][0]
    return np.asarray(1 - 0.22 * (v % 16 < 3) + 0.05 * _noise(rng, 2.0))
