// Galleries: a click on an image, or Enter, enlarges it; the arrow keys show its neighbours, and Escape closes.
// From page.js: element.

const LARGEST = 640; // CSS pixels of the longer side of an enlarged image
const enlarged = document.body.appendChild(element("dialog", "", { class: "enlarged", "aria-label": "Enlarged image" }));
let shownThumb = null;

/** Show an image of a gallery in the dialog, with its caption. */
function enlarge(thumb) {
  shownThumb = thumb;
  const small = thumb.firstElementChild;
  const style = getComputedStyle(small);
  const [width, height] = style.aspectRatio.split("/").map(Number);
  const most = Math.min(LARGEST, innerWidth - 64, (innerHeight - 180) * Math.max(1, width / height));
  const scale = most / Math.max(width, height);
  const large = element("div", "", { class: "picture", role: "img", "aria-label": thumb.nextElementSibling.textContent });
  large.style.cssText = `width:${Math.round(width * scale)}px;height:${Math.round(height * scale)}px`;
  for (const name of ["backgroundImage", "backgroundSize", "backgroundPosition", "imageRendering"]) large.style[name] = style[name];
  const lines = thumb.parentElement.querySelectorAll(".more-lines > span");
  const close = element("button", "Close", { type: "button", class: "plain" });
  close.addEventListener("click", () => enlarged.close());
  enlarged.replaceChildren(
    large,
    element("b", thumb.nextElementSibling.textContent),
    ...[...lines].map((line) => element("div", line.textContent, { class: "soft" })),
    close,
  );
  if (!enlarged.open) enlarged.showModal();
}

document.addEventListener("click", ({ target }) => {
  const thumb = target.closest?.(".thumb");
  if (thumb) enlarge(thumb);
  else if (target === enlarged) enlarged.close(); // the area around the dialog belongs to it
});
enlarged.addEventListener("keydown", (event) => {
  const step = { ArrowLeft: "previousElementSibling", ArrowRight: "nextElementSibling" }[event.key];
  const next = step && shownThumb.parentElement[step]?.querySelector(".thumb");
  if (!next) return;
  event.preventDefault();
  enlarge(next);
});
enlarged.addEventListener("close", () => shownThumb?.focus());
