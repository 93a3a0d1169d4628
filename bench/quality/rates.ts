// Each side's learning rate: the best of those that all are given. Where it stands at the edge another is tried beyond it, so that
// no side is held back by a grid that was made for another.

export interface Rates {
  readonly chosen: number;
  /** In ascending order. */
  readonly tried: readonly { readonly lr: number; readonly fvu: number }[];
}

/** Most rates beyond the given ones. */
const MOST_BEYOND = 3;

/** @param fvusOf FVU reached with each of some rates */
export async function chooseRate(
  given: readonly number[],
  fvusOf: (rates: readonly number[]) => Promise<readonly number[]>,
): Promise<Rates> {
  const tried: { readonly lr: number; readonly fvu: number }[] = [];
  let next = [...given];
  for (let beyond = 0; ; beyond++) {
    const fvus = await fvusOf(next);
    tried.push(...next.map((lr, i) => ({ lr, fvu: fvus[i] ?? NaN })));
    tried.sort((a, b) => a.lr - b.lr);
    const best = tried.reduce((least, one) => (one.fvu < least.fvu || Number.isNaN(least.fvu) ? one : least));
    const at = tried.indexOf(best);
    const atEdge = at === 0 ? best.lr / 2 : at === tried.length - 1 ? best.lr * 2 : null;
    if (atEdge === null || beyond === MOST_BEYOND) return { chosen: best.lr, tried };
    next = [atEdge];
  }
}
