/** The same face over WebRTC: a video element plays it, and events arrive over a data channel. */
// All in milliseconds.
const WAIT = 200; // least time that frames and sound wait in the browser's jitter buffers
const MOST = 500; // most time that one waits longer than the other: with networks and drawing, images come within a second
const STEP = 100; // by how much a wait changes in a second: browsers let frames wait no faster than that
const NEAR = 10; // smaller offsets are left alone
const SPEAKERS = 30; // from where the browser says that sound is played until it is heard: Chromium's outputLatency
export class Call {
  constructor(video, onEvent, address) {
    Object.assign(this, {video, onEvent, connection: new RTCPeerConnection()});
    this.channel = this.connection.createDataChannel("dirfa");
    this.channel.onopen = () => onEvent({type: "ready"});
    this.channel.onmessage = ({data}) => this.heard(JSON.parse(data));
    this.connection.addTransceiver("video", {direction: "recvonly"});
    this.microphone = this.connection.addTransceiver("audio", {direction: "sendrecv"}).sender;
    this.connection.ontrack = ({streams: [stream]}) => { video.srcObject = stream; };
    this.connection.onconnectionstatechange = () => {
      const state = this.connection.connectionState;
      if (state === "failed" || state === "closed") onEvent({type: "closed", code: state});
    };
    this.open(address).catch((error) => onEvent({type: "closed", text: error.message}));
  }
  async open(address) {
    await this.connection.setLocalDescription();
    while (this.connection.iceGatheringState !== "complete") await new Promise((soon) => setTimeout(soon, 20));
    const {type, sdp} = this.connection.localDescription;
    const body = JSON.stringify({type, sdp, face: address.searchParams.get("face") ?? undefined});
    const answer = await (await fetch(address, {method: "POST", body})).json();
    if (answer.error) throw new Error(answer.error);
    await this.connection.setRemoteDescription(answer);
    this.wait(0);
  }
  /** Lets frames wait this much longer than sound, or sound longer than frames if it is negative. */
  wait(longer) {
    this.longer = Math.max(-MOST, Math.min(MOST, longer));
    for (const receiver of this.connection.getReceivers()) {
      const more = receiver.track.kind === "video" ? this.longer : -this.longer;
      receiver.jitterBufferTarget = WAIT + Math.max(0, more);
    }
  }
  /** Keeps image and sound together. The browser does so, too, but takes ten seconds and more after each change. */
  align(video, sound) {
    const early = video.estimatedPlayoutTimestamp - sound.estimatedPlayoutTimestamp + SPEAKERS; // the image is ahead
    if (Math.abs(early) > NEAR) this.wait(this.longer + Math.max(-STEP, Math.min(STEP, early)));
  }
  send(type, more = {}) { if (this.channel.readyState === "open") this.channel.send(JSON.stringify({type, ...more})); }
  say(text) { this.video.muted = false; this.video.play(); this.send("say", {text}); }
  interrupt() { this.send("interrupt"); }
  /** Passes events on. To the delay that the server reports, it adds the time on the network and in the browser. */
  async heard(event) {
    if (event.type !== "delay") return this.onEvent(event);
    const stats = [...(await this.connection.getStats()).values()];
    const [video, sound] = ["video", "audio"].map(
      (wanted) => stats.find(({type, kind}) => type === "inbound-rtp" && kind === wanted) ?? {});
    this.align(video, sound);
    const trip = stats.find(({type, nominated}) => type === "candidate-pair" && nominated)?.currentRoundTripTime ?? 0;
    const {jitterBufferDelay: all, jitterBufferEmittedCount: count} = video;
    const {all: before, count: old} = this.last ?? {all: 0, count: 0};
    const waited = (all - before) / (count - old) || 0; // seconds per frame since the last report
    this.last = {all, count};
    this.onEvent({...event, seconds: event.seconds + trip / 2 + waited, fps: video.framesPerSecond ?? 0});
  }
}
/** Lets the face listen to the microphone. Returns a function that stops it. */
export async function speak({microphone}) {
  const stream = await navigator.mediaDevices.getUserMedia({audio: {echoCancellation: true}});
  await microphone.replaceTrack(stream.getAudioTracks()[0]);
  return () => { stream.getTracks().forEach((track) => track.stop()); microphone.replaceTrack(null); };
}
