// Asks the browser for a passkey or security key, and sends its answer with the form that asked. Without this script such forms stay
// hidden, and what stands in for them is shown.
(() => {
  "use strict";
  const form = document.querySelector("form.passkey");
  if (!form || !window.PublicKeyCredential?.parseRequestOptionsFromJSON) return;

  const { elements } = form;
  const makes = elements.purpose.value.startsWith("enroll");
  let asked;
  let anew;

  // Only one question can be open: a new one takes the place of the last.
  const ask = async (mediation) => {
    asked?.abort();
    const { signal } = (asked = new AbortController());
    const reply = await fetch("/passkey/options", { method: "POST", body: new URLSearchParams(new FormData(form)), signal });
    if (!reply.ok) throw new Error(reply.status);
    const { challenge, options } = await reply.json();
    const credential = makes
      ? await navigator.credentials.create({ publicKey: PublicKeyCredential.parseCreationOptionsFromJSON(options), signal })
      : await navigator.credentials.get({ publicKey: PublicKeyCredential.parseRequestOptionsFromJSON(options), mediation, signal });
    elements.challenge.value = challenge;
    elements.credential.value = JSON.stringify(credential);
    form.submit();
  };

  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    clearInterval(anew);
    const fault = form.querySelector(".fault");
    fault.textContent = "";
    try {
      await ask();
    } catch {
      fault.textContent = "That didn't work. Try again or use another way.";
    }
  });

  // Offers passkeys where the name is typed, and asks anew before the challenge is too old.
  const offer = () => ask("conditional").catch(() => {});
  if (form.dataset.autofill !== undefined) {
    PublicKeyCredential.isConditionalMediationAvailable?.().then((can) => {
      if (!can) return;
      offer();
      anew = setInterval(offer, 240_000);
    });
  }

  form.hidden = false;
  for (const absent of document.querySelectorAll(".no-passkey")) absent.hidden = true;
})();
