import {Call, speak as listen} from "./call.js";
import {Face} from "./client.js";
import {speak} from "./speak.js";
import {measure, tell} from "./words.js";

const at = (id) => document.getElementById(id);
const query = new URLSearchParams(location.search);
// bare: only the face, for a browser source; remote: controls that face from another page; call: uses WebRTC.
for (const mode of ["bare", "remote", "call"]) document.body.classList.toggle(mode, query.has(mode));

function hear(event) {
  if (event.type === "delay") at("delay").textContent = measure(event);
  const said = tell(event);
  const more = event.type === "closed" ? " Reload the page to start another." : "";
  if (said !== null) at("status").textContent = said + more;
}
const address = (path) => new URL(path + location.search, location.href);
const remote = new BroadcastChannel("dirfa");
function meet() {
  if (query.has("remote")) return {say: (text) => remote.postMessage({text}), interrupt: () => remote.postMessage({})};
  if (query.has("call")) return new Call(at("video"), hear, address("offer"));
  return new Face(at("face"), hear, Object.assign(address("ws"), {protocol: location.protocol.replace("http", "ws")}));
}
const face = meet();
if (query.has("bare")) remote.onmessage = ({data: {text}}) => { if (text) face.say(text); else face.interrupt(); };
document.addEventListener("pointerdown", () => face.sound?.resume(), {once: true});

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
const unheard = (error) => { at("status").textContent = `Microphone: ${error.message}`; };
at("speak").addEventListener("click", async () => {
  if (silence) silence = silence();
  else silence = await (query.has("call") ? listen(face) : speak(face, "say")).catch(unheard);
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
