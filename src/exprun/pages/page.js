// What all pages share: their data, the colour scheme, what is shown next to the pointer, and printing.
// The scripts of a page are joined to one module; names from other files are listed at the top of each.

const data = JSON.parse(document.getElementById("data").textContent);
const root = document.documentElement;
const tip = document.getElementById("tip");
const redraws = []; // functions that draw everything again, after a change of the colours or of the width
let printing = false;

/** A new element with text and attributes. Text is never parsed as HTML. */
function element(tag, text = "", attributes = {}) {
  const made = document.createElement(tag);
  made.textContent = text;
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  return made;
}

const prefersDark = matchMedia("(prefers-color-scheme: dark)");
const LIGHT_INKS = { ink: "#1b1f24", soft: "#55606b", line: "#e1e5ea", paper: "#ffffff" };
const DARK_INKS = { ink: "#e6e9ec", soft: "#a3adb8", line: "#333b44", paper: "#14181c" };

/** The colours of text, weaker text, lines and background in charts; prints are light. */
function inks() {
  const isDark = !printing && (root.dataset.theme ? root.dataset.theme === "dark" : prefersDark.matches);
  return isDark ? DARK_INKS : LIGHT_INKS;
}

function redraw() {
  for (const draw of redraws) draw();
}

/** Show lines of text at a place in the window; the first line is bold. */
function showTip(lines, x, y) {
  tip.replaceChildren(...lines.map((line, number) => element(number ? "div" : "b", line)));
  tip.hidden = false;
  const { width, height } = tip.getBoundingClientRect();
  tip.style.left = `${Math.max(8, Math.min(x + 14, innerWidth - width - 8))}px`;
  tip.style.top = `${y + 18 + height > innerHeight ? Math.max(8, y - height - 12) : y + 18}px`;
}

function hideTip() {
  tip.hidden = true;
}

/** A number as people write it: four significant digits, without trailing zeros. */
function number(value) {
  if (value === null || !Number.isFinite(value)) return "–";
  const size = Math.abs(value);
  return size && (size >= 1e5 || size < 1e-3) ? Number(value.toPrecision(3)).toExponential() : String(Number(value.toPrecision(4)));
}

// The colour scheme. Pages in a frame may have no storage; the choice then lasts as long as the page.
const theme = document.getElementById("theme");
function chooseTheme(value) {
  if (value) root.dataset.theme = value;
  else delete root.dataset.theme;
  theme.value = value;
}
try {
  chooseTheme(localStorage.getItem("exprun-theme") ?? "");
} catch {
  chooseTheme("");
}
theme.addEventListener("change", () => {
  chooseTheme(theme.value);
  try {
    localStorage.setItem("exprun-theme", theme.value);
  } catch {
    // nothing is kept
  }
  redraw();
});
prefersDark.addEventListener("change", redraw);
for (const part of document.querySelectorAll("[data-needs-script]")) part.hidden = false;
for (const button of document.querySelectorAll(".copy")) {
  button.addEventListener("click", async () => {
    const code = button.previousElementSibling;
    getSelection().selectAllChildren(code);
    try {
      await navigator.clipboard.writeText(code.textContent);
      button.textContent = "Copied";
    } catch {
      button.textContent = "Selected"; // a page in a frame may not write to the clipboard
    }
  });
}
let lastWidth = innerWidth;
addEventListener("resize", () => {
  if (innerWidth !== lastWidth && !printing) redraw(); // on phones, scrolling changes the height
  lastWidth = innerWidth;
});

// A print is light and shows all that is folded. Charts are drawn for the width of the paper.
const PRINT_WIDTH = 700; // CSS pixels: A4 without its margins
let folded = [];
addEventListener("beforeprint", () => {
  printing = true;
  hideTip();
  folded = [...document.querySelectorAll("details:not([open])")];
  for (const part of folded) part.open = true;
  redraw();
});
addEventListener("afterprint", () => {
  printing = false;
  for (const part of folded) part.open = false;
  redraw();
});
