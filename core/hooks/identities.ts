// Equations that the sites of one forward pass must obey, whatever the architecture: a site that the resolver took for another
// breaks one of them. Pure; which values are computed, and what happens to a site that fails, is decided elsewhere.
//
//   resid_mid = resid_pre + attn_out            resid_post = resid_mid + mlp_out       (parallel: pre + attn_out + mlp_out;
//   post-norm: resid_sum = mlp_in + mlp_out)    normalized · scale = x − mean(x), or x      scale² − mean(c²) = eps, one number ≥ 0
//   pattern_i ∝ exp(scores_i), Σ_j pattern_ij = 1 (less than 1 everywhere where a sink takes part); later positions
//   have weight in no block or in all        z_h = pattern_h · v_{kv(h)}, kv(h) = h div r or h mod kv_heads, r heads per kv_head
//   scores = scale · q · kᵀ + mask, where the graph has nothing else between them: mask and scale the same for every row
//   mlp.post = f(mlp.pre), where the graph has one f of one number between them, the same at every place
// Errors are max |left − right| / max |right|, for eps max − min over rows relative to max scale².
import {
  curveError,
  futureError,
  matrixProductError,
  normError,
  patternError,
  scoresError,
  sumError,
  type SiteValue,
} from './identity-errors.js';
import type { ModelSites } from './sites.js';

/** An equation that does not hold. */
export interface BrokenIdentity {
  /** The sites that it is about: none of them is certain. */
  readonly sites: readonly string[];
  readonly equation: string;
  readonly error: number;
  readonly tolerance: number;
  /** What was found, where that is no error of numbers. */
  readonly found?: string;
  /** The first of the sites whose values are no numbers: then the equation says nothing about the structure. */
  readonly notFinite?: string;
}

/** One equation over named sites. */
export interface Identity {
  readonly equation: string;
  readonly sites: readonly string[];
  readonly error: (values: readonly SiteValue[]) => number;
}

interface IdentityKind {
  readonly equation: string;
  /** Names within a block. */
  readonly sites: readonly string[];
  /** A block that has one of these obeys another equation. */
  readonly unless?: readonly string[];
  readonly error: (values: readonly SiteValue[]) => number;
}

const KINDS: readonly IdentityKind[] = [
  sum('hook_resid_mid', ['hook_resid_pre', 'hook_attn_out']),
  sum('hook_resid_post', ['hook_resid_mid', 'hook_mlp_out'], ['hook_resid_sum']),
  sum('hook_resid_post', ['hook_resid_pre', 'hook_attn_out', 'hook_mlp_out'], ['hook_resid_mid', 'hook_resid_sum']),
  sum('hook_resid_sum', ['hook_mlp_in', 'hook_mlp_out']),
  norm('ln1', 'hook_resid_pre', { unless: ['hook_resid_sum'] }),
  norm('ln1', 'hook_resid_mid', { also: ['hook_resid_sum'] }),
  norm('ln2', 'hook_mlp_in', { unless: ['hook_resid_sum'] }),
  norm('ln2', 'hook_resid_sum'),
  innerNorm('ln1_post'),
  innerNorm('ln2_post'),
  {
    equation: 'pattern = softmax(scores)',
    sites: ['attn.hook_pattern', 'attn.hook_attn_scores'],
    error: ([pattern, scores]) => patternError(pattern, scores),
  },
  {
    equation: 'z = pattern · v',
    sites: ['attn.hook_z', 'attn.hook_pattern', 'attn.hook_v'],
    error: ([z, pattern, v]) => matrixProductError(z, pattern, v),
  },
];

