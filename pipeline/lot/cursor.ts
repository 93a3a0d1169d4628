// How far a lot is, as its heartbeats tell it and its next attempt reads it. It travels through Temporal with every heartbeat, so its
// size must not grow with the lot's items: what ended is told as ranges, which are few because items end nearly in order.
import { z } from 'zod';

const place = z.number().int().nonnegative();
const counts = z.strictObject({ done: place, quarantined: place, different: place });

const lotCursor = z.strictObject({
  ended: z
    .array(z.tuple([place, place]))
    .describe('places [from, to) in the lot of items that were committed or quarantined'),
  inHand: z
    .record(z.string().regex(/^\d+$/), place)
    .describe('by place: how often work on the item died without progress'),
  counted: counts.optional().describe('what this call has done and not reported: an attempt that dies reports nothing'),
});
export type LotCursor = z.infer<typeof lotCursor>;

/**
 * The cursor of an earlier attempt, or null where there is none. One of a release that told it otherwise counts as none: what was
 * committed is looked for anyway.
 */
export function readCursor(details: unknown): LotCursor | null {
  const parsed = lotCursor.safeParse(details);
  return parsed.success ? parsed.data : null;
}

/** Places of a lot's items that have ended. */
export class EndedItems {
  /** [from, to), ascending, with a gap between any two. */
  #ranges: [number, number][] = [];

  constructor(ranges: LotCursor['ended'] = []) {
    for (const [from, to] of ranges) this.add(from, to);
  }

  get ranges(): LotCursor['ended'] {
    return this.#ranges.map(([from, to]) => [from, to]);
  }

  has(at: number): boolean {
    return this.#ranges.some(([from, to]) => from <= at && at < to);
  }

  add(from: number, to = from + 1): void {
    if (from >= to) return;
    const apart = this.#ranges.filter((range) => range[1] < from || range[0] > to);
    const touching = this.#ranges.filter((range) => range[1] >= from && range[0] <= to);
    const joined: [number, number] = [
      Math.min(from, ...touching.map((range) => range[0])),
      Math.max(to, ...touching.map((range) => range[1])),
    ];
    this.#ranges = [...apart, joined].sort((a, b) => a[0] - b[0]);
  }

  /** The first place that has not ended. */
  get firstOpen(): number {
    const [first] = this.#ranges;
    return first?.[0] === 0 ? first[1] : 0;
  }
}
