// Nothing here is needed to read a page. It lets a digest be copied whole, and opens what an address points into.
"use strict";

function copyable(code) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "copy";
  button.textContent = "Copy";
  button.setAttribute("aria-label", "Copy " + code.dataset.copy.slice(0, 19));
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(code.dataset.copy);
      button.textContent = "Copied";
    } catch {
      button.textContent = "Not allowed here";
    }
    setTimeout(() => (button.textContent = "Copy"), 2000);
  });
  code.after(button);
}

if (navigator.clipboard) {
  document.querySelectorAll("dl.facts code[data-copy]").forEach(copyable);
}

function openTarget() {
  const target = location.hash.length > 1 && document.getElementById(decodeURIComponent(location.hash.slice(1)));
  for (let part = target; part; part = part.parentElement) {
    if (part instanceof HTMLDetailsElement) part.open = true;
  }
}
addEventListener("hashchange", openTarget);
openTarget();
