// Whether the values of a site lie in the axes that it says, told from a run: their shape for a number of rows that is not the
// number of positions, and where they change when one place of the input changes. Pure; what is run is decided elsewhere.
//
//   place  a change at (row r, position p) changes the site at (r, p) alone: what is computed position by position
//   pairs  … at row r, where the query or the key is p         row   … anywhere in row r, and in no other row
// The error is the largest change outside the reach, relative to the largest one inside.
import type { SiteValue } from './identity-errors.js';
import type { Site } from './sites.js';

export type Reach = 'place' | 'pairs' | 'row';

export interface Place {
  readonly row: number;
  readonly pos: number;
}

type SiteAxes = Pick<Site, 'axes' | 'sizes'>;

/** The sizes that a site has for contexts [rows, tokens]; null where it can be any. */
export function expectedDims({ axes, sizes }: SiteAxes, rows: number, tokens: number): readonly (number | null)[] {
  return axes.map((axis, i) => {
    const size = sizes[i];
    if (axis === 'batch') return size === 1 ? 1 : rows;
    if (axis === 'pos' || axis === 'query_pos' || axis === 'key_pos') return tokens;
    return typeof size === 'number' ? size : null;
  });
}

/** Whether a tensor has the sizes that its site should have. */
export function hasDims(dims: readonly number[], expected: readonly (number | null)[]): boolean {
  return dims.length === expected.length && expected.every((size, i) => size === null || size === dims[i]);
}

/** How far beyond its reach a change goes, relative to the change within; 0 where nothing changes. */
export function reachError(
  [before, after]: readonly [SiteValue, SiteValue],
  { axes, reach, place }: { readonly axes: readonly string[]; readonly reach: Reach; readonly place: Place },
): number {
  const within = reachTest(axes, before.dims, { reach, place });
  let [inside, outside] = [0, 0];
  before.data.forEach((value, i) => {
    const other = after.data[i] as number;
    const change = Object.is(value, other) ? 0 : Math.abs(value - other);
    if (within(i)) inside = Math.max(inside, change);
    else outside = Math.max(outside, change);
  });
  return outside === 0 ? 0 : outside / inside;
}

function reachTest(
  axes: readonly string[],
  dims: readonly number[],
  { reach, place }: { readonly reach: Reach; readonly place: Place },
): (index: number) => boolean {
  const stride = (axis: number): number => dims.slice(axis + 1).reduce((a, b) => a * b, 1);
  const at = (name: string): ((index: number) => number) => {
    const axis = axes.indexOf(name);
    const [step, size] = [stride(axis), dims[axis] ?? 1];
    return (index) => Math.floor(index / step) % size;
  };
  const row = at('batch');
  if (reach === 'row') return (i) => row(i) === place.row;
  if (reach === 'place') {
    const pos = at('pos');
    return (i) => row(i) === place.row && pos(i) === place.pos;
  }
  const [query, key] = [at('query_pos'), at('key_pos')];
  return (i) => row(i) === place.row && (query(i) === place.pos || key(i) === place.pos);
}

/** Sites of a block that are computed position by position from the stream before it. */
const FROM_STREAM = [
  'hook_resid_pre',
  'attn.hook_q',
  'attn.hook_k',
  'attn.hook_v',
  'attn.hook_rot_q',
  'attn.hook_rot_k',
];
const NORM_BEFORE = ['ln1.hook_scale', 'ln1.hook_normalized'];
/** Sites of a parallel block's MLP, which reads the stream before the block. */
const FROM_PARALLEL = /^(mlp\.|ln2|hook_mlp_)/;

/** Where a change of the stream before a block reaches a site. */
export function reachFromStream(site: string, block: string, names: ReadonlySet<string>): Reach {
  if (!site.startsWith(block)) return 'row';
  const kind = site.slice(block.length);
  if (kind === 'attn.hook_attn_scores') return 'pairs';
  const isPost = names.has(`${block}hook_resid_sum`);
  if (FROM_STREAM.includes(kind) || (NORM_BEFORE.includes(kind) && !isPost)) return 'place';
  return FROM_PARALLEL.test(kind) && !names.has(`${block}hook_resid_mid`) && !isPost ? 'place' : 'row';
}

/** Where a change of what a block's MLP reads reaches a site: the rest of the block is computed position by position. */
export function reachFromMlp(site: string, block: string): Reach {
  return site.startsWith(block) && !site.startsWith(`${block}attn.`) ? 'place' : 'row';
}

/** Where a change of a token reaches a site. */
export function reachFromToken(site: string): Reach {
  return site === 'hook_embed' || site === 'blocks.0.hook_resid_pre' ? 'place' : 'row';
}
