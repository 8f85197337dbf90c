// The body of a function that names texts whose contrast to what they stand on is below 4.5, the least that
// WCAG 2.1 asks for (1.4.3, by the relative luminance it defines).
const part = (v) => (v / 255 <= 0.03928 ? v / 255 / 12.92 : ((v / 255 + 0.055) / 1.055) ** 2.4);
const luminance = ([r, g, b]) => 0.2126 * part(r) + 0.7152 * part(g) + 0.0722 * part(b);
const numbers = (text) => text.match(/[\d.]+/g).map(Number);

// The colour behind an element: that of the nearest one around it that is not seen through.
function ground(one) {
  const colour = numbers(getComputedStyle(one).backgroundColor);
  return colour.length === 3 || colour[3] === 1 ? colour : ground(one.parentElement);
}

const problems = [];
for (const one of document.querySelectorAll("main *, header *, footer *")) {
  const speaks = [...one.childNodes].some((node) => node.nodeType === Node.TEXT_NODE && node.data.trim());
  if (!speaks || !one.getBoundingClientRect().width) continue;
  const style = getComputedStyle(one);
  const pair = [luminance(numbers(one instanceof SVGElement ? style.fill : style.color)), luminance(ground(one))];
  const ratio = (Math.max(...pair) + 0.05) / (Math.min(...pair) + 0.05);
  if (ratio < 4.5) problems.push(`${one.tagName} '${one.textContent.slice(0, 30)}' has ${ratio.toFixed(2)}`);
}
return problems;
