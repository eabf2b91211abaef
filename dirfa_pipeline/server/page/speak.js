/** Sends the microphone to a Face, which says it ("say") or listens to it ("listen"). Returns a function to stop. */
export async function speak({sound, socket}, kind) {
  await Promise.all([sound.resume(), sound.audioWorklet.addModule(new URL("microphone.js", import.meta.url))]);
  const stream = await navigator.mediaDevices.getUserMedia({audio: {echoCancellation: true}});
  const [microphone, worklet] = [sound.createMediaStreamSource(stream), new AudioWorkletNode(sound, "microphone")];
  worklet.port.onmessage = ({data}) => {
    const message = new Int16Array(2 + data.length); // the first two hold the kind, a 32-bit number
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
