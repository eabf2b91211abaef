/** A face to talk with: draws on a canvas and plays in step. No framework, no build. */
export class Face {
  constructor(canvas, onEvent, address) {
    Object.assign(this, {canvas, onEvent, until: 0, sound: new AudioContext({sampleRate: 24000})});
    this.socket = Object.assign(new WebSocket(address), {binaryType: "arraybuffer"});
    this.socket.onmessage = ({data}) => typeof data === "string" ? this.heard(JSON.parse(data)) : this.frame(data);
    this.socket.onclose = ({code, reason}) => onEvent({type: "closed", code, text: reason});
  }
  send(type, more = {}) { this.socket.send(JSON.stringify({type, ...more})); }
  say(text) { this.sound.resume(); this.send("say", {text}); }
  interrupt() { this.send("interrupt"); }
  heard(event) { if (event.type === "interrupted") this.hush(); this.onEvent(event); }
  hush() { for (const source of this.playing ?? []) source.stop(); this.until = this.sound.currentTime; }
  async frame(data) {
    const view = new DataView(data), time = view.getFloat64(0, true), speaking = view.getUint32(8, true);
    const size = view.getUint32(12, true), wait = this.play(new Int16Array(data, 16, size / 2), speaking);
    const picture = await createImageBitmap(new Blob([new Uint8Array(data, 16 + size)], {type: "image/jpeg"}));
    setTimeout(() => { this.draw(picture); this.send("shown", {time}); }, 1000 * wait);
  }
  draw(picture) {
    Object.assign(this.canvas, {width: picture.width, height: picture.height});
    this.canvas.getContext("2d").drawImage(picture, 0, 0);
    picture.close();
  }
  /** Plays samples after those before them; returns in how many seconds they are heard. */
  play(samples, speaking) {
    const {sound} = this, now = sound.currentTime;
    if (sound.state !== "running" || !samples.length) return 0;
    if (this.until < now) this.until = now + 0.06;
    const late = this.until + samples.length / 24000 > now + 0.3; // then silence is left out, and speech a little faster
    if (late && !speaking) return this.until - now;
    if (late) samples = samples.subarray(samples.findIndex((value) => value !== 0)); // of frames that a busy server left out
    const buffer = sound.createBuffer(1, samples.length, 24000), source = sound.createBufferSource();
    buffer.copyToChannel(Float32Array.from(samples, (value) => value / 32768), 0);
    Object.assign(source, {buffer, onended: () => this.playing.delete(source)}).connect(sound.destination);
    source.playbackRate.value = late ? 1.1 : 1;
    source.start(this.until);
    (this.playing ??= new Set()).add(source);
    const wait = this.until - now + (sound.outputLatency || 0);
    this.until += buffer.duration / source.playbackRate.value;
    return wait;
  }
  /** Sends the microphone: "say" lets the face say it, "listen" lets it listen. Returns what stops it. */
  async speak(kind) {
    await Promise.all([this.sound.resume(), this.sound.audioWorklet.addModule("microphone.js")]);
    const stream = await navigator.mediaDevices.getUserMedia({audio: {echoCancellation: true}});
    const [microphone, worklet] = [this.sound.createMediaStreamSource(stream), new AudioWorkletNode(this.sound, "microphone")];
    worklet.port.onmessage = ({data}) => {
      const message = new Int16Array(2 + data.length);
      message[0] = kind === "say" ? 0 : 1;
      message.set(data, 2);
      this.socket.send(message);
    };
    microphone.connect(worklet);
    return () => { stream.getTracks().forEach((track) => track.stop()); microphone.disconnect(); this.send("flush"); };
  }
}
