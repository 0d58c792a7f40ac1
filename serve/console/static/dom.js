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

export function fill(element, ...children) {
  element.replaceChildren(...children.flat(3).filter(Boolean));
  return element;
}

let quiet;
export function say(text, bad = false) {
  const place = document.getElementById("said");
  fill(place, h(bad ? "p.bad" : "p", text));
  clearTimeout(quiet);
  quiet = setTimeout(() => fill(place), bad ? 9000 : 4000);
}
