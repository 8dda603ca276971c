// For applications with scripts of their own: <script src="/.doorward/client.js"></script>, before any other.
//
// A request by fetch or XMLHttpRequest that needs a sign-in or a fresh proof is held back: its sender is asked to confirm in
// a window of the portal, and the very same request is sent once more. Requests that meet it meanwhile wait for the same
// confirmation. Nothing depends on this script: without it such requests are answered with 401, and say what is missing.
(() => {
  "use strict";
  if (window.doorward) return;

  const channel = new BroadcastChannel("doorward");
  const { fetch: send, XMLHttpRequest: Plain } = window;
  const field = "Doorward-Step-Up";
  let asking;

  // Asks the person, once for all who wait. True when they have confirmed, false when they would not, or can't be asked.
  const confirm = (link) => asking ??= ask(link).catch(() => false).finally(() => { asking = undefined; });

  // Only what this very host says leads to its portal.
  const isHere = (url) => new URL(url).origin === location.origin;

  const ask = (link) => new Promise((resolve) => {
    const to = new URL(link).searchParams.get("to");
    const open = () => window.open(`/.doorward/step-up?to=${to}&done`, "doorward", "popup,width=480,height=720");
    const dialog = document.createElement("dialog");
    const text = document.createElement("p");
    text.textContent = "Confirm it's you to go on. Nothing on this page is lost.";
    const button = (label, act) => {
      const made = document.createElement("button");
      made.type = "button";
      made.textContent = label;
      made.addEventListener("click", act);
      return made;
    };
    const done = (confirmed) => {
      channel.removeEventListener("message", told);
      dialog.remove();
      resolve(confirmed);
    };
    const told = () => done(true);
    channel.addEventListener("message", told);
    dialog.addEventListener("cancel", () => done(false));
    dialog.append(text, button("Confirm it's you", open), button("Cancel", () => done(false)));
    dialog.setAttribute("aria-label", "Confirm it's you");
    // A request may be made before there is a body.
    (document.body ?? document.documentElement).append(dialog);
    dialog.showModal();
  });

  window.fetch = async (input, init) => {
    const request = new Request(input, init);
    if (!isHere(request.url)) return send(request);
    const again = request.clone();
    const answer = await send(request);
    const link = answer.status === 401 && isHere(answer.url) && answer.headers.get(field);
    return link && await confirm(link) ? send(again) : answer;
  };

  window.XMLHttpRequest = class XMLHttpRequest extends Plain {
    #opened;
    #fields = [];
    #body;
    // Which request it is: what was begun for an earlier one is not done for it.
    #turn = 0;
    #isWaiting = false;
    #isSpent = false;

    constructor() {
      super();
      // First in line: nobody hears of an answer that is asked for once more.
      for (const event of ["readystatechange", "load", "loadend"]) {
        this.addEventListener(event, (heard) => this.#holdBack(heard));
      }
    }

    open(...opened) {
      [this.#opened, this.#fields, this.#isSpent] = [opened, [], opened[2] === false];
      this.#forget();
      super.open(...opened);
    }

    abort() {
      const wasWaiting = this.#forget();
      super.abort();
      // To the browser this request was over.
      if (wasWaiting) this.#tell("abort", "loadend");
    }

    setRequestHeader(...pair) {
      this.#fields.push(pair);
      super.setRequestHeader(...pair);
    }

    send(body) {
      this.#body = body;
      super.send(body);
    }

    #forget() {
      const wasWaiting = this.#isWaiting;
      this.#turn += 1;
      this.#isWaiting = false;
      return wasWaiting;
    }

    #tell(...events) {
      for (const event of events) this.dispatchEvent(new ProgressEvent(event));
    }

    #holdBack(heard) {
      if (this.readyState !== 4 || this.#isSpent || !this.responseURL) return;
      const link = this.status === 401 && isHere(this.responseURL) && this.getResponseHeader(field);
      if (!link) return;
      heard.stopImmediatePropagation();
      if (this.#isWaiting) return;
      this.#isWaiting = true;
      const turn = this.#turn;
      confirm(link).then((confirmed) => {
        if (turn !== this.#turn) return;
        [this.#isWaiting, this.#isSpent] = [false, true];
        if (!confirmed) return this.#tell("readystatechange", "load", "loadend");
        const { responseType, timeout, withCredentials } = this;
        super.open(...this.#opened);
        Object.assign(this, { responseType, timeout, withCredentials });
        for (const pair of this.#fields) super.setRequestHeader(...pair);
        super.send(this.#body);
      });
    }
  };

  window.doorward = Object.freeze({ confirm });
})();
