// Lets people see what they type as a password, counts the characters that a new one still needs, and then asks the server what it
// will say of it. That is said again, to everybody, when the form is sent.
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
  const verdict = document.querySelector(".verdict");
  if (!input || !verdict) return;
  const { csrf, token, name } = input.form.elements;
  let pause;
  let asked;

  const judge = async () => {
    asked = new AbortController();
    const fields = { csrf: csrf.value, token: token?.value ?? "", name: name?.value ?? "", password: input.value };
    try {
      const reply = await fetch("/password/judgement", { method: "POST", body: new URLSearchParams(fields), signal: asked.signal });
      if (reply.ok) verdict.textContent = (await reply.json()).words;
    } catch {
      // The server says it when it gets the form.
    }
  };

  input.addEventListener("input", () => {
    clearTimeout(pause);
    asked?.abort();
    const typed = [...input.value.normalize("NFKC")].length;
    const left = input.minLength - typed;
    if (typed === 0) verdict.textContent = "";
    else if (left > 0) verdict.textContent = left === 1 ? "1 more character" : `${left} more characters`;
    else {
      verdict.textContent = "Long enough";
      pause = setTimeout(judge, 400);
    }
  });
})();
