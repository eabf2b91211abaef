/** Collects 20 ms of the microphone's sound as 16-bit samples, and passes them on. */
registerProcessor("microphone", class extends AudioWorkletProcessor {
  constructor() { super(); this.samples = []; }
  process([[channel]]) {
    for (const value of channel ?? []) this.samples.push(Math.max(-1, Math.min(1, value)) * 32767);
    if (this.samples.length >= 480) this.port.postMessage(Int16Array.from(this.samples.splice(0)));
    return true;
  }
});
