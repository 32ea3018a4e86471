/** The days of the moon as a wheel, today's lit. Purely decorative. */
import { moonPath, moonPhase } from '../../ui/moon';

/** Lunar days in a lunar month. */
const TITHIS = 30;
const RADIUS = 178;
/** Scattered by hand: angle in degrees, distance, size. */
const STARS = [
  [12, 225, 1.6], [38, 258, 1], [48, 300, 1.4], [61, 226, 1.2], [95, 232, 1.7], [124, 221, 1], [135, 290, 1.5], [151, 230, 1.3], [178, 228, 1], [203, 226, 1.6],
  [228, 285, 1.2], [231, 219, 1.1], [262, 229, 1.4], [287, 223, 1], [316, 257, 1.6], [322, 305, 1], [341, 220, 1.1], [20, 106, 1], [85, 125, 0.8],
  [140, 108, 1], [215, 128, 0.9], [300, 110, 1],
] as const;

function at(angle: number, distance: number): [number, number] {
  const radians = ((angle - 90) * Math.PI) / 180;
  return [distance * Math.cos(radians), distance * Math.sin(radians)];
}

export function LunarMonth({ now, className }: { now: number; className?: string }) {
  const phase = moonPhase(now);
  const today = Math.round(phase * TITHIS) % TITHIS;
  return (
    <svg viewBox="-240 -240 480 480" aria-hidden className={className}>
      <defs>
        <radialGradient id="lunar-glow">
          <stop offset="0.3" className="[stop-color:var(--accent)]" stopOpacity="0.35" />
          <stop offset="1" className="[stop-color:var(--accent)]" stopOpacity="0" />
        </radialGradient>
      </defs>
      {STARS.map(([angle, distance, size]) => {
        const [x, y] = at(angle, distance);
        return <circle key={angle + distance} cx={x} cy={y} r={size} className="fill-ink opacity-60" />;
      })}
      <circle r={RADIUS} className="fill-none stroke-line" strokeDasharray="2 7" strokeLinecap="round" strokeWidth="1.5" />
      <circle r="145" fill="url(#lunar-glow)" />
      <g transform="scale(7.6)" className="text-accent">
        <circle r="10" className="fill-surface" />
        <path d={moonPath(phase)} className="fill-current" />
      </g>
      {Array.from({ length: TITHIS }, (_, day) => {
        const [x, y] = at((day * 360) / TITHIS, RADIUS);
        const lit = day === today;
        return (
          <g key={day} transform={`translate(${x.toFixed(1)} ${y.toFixed(1)}) scale(${lit ? 1.7 : 1.15})`} className={lit ? 'text-accent' : 'text-muted'}>
            {lit && <circle r="13.5" className="fill-ground stroke-accent" strokeWidth="1.2" />}
            <circle r="10" className="fill-surface stroke-line" strokeWidth="0.6" />
            <path d={moonPath(day / TITHIS)} className="fill-current" />
          </g>
        );
      })}
    </svg>
  );
}
