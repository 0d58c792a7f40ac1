"""What lies between a plate and the pixels of a camera: distance, motion, light, noise, compression."""

from __future__ import annotations

import io
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

Picture = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Wear:
    """How hard pictures are made; each value is the most, what happens is drawn below it.

    Attributes:
        blur_px: Radius of defocus.
        motion_px: Length of motion blur.
        dark: Share of pictures at night.
        noise: Standard deviation of the sensor's noise, 0 to 255.
        jpeg: Least and greatest JPEG quality.
        glare: Share of pictures with a patch of light.
    """

    blur_px: float = 1.3
    motion_px: float = 4.0
    dark: float = 0.2
    noise: float = 9.0
    jpeg: tuple[int, int] = (35, 95)
    glare: float = 0.05


def worn(picture: Picture, rng: np.random.Generator, wear: Wear) -> Picture:
    """The picture as a camera might deliver it; ``(h, w, 3)`` uint8 RGB in and out."""
    image = Image.fromarray(picture)
    image = image.filter(ImageFilter.GaussianBlur(float(rng.uniform(0, wear.blur_px)) * (rng.random() < 0.7)))
    values = np.asarray(image, np.float32)
    if rng.random() < 0.3:
        values = _moved(values, rng, wear.motion_px)
    values = _lit(values, rng, wear)
    values += rng.standard_normal(values.shape, np.float32) * np.float32(rng.uniform(0.5, wear.noise))
    return compressed(np.clip(values, 0, 255).astype(np.uint8), int(rng.integers(*wear.jpeg)))


def compressed(picture: Picture, quality: int) -> Picture:
    """Through JPEG and back."""
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, "JPEG", quality=quality)
    return np.asarray(Image.open(buffer))


def _moved(values: NDArray[np.float32], rng: np.random.Generator, most_px: float) -> NDArray[np.float32]:
    """Smeared along a line."""
    length, angle = rng.uniform(1, most_px), rng.normal(0, 0.5)
    steps = max(2, round(length * 1.5))
    out = np.zeros_like(values)
    for share in np.linspace(-0.5, 0.5, steps):
        dx, dy = round(share * length * np.cos(angle)), round(share * length * np.sin(angle))
        out += np.roll(values, (dy, dx), (0, 1))
    return out / np.float32(steps)


def _lit(values: NDArray[np.float32], rng: np.random.Generator, wear: Wear) -> NDArray[np.float32]:
    gain = float(np.exp(rng.uniform(-0.5, 0.35)))
    if rng.random() < wear.dark:
        gain *= float(rng.uniform(0.12, 0.5))
    gamma = float(np.exp(rng.uniform(-0.3, 0.3)))
    tint = np.exp(rng.uniform(-0.1, 0.1, 3)).astype(np.float32)
    if rng.random() < 0.08:
        values = np.repeat(values.mean(2, keepdims=True), 3, 2)
    curved = (np.clip(values, 0, 255) / 255) ** gamma * gain * tint
    values = np.asarray(255 * curved, np.float32)
    values = values + np.float32(rng.uniform(-5, 25) * (rng.random() < 0.4))  # haze
    if rng.random() < wear.glare:
        height, width = values.shape[:2]
        y, x = np.mgrid[:height, :width].astype(np.float32)
        cx, cy, r = rng.uniform(0, width), rng.uniform(0, height), rng.uniform(0.05, 0.25) * width
        patch = np.exp(-((x - cx) ** 2 + (y - cy) ** 2) / (2 * r * r))[..., None]
        values = values + np.float32(rng.uniform(60, 230)) * patch
    return np.asarray(values, np.float32)
