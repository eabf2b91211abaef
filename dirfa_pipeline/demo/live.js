// Shows the frames that arrive: with a sound, the frame of the instant that is heard (the sound waits if there is none);
// with a microphone, each in its turn.
let frames = new Map(), next = 0, fps = 25, delay = null, sound = null, shown = [], last = false;
const BACKLOG = 8;  // frames: beyond it, live sound counts more than each frame

function take(packet) {
  if (!packet) return;
  if (packet.reset) {
    if (sound) sound.pause();
    frames = new Map(); next = 0; delay = null; shown = []; last = false;
    sound = packet.sound ? new Audio(packet.sound) : null;
    return;
  }
  fps = packet.fps;
  packet.frames.forEach((frame, index) => frames.set(packet.first + index, frame));
  if (packet.delay !== null) delay = packet.delay;
  if (packet.ended) last = true;
  if (sound && sound.paused && !sound.ended && (frames.size > BACKLOG || last)) sound.play();
}

function show() {
  let index = next;
  if (sound) index = Math.floor(sound.currentTime * fps);
  else if (frames.size > BACKLOG) index = Math.max(...frames.keys()) - 2;
  if (index < next) return;
  if (!frames.has(index)) {
    if (sound && !last) sound.pause();  // until enough frames have come
    return;
  }
  const picture = element.querySelector("img");
  picture.src = frames.get(index);
  picture.hidden = false;
  for (const old of [...frames.keys()]) if (old <= index) frames.delete(old);
  next = index + 1;
  const now = performance.now();
  shown = shown.filter(moment => now - moment < 1000).concat(now);
  const late = delay === null ? "" : ` · the face is ${delay.toFixed(2)} s behind the sound`;
  element.querySelector("p").textContent = `${shown.length} frames a second${late}`;
}

watch("value", () => take(props.value));
setInterval(show, 1000 / fps);
