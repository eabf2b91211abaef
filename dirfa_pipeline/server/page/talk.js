import {Face} from "./client.js";

const at = (id) => document.getElementById(id);
const query = new URLSearchParams(location.search);
const address = new URL(`ws${location.search}`, location.href.replace(/^http/, "ws"));
document.body.classList.toggle("bare", query.has("bare")); // the face alone, as a browser source
const seconds = (value) => `${value.toFixed(1)} s`;
const words = {
  ready: () => "Ready.",
  waiting: ({place}) => `All places are taken; you are number ${place} in line.`,
  started: () => "Speaking.",
  ended: () => "Ready.",
  interrupted: ({heard, seconds: all}) => `Stopped after ${seconds(heard)} of ${seconds(all)}.`,
  error: ({text}) => `Problem: ${text}`,
  overflow: ({text}) => text,
  closing: ({text}) => text,
  closed: ({code, text}) => `The conversation is over${text ? `: ${text}` : ` (${code})`}. Reload the page for another.`,
};
const face = new Face(at("face"), (event) => { at("status").textContent = words[event.type](event); }, address);
document.addEventListener("pointerdown", () => face.sound.resume(), {once: true});

function say(text) {
  if (text.trim()) face.say(text);
}
at("talk").addEventListener("submit", (event) => {
  event.preventDefault();
  say(at("text").value);
  at("text").value = "";
});
at("stop").addEventListener("click", () => face.interrupt());

let silence = null;
at("speak").addEventListener("click", async () => {
  if (silence) silence = silence();
  else silence = await face.speak("say").catch((error) => { at("status").textContent = `Microphone: ${error.message}`; });
  at("speak").setAttribute("aria-pressed", String(Boolean(silence)));
});

const phrases = JSON.parse(localStorage.getItem("phrases") ?? '["Hello!", "Yes.", "No.", "Thank you."]');
function show() {
  localStorage.setItem("phrases", JSON.stringify(phrases));
  at("phrases").replaceChildren(...phrases.map((phrase) => {
    const button = Object.assign(document.createElement("button"), {textContent: phrase});
    button.addEventListener("click", () => say(phrase));
    return button;
  }));
}
at("keep").addEventListener("click", () => {
  const text = at("text").value.trim();
  if (text && !phrases.includes(text)) phrases.push(text);
  show();
});
show();
