// A list that comes in pages, each behind the one before.

import { fill, h } from "./dom.js";
import { t } from "./words.js";

// `ask(cursor)` answers a page, {items, next}; "" asks for the first, and a `next` that is null or empty ends the list.
// `row` makes an item's element; `none` is what stands in `place` where there are no items. Whoever asks last is answered:
// what comes later to an earlier question is let go of.
export function paged(place, ask, row, none) {
  const more = h("button", { hidden: true, onclick: further }, t("more"));
  const nothing = { items: [], next: "", pages: 0 };
  let shown = nothing;
  let wanted = 1; // pages
  let turn = 0;
  let busy = false; // a second press is none
  let anew = false; // it is read anew ...
  let due = false; // ... and once more then

  async function go(from, pages) {
    const mine = ++turn;
    wanted = pages;
    busy = true;
    let found = from;
    try {
      while (found.pages < pages && (found.next || !found.pages)) {
        const page = await ask(found.next);
        if (mine !== turn) return;
        found = { items: [...found.items, ...page.items], next: page.next, pages: found.pages + 1 };
      }
    } finally {
      if (mine === turn) busy = false;
    }
    shown = found;
    fill(place, shown.items.length ? shown.items.map(row) : none());
    more.hidden = !shown.next;
  }

  // What changes while it is read anew is read then: a list that is begun again each time is never drawn.
  async function again() {
    due = true;
    if (anew) return;
    anew = true;
    try {
      while (due) {
        due = false;
        await go(nothing, wanted).catch((error) => { if (!due) throw error; });
      }
    } finally {
      anew = false;
    }
  }

  function further() {
    if (!busy) return go(shown, shown.pages + 1);
    if (!anew) return;
    wanted = shown.pages + 1;
    due = true;
  }

  return {
    more,
    begin: () => go(nothing, 1), // where something else is asked for
    again, // where it may have changed: as many pages as there were
  };
}
