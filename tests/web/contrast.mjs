// How well the texts of a page can be read: WCAG 2.2, success criterion 1.4.3 (AA).

const ENOUGH = 4.5;
const ENOUGH_WHEN_LARGE = 3;

/** The texts on a page with too little contrast, each as a line: element, text, ratio, colours. */
export async function unreadable(page) {
  const found = await page.evaluate(measure);
  return found
    .filter(({ ratio, large }) => ratio < (large ? ENOUGH_WHEN_LARGE : ENOUGH))
    .map(({ element, text, ratio, front, back }) => {
      const has = `${ratio.toFixed(2)}:1, rgb(${front.map(Math.round)}) on rgb(${back.map(Math.round)})`;
      return `${element} “${text}” has ${has}`;
    });
}

/** Runs in the page: every visible text with its contrast to what its ancestors paint behind it. */
function measure() {
  const LARGE_PIXELS = 24;
  const LARGE_BOLD_PIXELS = 18.66;
  const BOLD = 700;
  const WHITE = [255, 255, 255];
  const pixel = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true });

  // All notations of a colour, such as color(srgb …), as [red, green, blue, alpha].
  const read = (colour) => known.get(colour) ?? drawn(colour);
  const known = new Map();
  function drawn(colour) {
    pixel.clearRect(0, 0, 1, 1);
    pixel.fillStyle = colour;
    pixel.fillRect(0, 0, 1, 1);
    const [red, green, blue, alpha] = pixel.getImageData(0, 0, 1, 1).data;
    known.set(colour, [red, green, blue, alpha / 255]);
    return known.get(colour);
  }
  function over([red, green, blue, alpha], behind) {
    return [red, green, blue].map((part, at) => part * alpha + behind[at] * (1 - alpha));
  }
  function luminance(colour) {
    const [red, green, blue] = colour.map((part) =>
      part / 255 <= 0.04045 ? part / 255 / 12.92 : ((part / 255 + 0.055) / 1.055) ** 2.4,
    );
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  }
  function contrast(one, other) {
    const [dark, bright] = [luminance(one), luminance(other)].sort((a, b) => a - b);
    return (bright + 0.05) / (dark + 0.05);
  }
  // What an element may paint at a place: its colour, and over it each colour of a gradient. Of an
  // image nothing is known, so it may be both black and white.
  function grounds(style, behind) {
    const plain = over(read(style.backgroundColor), behind);
    const image = style.backgroundImage;
    if (image === "none") return [plain];
    if (image.includes("url(")) return [[0, 0, 0], WHITE];
    return image.match(/(?:rgba?|color)\([^)]*\)/g).map((stop) => over(read(stop), plain));
  }
  // Opacity fades a whole element, its text and its ground alike, into what is behind it.
  function painted([element, ...inner], colour, behind) {
    const style = getComputedStyle(element);
    return grounds(style, behind).flatMap((ground) => {
      const pairs = inner.length
        ? painted(inner, colour, ground)
        : [{ front: over(read(colour), ground), back: ground }];
      const faded = (inside) => over([...inside, +style.opacity], behind);
      return pairs.map(({ front, back }) => ({ front: faded(front), back: faded(back) }));
    });
  }
  function chain(element) {
    const found = [];
    for (let one = element; one; one = one.parentElement) found.unshift(one);
    return found;
  }
  function named(element) {
    const classes = [...element.classList].map((name) => `.${name}`).join("");
    return element.localName + classes;
  }
  function isSeen(element, box) {
    if (!element.checkVisibility({ visibilityProperty: true, opacityProperty: true })) return false;
    if (chain(element).some((one) => getComputedStyle(one).clipPath !== "none")) return false;
    return box.width > 0 && box.height > 0 && box.bottom > 0 && box.right > 0;
  }
  function weigh(element, text, colour, box) {
    // WCAG asks nothing of a control that cannot be used.
    if (element.closest(":disabled") || !isSeen(element, box)) return [];
    const { fontSize, fontWeight } = getComputedStyle(element);
    const size = parseFloat(fontSize);
    const large = size >= LARGE_PIXELS || (size >= LARGE_BOLD_PIXELS && +fontWeight >= BOLD);
    const path = chain(element);
    const [worst] = painted(path, colour, WHITE)
      .map((pair) => ({ ...pair, ratio: contrast(pair.front, pair.back) }))
      .sort((a, b) => a.ratio - b.ratio);
    const where = path.slice(-2).map(named).join(" > ");
    return [{ ...worst, element: where, text: text.trim().slice(0, 40), large }];
  }

  const found = [];
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) {
    const { currentNode: node } = texts;
    const element = node.parentElement;
    if (!node.data.trim() || element.closest("script, style, noscript, option")) continue;
    const range = document.createRange();
    range.selectNodeContents(node);
    const { color } = getComputedStyle(element);
    found.push(...weigh(element, node.data, color, range.getBoundingClientRect()));
  }
  for (const field of document.querySelectorAll("input:not([type=checkbox]), textarea, select")) {
    const shown = field.localName === "select" ? field.selectedOptions[0]?.text : field.value;
    const text = shown || field.placeholder;
    const { color } = getComputedStyle(field, shown ? null : "::placeholder");
    if (text) found.push(...weigh(field, text, color, field.getBoundingClientRect()));
  }
  return found;
}
