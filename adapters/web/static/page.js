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

// A part of a page that changes while one looks: asked for again, and put in the place of what is shown. The sentence that a
// screen reader says is only touched if it is another one.
function again(part) {
  setTimeout(async () => {
    try {
      if (document.visibilityState === "visible") {
        const answer = await fetch(part.dataset.from, { headers: { Accept: "text/html" } });
        const text = answer.ok ? await answer.text() : "";
        const fresh = new DOMParser().parseFromString(text, "text/html").querySelector("[data-from]");
        if (fresh) replace(part, fresh);
      }
    } catch {
      // The server is away for now, and what is shown stays.
    }
    again(part);
  }, part.dataset.seconds * 1000);
}

function replace(part, fresh) {
  const [mine, its] = [part, fresh].map((one) => one.querySelector("[role=status]"));
  if (mine.textContent !== its.textContent) mine.textContent = its.textContent;
  const [shown, now] = [part, fresh].map((one) => one.querySelector(".again"));
  if (shown.innerHTML !== now.innerHTML) shown.replaceChildren(...now.childNodes);
  part.dataset.seconds = fresh.dataset.seconds;
}

document.querySelectorAll("[data-from]").forEach(again);
