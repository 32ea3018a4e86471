/** What a cancellation policy means for one event. */
import type { Schemas } from '../../api/client';

export type Tier = Schemas['RefundTier'];

/** Until when how many percent come back. Tiers without a refund, or with no more than a later one gives, say nothing. */
export function refundSteps(tiers: readonly Tier[], start: string): { until: Date; hours: number; percent: number }[] {
  const latestFirst = [...tiers].sort((a, b) => a.hours_before - b.hours_before);
  let best = 0;
  const steps = [];
  for (const { hours_before: hours, refund_percent: percent } of latestFirst) {
    if (percent <= best) continue;
    best = percent;
    steps.unshift({ until: new Date(Date.parse(start) - hours * 3_600_000), hours, percent });
  }
  return steps;
}
