// What pages do more conveniently where scripts run. Every page works without this file.
"use strict";

// Buttons that copy the text beside them.
for (const place of document.querySelectorAll("[data-copy]")) {
  if (!navigator.clipboard) break;
  const button = document.createElement("button");
  button.type = "button";
  button.className = "plain little";
  button.textContent = "Copy";
  button.setAttribute("aria-label", "Copy: " + place.textContent.trim().slice(0, 60));
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(place.textContent.trim());
      button.textContent = "Copied";
    } catch {
      button.textContent = "Select the text";
    }
    setTimeout(() => { button.textContent = "Copy"; }, 2000);
  });
  place.after(button);
}

// Buttons that tick all boxes of one name, or none if all are ticked.
const choosing = (place) => {
  for (const button of place.querySelectorAll("[data-all]")) {
    button.hidden = false;
    button.addEventListener("click", () => {
      const boxes = [...document.querySelectorAll(`input[type=checkbox][name="${button.dataset.all}"]`)];
      const wanted = !boxes.every((each) => each.checked);
      for (const each of boxes) each.checked = wanted;
    });
  }
};
choosing(document);

// Parts of a page that are fetched anew: while a search is typed, and while a job runs.
const fetched = async (address, part) => {
  const answer = await fetch(address, { headers: { accept: "text/html" }, redirect: "error" });
  if (!answer.ok) return;
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  const fresh = page.getElementById(part.id);
  if (fresh && !part.contains(document.activeElement)) {
    part.replaceChildren(...fresh.childNodes);
    choosing(part);
  }
  return fresh;
};

for (const form of document.querySelectorAll("form[data-search]")) {
  const part = document.getElementById(form.dataset.search);
  let waiting = 0, latest = 0;
  form.addEventListener("input", () => {
    clearTimeout(waiting);
    waiting = setTimeout(async () => {
      const address = form.action.split("?")[0] + "?" + new URLSearchParams(new FormData(form));
      const mine = ++latest;
      try {
        if (mine === latest) await fetched(address, part);
        history.replaceState(null, "", address);
      } catch { /* the button is still there */ }
    }, 250);
  });
}

const live = document.querySelector("[data-live]");
if (live) {
  const again = async () => {
    try {
      const fresh = document.hidden ? live : await fetched(location.href, live);
      if (fresh && !fresh.hasAttribute("data-live")) return;
    } catch { /* try again later */ }
    setTimeout(again, 3000);
  };
  setTimeout(again, 3000);
}
