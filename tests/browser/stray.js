// The body of a function of a window's width that names what is cut off on a page, or lies upon other things.
// Tables within what scrolls by itself may be wider than the window. (A phone shrinks a page that is too wide
// until it fits, so that innerWidth is no measure.)
const problems = [], [width] = arguments;
const wide = Math.max(document.documentElement.scrollWidth, innerWidth);
if (wide > width) problems.push(`the page is ${wide} wide, the window ${width}`);
const named = (one) => `${one.tagName} '${one.textContent.slice(0, 30)}'`;
for (const one of document.querySelectorAll("main *, header *, footer *")) {
  const box = one.getBoundingClientRect();
  if (!box.width || one.closest(".wide, pre, svg, .tip")) continue;
  if (box.right > width + 1 || box.left < -1) problems.push(`${named(one)} sticks out`);
}
const overlap = (a, b) => Math.min(a.right, b.right) - Math.max(a.left, b.left) > 1 &&
  Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) > 1;
for (const row of document.querySelectorAll(".forest .row:not(.axis)")) {
  const boxes = [".name", ".strip", ".text"].map((name) => row.querySelector(name).getBoundingClientRect());
  if (boxes.some((a, i) => boxes.slice(i + 1).some((b) => overlap(a, b)))) {
    problems.push(`${named(row)} lies upon itself`);
  }
}
return problems;
