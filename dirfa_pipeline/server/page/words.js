/** The status line for the events of a conversation; null keeps the current text. */
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
  closed: ({code, text}) => `The conversation is over${text ? `: ${text}` : ` (${code})`}.`,
};
export const tell = (event) => words[event.type]?.(event) ?? null;
export const measure = ({seconds: delay, fps}) => `${Math.round(fps)} frames a second · ${delay.toFixed(2)} s late`;
