/** 1 day, 2 hours and 30 minutes */
import type { Format } from '../../i18n/format';

const UNITS = [['day', 86_400_000], ['hour', 3_600_000], ['minute', 60_000]] as const;

export function lengthInWords(milliseconds: number, format: Format): string {
  let rest = milliseconds;
  const parts: string[] = [];
  for (const [unit, length] of UNITS) {
    const count = Math.floor(rest / length);
    rest -= count * length;
    if (count > 0) parts.push(format.number(count, { style: 'unit', unit, unitDisplay: 'long' }));
  }
  return format.list(parts);
}
