// The body of a function that names what is cut off on a page, or lies upon other things. Tables within what
// scrolls by itself may be wider than the window.
const problems = [];
const wide = document.documentElement.scrollWidth;
if (wide > innerWidth) problems.push(`the page is ${wide} wide, the window ${innerWidth}`);
const named = (one) => `${one.tagName} '${one.textContent.slice(0, 30)}'`;
for (const one of document.querySelectorAll("main *, header *, footer *")) {
  const box = one.getBoundingClientRect();
  if (!box.width || one.closest(".wide, pre, svg, .tip")) continue;
  if (box.right > innerWidth + 1 || box.left < -1) problems.push(`${named(one)} sticks out`);
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
