// What to tell of a name that is no site of a model: why the model lacks it, what it may have meant, or what there is. A block
// that was named is kept where the model has it, so that no layer is left out by chance.
import { nearestNames } from '../text/nearest-names.js';
import { sitePattern } from './site-pattern.js';
import type { UnresolvedSite } from './sites.js';

export interface KnownSites {
  readonly sites: readonly { readonly name: string }[];
  readonly layers: number;
  readonly unresolved?: readonly UnresolvedSite[] | undefined;
  /** Names that may stand for a site here: the model's own outputs. */
  readonly others?: readonly string[] | undefined;
}

export interface SiteHint {
  /** One clause: `nearest: …`, `known: …`, or why the site is not to be had. */
  readonly text: string;
  readonly nearest: readonly string[];
}

/** A hint for a name or pattern that names no site of a model. */
export function siteHint(name: string, { sites, layers, unresolved = [], others = [] }: KnownSites): SiteHint {
  const expression = sitePattern(name);
  const missing = unresolved.find(({ site }) => expression.test(site));
  if (missing)
    return { text: `${missing.site} cannot be told from the model's structure: ${missing.reason}`, nearest: [] };
  const names = [...sites.map((site) => site.name), ...others];
  const nearest = nearestSites(name, names, layers);
  if (nearest.length > 0) return { text: `nearest: ${nearest.join(', ')}`, nearest };
  return { text: `known: ${kindsOf(names).join(', ')}`, nearest };
}

function nearestSites(name: string, names: readonly string[], layers: number): string[] {
  const [, block] = /^blocks\.(\d+)\./.exec(name) ?? [];
  const kinds = kindsOf(names);
  if (block === undefined) return nearestNames(name, kinds);
  // A block beyond the last one means the last one.
  const own = `blocks.${Math.min(Number(block), layers - 1)}.`;
  const wanted = name.replace(/^blocks\.\d+\./, own);
  const inBlock = names.filter((one) => one.startsWith(own) || !one.startsWith('blocks.'));
  return inBlock.includes(wanted) ? [wanted] : nearestNames(wanted, inBlock);
}

/** Names with `*` for the block, each once. */
function kindsOf(names: readonly string[]): string[] {
  return [...new Set(names.map((name) => name.replace(/^blocks\.\d+\./, 'blocks.*.')))];
}
