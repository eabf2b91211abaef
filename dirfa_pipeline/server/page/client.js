/** A live face: draws frames on a canvas in sync with their sound. Needs no framework and no build step. */
const RATE = 24000, LATE = 0.3; // samples per second; seconds of sound that may be waiting before it is sped up
export class Face {
  constructor(canvas, onEvent, address) {
    Object.assign(this, {canvas, onEvent, sound: new AudioContext({sampleRate: RATE}), sources: new Set()});
    Object.assign(this, {until: 0, cushion: 0.06, shown: [], last: -1});
    this.socket = Object.assign(new WebSocket(address), {binaryType: "arraybuffer"});
    this.socket.onmessage = ({data}) => typeof data === "string" ? this.heard(JSON.parse(data)) : this.frame(data);
    this.socket.onclose = ({code, reason}) => { this.sound.close(); onEvent({type: "closed", code, text: reason}); };
  }
  send(type, more = {}) { if (this.socket.readyState === 1) this.socket.send(JSON.stringify({type, ...more})); }
  say(text) { this.sound.resume(); this.send("say", {text}); }
  interrupt() { this.send("interrupt"); }
  heard(event) {
    if (event.type === "interrupted") this.hush();
    this.onEvent(event.type === "delay" ? {...event, fps: this.shown.length} : event);
  }
  hush() { for (const source of this.sources) source.stop(); this.until = this.sound.currentTime; this.hushed = true; }
  async frame(data) {
    const view = new DataView(data), time = view.getFloat64(0, true), size = view.getUint32(12, true);
    const due = performance.now() + 1000 * this.play(new Int16Array(data, 16, size / 2), view.getUint32(8, true));
    const picture = await createImageBitmap(new Blob([new Uint8Array(data, 16 + size)], {type: "image/jpeg"}));
    setTimeout(() => { this.draw(picture, time); this.send("shown", {time}); }, due - performance.now());
  }
  draw(picture, time) {
    if (time > this.last) {
      Object.assign(this.canvas, {width: picture.width, height: picture.height});
      this.canvas.getContext("2d").drawImage(picture, 0, 0);
      this.shown = [...this.shown.filter((moment) => performance.now() - moment < 1000), performance.now()];
      this.last = time;
    }
    picture.close();
  }
  /** Plays samples after earlier ones. Returns the seconds until their last 40 ms, which are the frame's, are heard. */
  play(samples, speaking) {
    const {sound} = this, now = sound.currentTime;
    this.hushed &&= Boolean(speaking); // speech in transit when the face was interrupted is not played
    if (sound.state !== "running" || !samples.length || this.hushed) return 0;
    if (this.until < now) { // it came too late, and the next may, too: buffer more
      if (this.voiced) this.cushion = Math.min(0.25, 1.5 * this.cushion);
      this.until = now + this.cushion;
    }
    this.voiced = speaking;
    // Sound that is too late catches up: silence is left out, and speech is played faster.
    const late = this.until + samples.length / RATE > now + this.cushion + LATE;
    if (late && !speaking) return this.until - now;
    if (late) samples = samples.subarray(samples.findIndex((value) => value !== 0));
    const buffer = sound.createBuffer(1, samples.length, RATE), source = sound.createBufferSource();
    buffer.copyToChannel(Float32Array.from(samples, (value) => value / 32768), 0);
    Object.assign(source, {buffer, onended: () => this.sources.delete(source)}).connect(sound.destination);
    source.playbackRate.value = late ? 1.1 : 1;
    source.start(this.until);
    this.sources.add(source);
    this.until += buffer.duration / source.playbackRate.value;
    return Math.max(0, this.until - now - 0.04 + (sound.outputLatency || 0));
  }
}
