// Words on a drawing that do not lie on one another.

const PAD = 4; // letters have a rim

export const clash = (a, b) => a.x < b.x + b.width + PAD && b.x < a.x + a.width + PAD && a.y < b.y + b.height + PAD && b.y < a.y + a.height + PAD;
const inside = (a, whole) => a.x >= 0 && a.y >= 0 && a.x + a.width <= whole.width && a.y + a.height <= whole.height;

// For each of several words the first of its places that is free and within the drawing; null where none is. Whoever
// comes first is placed first. A place is {x, y, width, height}, whatever else it bears comes back with it.
export function apart(wishes, whole) {
  const taken = [];
  return wishes.map((places) => {
    const free = places.find((place) => inside(place, whole) && !taken.some((other) => clash(place, other))) || null;
    if (free) taken.push(free);
    return free;
  });
}
