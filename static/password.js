// Lets people see what they type as a password, and counts the characters that a new one still needs. Nothing is sent: how
// good a password is, the server says when it gets it.
(() => {
  "use strict";
  for (const input of document.querySelectorAll(".secret input")) {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "link";
    const show = (shown) => {
      input.type = shown ? "text" : "password";
      button.textContent = shown ? "Hide" : "Show";
      button.setAttribute("aria-label", `${button.textContent} password`);
    };
    button.addEventListener("click", () => show(input.type === "password"));
    // Whatever is sent is a password again, so that browsers offer to keep it and not to complete it elsewhere.
    input.form.addEventListener("submit", () => show(false));
    show(false);
    input.after(button);
  }

  const input = document.querySelector("input[autocomplete=new-password]");
  const count = document.querySelector(".count");
  if (!input || !count) return;
  input.addEventListener("input", () => {
    const typed = [...input.value.normalize("NFKC")].length;
    const left = input.minLength - typed;
    if (typed === 0) count.textContent = "";
    else if (left > 0) count.textContent = left === 1 ? "1 more character" : `${left} more characters`;
    else count.textContent = "Long enough";
  });
})();
