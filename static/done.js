// Tells the page that asked for a confirmation that it is there. See client.js.
new BroadcastChannel("doorward").postMessage("confirmed");
close();
