// What experts say of their candidates in 8 bits, as one: counts are summed.
import { z } from 'zod';

/** As an expert's commit states it (dictionaries/recall.ts). */
const stated = z.object({ measured: z.number(), missed: z.number(), exactFrom: z.number().nullable() });

export interface JoinedRecall {
  readonly candidates?: {
    readonly proposed: 'int8';
    readonly recall: number | null;
    readonly measured: number;
    readonly missed: number;
    /** Experts that went on with exact candidates. */
    readonly exactExperts: number;
  };
}

/** Nothing where candidates are exact. @param each by expert */
export function joinRecalls(each: readonly unknown[]): JoinedRecall {
  const found = each.flatMap((own) => stated.safeParse(own).data ?? []);
  if (found.length === 0) return {};
  const measured = found.reduce((sum, own) => sum + own.measured, 0);
  const missed = found.reduce((sum, own) => sum + own.missed, 0);
  const exactExperts = found.filter(({ exactFrom }) => exactFrom !== null).length;
  const recall = measured > 0 ? 1 - missed / measured : null;
  return { candidates: { proposed: 'int8', recall, measured, missed, exactExperts } };
}
