/** Reads QR codes from a camera: by the browser where it can, else by a decoder that is loaded then. */

type Reader = (video: HTMLVideoElement) => Promise<string | null>;
type Detector = { detect: (source: HTMLVideoElement) => Promise<{ rawValue: string }[]> };
type DetectorClass = { new (options: { formats: string[] }): Detector; getSupportedFormats: () => Promise<string[]> };

const PAUSE_MS = 120;
/** Enough for a code that fills a third of the picture, and quick on old phones. */
const MOST_PIXELS = 720;

async function nativeReader(): Promise<Reader | null> {
  const { BarcodeDetector } = window as unknown as { BarcodeDetector?: DetectorClass };
  if (!BarcodeDetector || !(await BarcodeDetector.getSupportedFormats()).includes('qr_code')) return null;
  const detector = new BarcodeDetector({ formats: ['qr_code'] });
  return async (video) => (await detector.detect(video))[0]?.rawValue ?? null;
}

async function ownReader(): Promise<Reader> {
  const { default: decodeQR } = await import('qr/decode.js');
  const context = document.createElement('canvas').getContext('2d', { willReadFrequently: true });
  if (!context) throw new Error('no canvas');
  return (video) => {
    const scale = Math.min(1, MOST_PIXELS / Math.max(video.videoWidth, video.videoHeight));
    const [width, height] = [Math.round(video.videoWidth * scale), Math.round(video.videoHeight * scale)];
    Object.assign(context.canvas, { width, height });
    context.drawImage(video, 0, 0, width, height);
    try {
      return Promise.resolve(decodeQR(context.getImageData(0, 0, width, height)));
    } catch {
      return Promise.resolve(null); // there is none in this picture
    }
  };
}

/** Tells of each code that it sees, as often as it does. Answers how to stop. */
export async function scan(video: HTMLVideoElement, seen: (text: string) => void): Promise<() => void> {
  const stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: { ideal: 'environment' }, width: { ideal: 1280 }, height: { ideal: 720 } } });
  let over = false;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const stop = () => {
    over = true;
    clearTimeout(timer);
    stream.getTracks().forEach((track) => track.stop());
    video.srcObject = null;
  };
  try {
    video.srcObject = stream;
    await video.play();
    const read = (await nativeReader().catch(() => null)) ?? (await ownReader());
    const look = async () => {
      if (over) return;
      const text = video.videoWidth > 0 && !document.hidden ? await read(video).catch(() => null) : null;
      if (over) return;
      if (text) seen(text);
      timer = setTimeout(() => void look(), PAUSE_MS);
    };
    void look();
    return stop;
  } catch (error) {
    stop();
    throw error;
  }
}

/** Keeps the screen on while it is seen. Answers how to stop. */
export function stayAwake(): () => void {
  let lock: WakeLockSentinel | undefined;
  let over = false;
  const hold = () => {
    if (document.hidden || !('wakeLock' in navigator)) return;
    navigator.wakeLock.request('screen').then(
      (held) => {
        if (over) void held.release();
        else lock = held;
      },
      () => undefined, // the battery is low
    );
  };
  hold();
  document.addEventListener('visibilitychange', hold); // browsers let go of it when the page is hidden
  return () => {
    over = true;
    document.removeEventListener('visibilitychange', hold);
    void lock?.release();
  };
}
