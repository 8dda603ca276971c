// Sends a form that was kept. Without this script its sender presses the button.
document.querySelector("form.send").submit();
