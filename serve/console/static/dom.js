// Elements from descriptions: h("p.note", {onclick}, "text", child). Text is always text, never markup.

const SVG = "http://www.w3.org/2000/svg";

function build(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "style") for (const [key, v] of Object.entries(value)) element.style.setProperty(key, v);
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat(3).filter((c) => c !== null && c !== undefined && c !== false));
  return element;
}

function described(tag) {
  const [name, ...classes] = tag.split(".");
  return [name || "div", classes.join(" ")];
}

export function h(tag, ...rest) {
  const [name, classes] = described(tag);
  const plain = rest[0] && Object.getPrototypeOf(rest[0]) === Object.prototype;
  const element = document.createElement(name);
  if (classes) element.className = classes;
  return build(element, plain ? rest[0] : {}, plain ? rest.slice(1) : rest);
}

export function s(tag, attributes = {}, ...children) {
  const [name, classes] = described(tag);
  const element = document.createElementNS(SVG, name);
  if (classes) element.setAttribute("class", classes);
  return build(element, attributes, children);
}

// What is focused is found again by where it leads, or by what it says within its `data-key`: a button outside of one
// would be found at the next in line, which nobody meant.
const links = (element) => [...element.querySelectorAll("a[href],button")];
function nameOf(element) {
  const key = element.closest("[data-key]")?.dataset.key;
  const href = element.getAttribute("href");
  return href || key ? `${key} ${href || element.textContent}` : null;
}

// Puts children in place of others. Whoever goes by keys stays where they are.
export function fill(element, ...children) {
  const held = links(element).find((each) => each === document.activeElement);
  const name = held && nameOf(held);
  const alike = () => links(element).filter((each) => nameOf(each) === name);
  const nth = name ? alike().indexOf(held) : -1;
  element.replaceChildren(...children.flat(3).filter(Boolean));
  if (name && document.activeElement !== held) (element.contains(held) ? held : alike()[nth])?.focus({ preventScroll: true });
  return element;
}

let quiet;
export function say(text, bad = false) {
  const place = document.getElementById("said");
  fill(place, h(bad ? "p.bad" : "p", text));
  clearTimeout(quiet);
  quiet = setTimeout(() => fill(place), bad ? 9000 : 4000);
}
