// Talks with a face over the server's WebSocket; a ticket tells whose. Gradio is asked for that alone.
const home = new URL("talk/", new URL(".", location.href));
const load = (name) => import(new URL(name, home));
const at = (name) => element.querySelector(`[data-is=${name}]`);
let face = null, first = null, silence = null, direction = null, asked = false;

function show(text, problem = false) {
  at("status").textContent = text;
  at("status").className = problem ? "problem" : "";
}

async function rest(source) {
  const canvas = at("face"), picture = Object.assign(new Image(), {src: source ?? ""});
  if (source) await picture.decode();
  if (face) return;  // it lives, and goes on until its end
  canvas.width = picture.width || 384;
  canvas.height = picture.height || 384;
  if (source) canvas.getContext("2d").drawImage(picture, 0, 0);
  element.querySelector(".talk").classList.toggle("empty", !source);
}

function live(open) {
  element.querySelector(".talk").classList.toggle("live", open);
  at("start").textContent = open ? "End" : "Start";
  at("stop").disabled = !open;
}

function start() {
  if (asked) return;
  asked = true;
  show("Preparing the face.");
  trigger("submit");
}

async function open(ticket) {
  const [{Face}, {tell, measure}] = await Promise.all([load("client.js"), load("words.js")]);
  const address = Object.assign(new URL(`ws?face=${ticket}`, home), {protocol: location.protocol.replace("http", "ws")});
  face = new Face(at("face"), (event) => {
    if (event.type === "delay") at("delay").textContent = measure(event);
    if (event.type === "ready") face.send("direct", direction);
    if (event.type === "ready" && first) face.say(first);
    if (event.type === "ready") first = null;
    const said = tell(event);
    if (said !== null) show(said, event.type === "error");
    if (event.type === "closed") close();
  }, address);
  face.sound.resume();
  live(true);
}

function close() {
  face?.socket.close();
  if (silence) hush();
  face = null;
  live(false);
  at("delay").textContent = "";
}

function hush() {
  silence();
  silence = null;
  at("speak").setAttribute("aria-pressed", "false");
}

async function speak() {
  if (silence) return hush();
  if (!face) return start();
  try {
    silence = await (await load("speak.js")).speak(face, "say");
    at("speak").setAttribute("aria-pressed", "true");
  } catch (error) {
    show(`Microphone: ${error.message}`, true);
  }
}

const presses = {start: () => (face ? close() : start()), stop: () => face?.interrupt(), speak};
element.addEventListener("click", ({target}) => presses[target.dataset.is]?.());
element.addEventListener("submit", (event) => {
  event.preventDefault();
  const input = element.querySelector("input");
  if (!input.value.trim()) return;
  if (face) face.say(input.value);
  else { first = input.value; start(); }
  input.value = "";
});
element.addEventListener("still", ({detail}) => rest(detail));
element.addEventListener("told", ({detail}) => {
  direction = detail.direction ?? direction;
  if (detail.ticket || detail.problem) asked = false;
  if (detail.problem) show(`${detail.problem[0].toUpperCase()}${detail.problem.slice(1)}.`, true);
  else if (detail.ticket) open(detail.ticket);
  else face?.send("direct", direction);
});
rest(document.querySelector("#still img")?.src);  // this runs when the tab is first opened; changes come as events
