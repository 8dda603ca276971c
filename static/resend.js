// Counts down to when another code or link can be sent. Without this script the button is there all the time, and the server says
// when.
(() => {
  "use strict";
  const button = document.querySelector("button[data-wait]");
  if (!button) return;
  const wait = document.querySelector(".wait");
  const label = button.textContent;
  const end = Date.now() + 1000 * button.dataset.wait;
  // As people read a clock, where it is more than a moment.
  const time = (left) => (left > 90 ? `${Math.floor(left / 60)}:${String(left % 60).padStart(2, "0")}` : `${left} s`);
  let beat;

  const tick = () => {
    const left = Math.ceil((end - Date.now()) / 1000);
    button.disabled = left > 0;
    button.textContent = left > 0 ? `${label} (${time(left)})` : label;
    if (left > 0) return;
    clearInterval(beat);
    if (wait) wait.textContent = "Another can be sent now.";
  };

  beat = setInterval(tick, 500);
  tick();
})();
