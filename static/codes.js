// Copies and prints recovery codes. Without this script they are still selected by one click, downloaded, and printed by the browser.
(() => {
  "use strict";
  const tools = document.querySelector(".tools");
  if (!tools) return;
  const [copy, print] = tools.querySelectorAll("button");
  const said = tools.querySelector("[aria-live]");
  const codes = [...document.querySelectorAll(".codes code")].map((code) => code.textContent).join("\n");

  copy.hidden = !navigator.clipboard;
  copy.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(codes);
      said.textContent = "Copied. Paste them where you keep them.";
    } catch {
      said.textContent = "Your browser doesn't let this page copy. Select the codes instead.";
    }
  });
  print.addEventListener("click", () => window.print());
  tools.hidden = false;
})();
