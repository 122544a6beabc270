"""Ray casting of a room with one object, in numpy.

Camera and room were read off pictures of Shapes3D: field of view 45 degrees, the room's half-width as the unit, a
level camera that circles the object. Coordinates: x right, y up, z towards the camera at 0 degrees.
"""

from __future__ import annotations

import numpy as np

__all__ = ["draw_layers"]

VIEW = np.tan(np.deg2rad(45) / 2)
DISTANCE, EYE = 0.68, 0.174
WALL_HEIGHT = 0.49
CUBE, CYLINDER, SPHERE, CAPSULE = 0.086, 0.097, 0.103, 0.0755  # half edge or radius at scale 1
CYLINDER_HEIGHT, CAPSULE_HEIGHT = 0.19, 0.32
SIDE_WALL = 0.62  # brightness of the walls left and right, against the far wall's
AMBIENT, FRONTAL, DIFFUSE = 0.55, 0.35, 0.30  # light from everywhere, from the camera, and from the lamp
LIGHT = np.array([-0.42, 1.0, 0.30])  # towards the light, seen from the camera: shadows fall to the right
LIGHT /= np.linalg.norm(LIGHT)
SHADOW = 0.30
FLOOR, WALL, OBJECT, SKY = range(4)


def draw_layers(scale: float, shape: int, angle: float, rays: int) -> np.ndarray:
    """Return the weights of four colour layers: float32 (4, rays, rays), each 0..1, for floor, wall, object and sky.

    Parameters
    ----------
    scale : float
        Of the object; 1 is the size of the constants above.
    shape : int
        0 cube, 1 cylinder, 2 sphere, 3 capsule.
    angle : float
        Of the camera around the object, in radians.
    rays : int
        Per side of the picture.
    """
    eye, directions = _camera(angle, rays)
    light, towards_eye = _turn(LIGHT, angle), _turn(np.array([0.0, 0.0, 1.0]), angle)
    to_object, normal = _hit(shape, scale, eye, directions)
    to_floor = np.where(directions[1] < 0, -eye[1] / np.minimum(directions[1], -1e-9), np.inf)
    to_wall, wall_light = _hit_walls(eye, directions)
    nearest = np.minimum(np.minimum(to_object, to_floor), to_wall)
    layers = np.zeros((4, rays * rays), dtype=np.float32)
    layers[OBJECT] = np.where(to_object <= nearest, _shade(normal, light, towards_eye), 0)
    layers[WALL] = np.where((to_wall <= nearest) & (to_wall < to_object), wall_light, 0)
    ground = (to_floor < to_wall) & (to_floor < to_object)
    points = eye[:, None] + directions[:, ground] * to_floor[ground]
    blocked, _ = _hit(shape, scale, points, np.broadcast_to(light[:, None], points.shape))
    layers[FLOOR, ground] = np.where(np.isfinite(blocked), SHADOW, 1.0)
    missed = ~np.isfinite(nearest)
    layers[:, missed] = 0
    layers[SKY, missed] = 1
    return layers.reshape(4, rays, rays)