/** The equations that the sites of a model obey, in the order of its blocks; those of its scores where they are known. */
export function identitiesOf(
  names: readonly string[],
  { scoreTies = [], curveTies = [] }: Partial<Pick<ModelSites, 'scoreTies' | 'curveTies'>> = {},
): Identity[] {
  const all = new Set(names);
  const blocks = new Set(names.map((name) => /^blocks\.\d+\./.exec(name)?.[0]));
  const found: Identity[] = [];
  let last = '';
  for (const block of blocks) {
    if (block === undefined) continue;
    last = block;
    for (const { equation, sites, unless = [], error } of KINDS) {
      const own = sites.map((name) => block + name);
      const other = unless.some((name) => all.has(block + name));
      if (!other && own.every((name) => all.has(name))) found.push({ equation, sites: own, error });
    }
  }
  const final = ['ln_final.hook_normalized', 'ln_final.hook_scale', `${last}hook_resid_post`];
  const { equation, error } = norm('ln_final', 'hook_resid_post');
  if (final.every((name) => all.has(name))) found.push({ equation, sites: final, error });
  for (const { scores, q, k, cap } of scoreTies) {
    const sites = [scores, q, k];
    const product = cap === null ? 'scale · q · kᵀ' : `${cap.toPrecision(3)} · tanh(scale · q · kᵀ)`;
    const error = ([s, left, right]: readonly SiteValue[]): number => scoresError(s, [left, right], cap);
    if (sites.every((name) => all.has(name))) found.push({ equation: `scores = ${product} + mask`, sites, error });
  }
  for (const { pre, post } of curveTies) {
    const error = ([y, x]: readonly SiteValue[]): number => curveError(y, x);
    if (all.has(pre) && all.has(post))
      found.push({ equation: 'post = f(pre), one f at every place', sites: [post, pre], error });
  }
  const patterns = names.filter((name) => name.endsWith('.attn.hook_pattern'));
  if (patterns.length > 1)
    found.push({
      equation: 'later positions have weight in no pattern or in every one',
      sites: patterns,
      error: futureError,
    });
  return found;
}

/** The equations that the values break by more than `tolerance`; those that lack a value are left out. */
export function brokenIdentities(
  identities: readonly Identity[],
  values: ReadonlyMap<string, SiteValue>,
  tolerance: number,
): BrokenIdentity[] {
  return identities.flatMap(({ equation, sites, error }) => {
    const own = sites.flatMap((site) => values.get(site) ?? []);
    if (own.length < sites.length) return [];
    const found = error(own);
    // NaN is no small error.
    if (found <= tolerance) return [];
    const notFinite = sites.find((site, i) => !holdsNumbers(site, own[i]));
    return [{ sites, equation, error: found, tolerance, ...(notFinite !== undefined && { notFinite }) }];
  });
}

/** Whether a site holds numbers alone. A score may be −∞: that is how a mask hides a position. */
function holdsNumbers(site: string, value: SiteValue | undefined): boolean {
  const masked = site.endsWith('attn.hook_attn_scores');
  return value?.data.every((one) => Number.isFinite(one) || (masked && one === -Infinity)) ?? true;
}

function sum(total: string, parts: readonly string[], unless: readonly string[] = []): IdentityKind {
  const short = (name: string): string => name.replace('hook_', '');
  return {
    equation: `${short(total)} = ${parts.map(short).join(' + ')}`,
    sites: [total, ...parts],
    unless,
    error: ([left, ...right]) => sumError(left, right),
  };
}

function norm(
  name: string,
  input: string,
  { unless = [], also = [] }: { readonly unless?: readonly string[]; readonly also?: readonly string[] } = {},
): IdentityKind {
  return {
    equation: `${name}: normalized · scale = x − mean(x) or x, scale² = variance + eps, x = ${input.replace('hook_', '')}`,
    sites: [`${name}.hook_normalized`, `${name}.hook_scale`, input, ...also],
    unless,
    error: ([normalized, scale, x]) => normError(normalized, scale, x),
  };
}

function innerNorm(name: string): IdentityKind {
  return {
    equation: `${name}: scale² = mean((normalized · scale)²) + eps`,
    sites: [`${name}.hook_normalized`, `${name}.hook_scale`],
    error: ([normalized, scale]) => normError(normalized, scale),
  };
}
