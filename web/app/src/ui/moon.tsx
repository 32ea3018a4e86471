/** The moon as it stands at a time: Tithi is a lunar day. */

const NEW_MOON = Date.UTC(2000, 0, 6, 18, 14); // Meeus, Astronomical Algorithms, chapter 49
const SYNODIC_MONTH_MS = 29.530588853 * 86_400_000;

/** 0 new, 0.25 first quarter, 0.5 full, 0.75 last quarter; off by half a day at most. */
export function moonPhase(time: number): number {
  const months = (time - NEW_MOON) / SYNODIC_MONTH_MS;
  return months - Math.floor(months);
}

/** The lit part of a disc of radius 10 around the origin. */
export function moonPath(phase: number): string {
  const waxing = phase < 0.5;
  const bulge = Math.cos(2 * Math.PI * phase); // of the line between light and dark: 1 new, -1 full
  const limb = waxing ? 1 : 0; // the lit side is the right one while it waxes
  const terminator = bulge > 0 ? 1 - limb : limb;
  return `M0-10A10 10 0 0 ${limb} 0 10A${(10 * Math.abs(bulge)).toFixed(2)} 10 0 0 ${terminator} 0-10Z`;
}

/** Purely decorative. */
export function Moon({ at, className = 'size-6' }: { at: string | number; className?: string }) {
  return (
    <svg viewBox="-12 -12 24 24" aria-hidden className={className}>
      <circle r="10" className="fill-current opacity-15" />
      <path d={moonPath(moonPhase(new Date(at).getTime()))} className="fill-current" />
    </svg>
  );
}
