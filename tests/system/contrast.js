// The texts of a page whose colour stands out too little from what is behind them.
const parts = (text) => (text.match(/[\d.]+/g) || []).map(Number);
const light = ([r, g, b]) => {
  const [x, y, z] = [r, g, b].map((each) => (each / 255 <= 0.04045 ? each / 255 / 12.92 : ((each / 255 + 0.055) / 1.055) ** 2.4));
  return 0.2126 * x + 0.7152 * y + 0.0722 * z;
};
const ground = (element) => {
  for (let each = element; each; each = each.parentElement) {
    const [r, g, b, a] = parts(getComputedStyle(each).backgroundColor);
    if (a === undefined || a > 0.99) return [r, g, b];
  }
  return [255, 255, 255];
};
const found = [];
const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
while (walker.nextNode()) {
  const text = walker.currentNode.textContent.trim(), element = walker.currentNode.parentElement;
  const box = element.getBoundingClientRect();
  if (!text || box.width < 2 || box.right < 0 || element.closest("title, .hidden, .skip, script, option")) continue;
  const one = light(parts(getComputedStyle(element).color)), other = light(ground(element));
  const ratio = (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05);
  if (ratio < 4.5) found.push(text.slice(0, 40) + " " + ratio.toFixed(2));
}
return [...new Set(found)];
