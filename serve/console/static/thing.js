// A thing left behind: what it is called, and how its state is told.

import { h } from "./dom.js";
import { t } from "./words.js";

// What a detector takes it for, where it takes it for anything.
export const called = (data) => (data.known_as ? t(`thing.${data.known_as}`) : t("thing"));

export const stateOf = ({ state, data }) => h(`span.pill.${state}`, data.outcome ? t(`outcome.${data.outcome}`) : t(`state.${state}`));
