// What is expected of every family in tests/fixtures/families: exactly which sites each block has, and for which the resolver
// must say that it is not certain, in which words. A resolver that finds less, or more, than the table says fails.

export interface Family {
  readonly name: string;
  readonly exporters: readonly ('dynamo' | 'legacy')[];
  readonly layers: number;
  readonly norm: 'pre' | 'post';
  /** Kinds of sites of every block, without `blocks.N.`. */
  readonly has: ReadonlySet<string>;
  /** Kinds that block 0 has not, though the others have. */
  readonly notInFirst: ReadonlySet<string>;
  /** Why the resolver leaves kinds out: start of its reason, by kind. */
  readonly refused: Readonly<Record<string, string>>;
  /**
   * Scores, where no mask lies: a multiple of the product of (rotated) queries and keys (plain; with sinks, whose share of the
   * pattern has no value), of these after a norm, or with a bias added.
   */
  readonly attention: 'plain' | 'sinks' | 'normed' | 'biased';
}

const NORMS = ['ln1', 'ln2'];
const parts = (norms: readonly string[]): string[] =>
  norms.flatMap((norm) => [`${norm}.hook_scale`, `${norm}.hook_normalized`]);

/** What every block of a serial transformer with one norm before (or after) each branch has. */
const USUAL = [
  ...['hook_resid_pre', 'hook_attn_out', 'hook_resid_mid', 'hook_mlp_in', 'hook_mlp_out'],
  ...['hook_resid_post', 'mlp.hook_pre', 'mlp.hook_post', ...parts(NORMS)],
  ...['q', 'k', 'v', 'attn_scores', 'pattern', 'z'].map((part) => `attn.hook_${part}`),
];
const ROTARY = ['attn.hook_rot_q', 'attn.hook_rot_k'];
/** Norms on what a branch gives, before it is added. */
const BRANCH_NORMS = parts(['ln1_post', 'ln2_post']);
/** The sum that the last norm of a post-norm block reads. */
const POST = ['hook_resid_sum'];
/** Attention and MLP read the same stream: nothing lies between them. */
const PARALLEL = ['hook_resid_mid'];
/** … and through the same norm. */
const ONE_NORM = [...PARALLEL, ...parts(['ln2'])];

interface Row {
  readonly exporters?: Family['exporters'];
  readonly layers?: number;
  readonly norm?: Family['norm'];
  /** Beyond the usual kinds. */
  readonly plus?: readonly string[];
  /** Usual kinds that there are none of. */
  readonly minus?: readonly string[];
  readonly notInFirst?: readonly string[];
  readonly refused?: Readonly<Record<string, string>>;
  readonly attention?: Family['attention'];
}

function family(name: string, row: Row): Family {
  const { exporters = ['dynamo'], layers = 2, norm = 'pre', refused = {} } = row;
  const gone = new Set([...(row.minus ?? []), ...Object.keys(refused)]);
  return {
    ...{ name, exporters, layers, norm, refused },
    has: new Set([...USUAL, ...(row.plus ?? [])].filter((kind) => !gone.has(kind))),
    notInFirst: new Set(row.notInFirst),
    attention: row.attention ?? 'plain',
  };
}

const BOTH = ['dynamo', 'legacy'] as const;
const EXPERTS = 'all of it passes through no projection';
const THREE_PRODUCTS = 'the scores are not one product of queries and keys';
const SEVERAL_VALUES = 'the pattern is multiplied with 2 values';

export const FAMILY_ROWS: readonly Family[] = [
  family('albert', { exporters: BOTH, norm: 'post', plus: POST }),
  family('bloom', { exporters: BOTH, attention: 'biased' }),
  family('codegen', { plus: ROTARY, minus: ONE_NORM }),
  family('cohere', { plus: ROTARY, minus: ONE_NORM }),
  family('deberta2', {
    norm: 'post',
    attention: 'biased',
    plus: POST,
    refused: { 'attn.hook_q': THREE_PRODUCTS, 'attn.hook_k': THREE_PRODUCTS },
  }),
  family('deepseek3', {
    plus: ['attn.hook_rot_q'],
    refused: { 'attn.hook_k': 'it is put together from several projections' },
  }),
  family('diffllama', {
    plus: ROTARY,
    refused: { 'attn.hook_v': SEVERAL_VALUES, 'attn.hook_z': SEVERAL_VALUES },
  }),
  family('falcon', { exporters: BOTH, plus: ROTARY, minus: ONE_NORM }),
  family('falcon-new', { exporters: BOTH, plus: ROTARY, minus: PARALLEL }),
  family('gemma3', { plus: [...ROTARY, ...BRANCH_NORMS] }),
  family('gpt2-deep', { layers: 6 }),
  family('gptj', { exporters: BOTH, plus: ROTARY, minus: ONE_NORM }),
  family('gptneo', {}),
  family('gptoss', {
    exporters: BOTH,
    attention: 'sinks',
    plus: ROTARY,
    refused: { 'mlp.hook_pre': EXPERTS, 'mlp.hook_post': EXPERTS },
  }),
  family('granite', { plus: ROTARY }),
  family('llama-sdpa', { exporters: BOTH, plus: ROTARY }),
  family('llama-wide', { plus: ROTARY }),
  family('modernbert', { plus: ROTARY, notInFirst: parts(['ln1']) }),
  family('nanochat', { plus: ROTARY, attention: 'normed' }),
  family('olmo2', { plus: [...ROTARY, ...BRANCH_NORMS], minus: parts(NORMS) }),
  family('opt', { exporters: BOTH }),
  family('opt-postnorm', { norm: 'post', plus: POST }),
  family('phi3', { plus: ROTARY }),
];
