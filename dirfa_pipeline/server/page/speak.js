/** Sends the microphone to a Face: "say" lets it say that, "listen" lets it listen. Returns what stops it. */
export async function speak({sound, socket}, kind) {
  await Promise.all([sound.resume(), sound.audioWorklet.addModule(new URL("microphone.js", import.meta.url))]);
  const stream = await navigator.mediaDevices.getUserMedia({audio: {echoCancellation: true}});
  const [microphone, worklet] = [sound.createMediaStreamSource(stream), new AudioWorkletNode(sound, "microphone")];
  worklet.port.onmessage = ({data}) => {
    const message = new Int16Array(2 + data.length); // the first two are the kind, as one number of 32 bits
    message[0] = kind === "say" ? 0 : 1;
    message.set(data, 2);
    if (socket.readyState === WebSocket.OPEN) socket.send(message);
  };
  microphone.connect(worklet);
  return () => {
    stream.getTracks().forEach((track) => track.stop());
    microphone.disconnect();
    if (socket.readyState === WebSocket.OPEN) socket.send(JSON.stringify({type: "flush"}));
  };
}
