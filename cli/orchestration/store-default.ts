// Says that the commands of a folder mean another store than before, which `up` and `run` bring about.
import type { Output } from '../output.js';

/** Says which store the commands of a folder mean from now on, where that changed. */
export function sayDefault(
  output: Pick<Output, 'note'>,
  { folder, store, before }: { readonly folder: string; readonly store: string; readonly before: string | null },
): void {
  if (before === store) return;
  const instead = before === null ? '' : `, no longer ${before}`;
  output.note(`commands in ${folder} read ${store} from now on${instead}`);
}
