/** Two notes when a booking arrives, if one wants them: made here, no file to fetch. In one tab only, where several are open. */
const STORED = 'tithi.sound';
const NOTES_HZ = [659.25, 987.77]; // E5, B5

export function soundIsOn(): boolean {
  return localStorage.getItem(STORED) !== 'off';
}

export function setSound(on: boolean): void {
  if (on) localStorage.removeItem(STORED);
  else localStorage.setItem(STORED, 'off');
}

let context: AudioContext | undefined;

/** Browsers let a page sound only once somebody has used it; before that this is silent. */
export function playChime(seq: number): void {
  if (!soundIsOn() || !('locks' in navigator)) return;
  void navigator.locks.request(`tithi.chime.${seq}`, { ifAvailable: true }, async (mine) => {
    if (!mine) return;
    context ??= new AudioContext();
    if (context.state === 'suspended') await Promise.race([context.resume(), new Promise((resolve) => setTimeout(resolve, 100))]);
    NOTES_HZ.forEach((frequency, index) => sound(context!, frequency, context!.currentTime + index * 0.14));
    await new Promise((resolve) => setTimeout(resolve, 1000)); // other tabs hear of the same a little later
  });
}

function sound(into: AudioContext, frequency: number, at: number) {
  const tone = new OscillatorNode(into, { type: 'sine', frequency });
  const volume = new GainNode(into, { gain: 0 });
  volume.gain.setValueAtTime(0.0001, at);
  volume.gain.exponentialRampToValueAtTime(0.15, at + 0.02);
  volume.gain.exponentialRampToValueAtTime(0.0001, at + 0.5);
  tone.connect(volume).connect(into.destination);
  tone.start(at);
  tone.stop(at + 0.55);
}
