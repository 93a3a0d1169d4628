// How items become lots: one to a few minutes of work each, but at least four lots per compute slot where there are items enough.
import type { PlannedItem } from './manifest.js';

export interface LotRule {
  /** Compute slots that may work at once. */
  readonly slots: number;
  /** Greatest size of a lot, in the items' own unit (rows or tokens). */
  readonly maxSize: number;
}

const LOTS_PER_SLOT = 4;

/** Lots of consecutive items. Which items share a lot changes no byte of any result. */
export function cutLots(items: readonly PlannedItem[], rule: LotRule): PlannedItem[][] {
  const perLot = Math.max(1, Math.floor(items.length / (rule.slots * LOTS_PER_SLOT)));
  const lots: PlannedItem[][] = [];
  let lot: PlannedItem[] = [];
  let size = 0;
  for (const planned of items) {
    if (lot.length > 0 && (lot.length >= perLot || size + planned.item.size > rule.maxSize)) {
      lots.push(lot);
      lot = [];
      size = 0;
    }
    lot.push(planned);
    size += planned.item.size;
  }
  if (lot.length > 0) lots.push(lot);
  return lots;
}