def _camera(angle: float, rays: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the position (3,) and one direction per pixel (3, rays * rays); depth along the axis of view is 1."""
    across = ((np.arange(rays) + 0.5) / rays * 2 - 1) * VIEW
    x, y = np.meshgrid(across, -across)
    directions = np.stack([x.ravel(), y.ravel(), -np.ones(x.size)])
    eye = _turn(np.array([0.0, EYE, DISTANCE]), angle)
    return eye, _turn(directions, angle)


def _turn(vectors: np.ndarray, angle: float) -> np.ndarray:
    """Rotate (3, ...) around the vertical axis."""
    cos, sin = np.cos(angle), np.sin(angle)
    x, y, z = vectors
    return np.stack([cos * x + sin * z, y, -sin * x + cos * z])


def _shade(normal: np.ndarray, light: np.ndarray, towards_eye: np.ndarray) -> np.ndarray:
    """Return the brightness 0..1 of a matt surface with `normal` (3, k)."""
    lit = FRONTAL * np.clip(towards_eye @ normal, 0, None) + DIFFUSE * np.clip(light @ normal, 0, None)
    return np.clip(AMBIENT + lit, 0, 1)


def _hit_walls(eye: np.ndarray, directions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the distance to, and brightness of, the far wall and the walls left and right."""
    best, light = np.full(directions.shape[1], np.inf), np.zeros(directions.shape[1])
    for axis, place, brightness in ((2, -1.0, 1.0), (0, -1.0, SIDE_WALL), (0, 1.0, SIDE_WALL)):
        with np.errstate(divide="ignore", invalid="ignore"):
            t = (place - eye[axis]) / directions[axis]
        other = 2 - axis
        along, height = eye[other] + t * directions[other], eye[1] + t * directions[1]
        hit = (t > 0) & (t < best) & (np.abs(along) <= 1) & (height >= 0) & (height <= WALL_HEIGHT)
        best, light = np.where(hit, t, best), np.where(hit, brightness, light)
    return best, light


def _hit(shape: int, scale: float, origin: np.ndarray, directions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return distance (k,), inf where missed, and outward normal (3, k), for rays from `origin`, (3,) or (3, k)."""
    start = np.broadcast_to(origin[:, None] if origin.ndim == 1 else origin, directions.shape)
    if shape == 0:
        return _hit_cube(start, directions, CUBE * scale)
    if shape == 1:
        return _hit_cylinder(start, directions, CYLINDER * scale, 0.0, CYLINDER_HEIGHT * scale, capped=True)
    if shape == 2:
        return _hit_sphere(start, directions, SPHERE * scale, SPHERE * scale)
    return _hit_capsule(start, directions, CAPSULE * scale, CAPSULE_HEIGHT * scale)


def _hit_cube(start: np.ndarray, directions: np.ndarray, half: float) -> tuple[np.ndarray, np.ndarray]:
    centre = np.array([0.0, half, 0.0])[:, None]
    safe = np.where(np.abs(directions) < 1e-12, 1e-12, directions)
    near = (centre - np.sign(safe) * half - start) / safe  # slabs: entry into each pair of planes
    far = (centre + np.sign(safe) * half - start) / safe
    enter, leave = near.max(axis=0), far.min(axis=0)
    normal = np.where(np.arange(3)[:, None] == near.argmax(axis=0), -np.sign(safe), 0)
    return np.where((enter <= leave) & (leave > 1e-6), np.maximum(enter, 1e-6), np.inf), normal


def _hit_sphere(
    start: np.ndarray, directions: np.ndarray, radius: float, height: float
) -> tuple[np.ndarray, np.ndarray]:
    to_start = start - np.array([0.0, height, 0.0])[:, None]
    t = _root((directions**2).sum(0), (to_start * directions).sum(0), (to_start**2).sum(0) - radius**2)
    return t, (to_start + directions * _finite(t)) / radius


def _hit_cylinder(
    start: np.ndarray, directions: np.ndarray, radius: float, low: float, high: float, *, capped: bool
) -> tuple[np.ndarray, np.ndarray]:
    flat, along = start[[0, 2]], directions[[0, 2]]
    side = _root((along**2).sum(0), (flat * along).sum(0), (flat**2).sum(0) - radius**2)
    y = start[1] + _finite(side) * directions[1]
    side = np.where((y >= low) & (y <= high), side, np.inf)
    point = start + directions * _finite(side)
    normal = point * np.array([1.0, 0.0, 1.0])[:, None] / radius
    if not capped:
        return side, normal
    with np.errstate(divide="ignore", invalid="ignore"):
        cap = (high - start[1]) / directions[1]
    on_cap = (cap > 1e-6) & (((flat + along * _finite(cap)) ** 2).sum(0) <= radius**2)
    cap = np.where(on_cap, cap, np.inf)
    normal = np.where(cap < side, np.array([0.0, 1.0, 0.0])[:, None], normal)
    return np.minimum(cap, side), normal


def _hit_capsule(
    start: np.ndarray, directions: np.ndarray, radius: float, height: float
) -> tuple[np.ndarray, np.ndarray]:
    low, high = radius, height - radius
    hits = [
        _hit_cylinder(start, directions, radius, low, high, capped=False),
        _hit_sphere(start, directions, radius, low),
        _hit_sphere(start, directions, radius, high),
    ]
    distance, normal = hits[0]
    for t, n in hits[1:]:
        distance, normal = np.minimum(distance, t), np.where(t < distance, n, normal)
    return distance, normal


def _root(a: np.ndarray, half_b: np.ndarray, c: np.ndarray) -> np.ndarray:
    """Return the nearer root in front of the origin of a t^2 + 2 half_b t + c = 0, or inf."""
    square = half_b**2 - a * c
    with np.errstate(divide="ignore", invalid="ignore"):
        t = (-half_b - np.sqrt(np.maximum(square, 0))) / a
    return np.where((square >= 0) & (t > 1e-6), t, np.inf)


def _finite(t: np.ndarray) -> np.ndarray:
    return np.where(np.isfinite(t), t, 0)
