// What a language model that we build and train looks like, in numbers, and which numbers fit together. Names follow
// TransformerLens where Hugging Face's architectures differ; nothing here knows of files or graphs.
import { InputError } from '../../schemas/errors.js';

export const ARCHITECTURE_NAMES = ['gpt2', 'llama'] as const;
export type ArchitectureName = (typeof ARCHITECTURE_NAMES)[number];

export const ACTIVATION_NAMES = ['gelu_tanh', 'gelu', 'relu', 'silu'] as const;
export type ActivationName = (typeof ACTIVATION_NAMES)[number];

export interface ModelSpec {
  readonly architecture: ArchitectureName;
  readonly layers: number;
  /** d_model. */
  readonly width: number;
  readonly heads: number;
  /** Heads of keys and values; each serves heads / keyValueHeads queries. */
  readonly keyValueHeads: number;
  /** d_head. */
  readonly headWidth: number;
  /** d_mlp. */
  readonly mlpWidth: number;
  /** Longest context; the size of the position table where there is one. */
  readonly contextTokens: number;
  readonly vocabulary: number;
  /** Whether the token embedding is the unembedding too. */
  readonly tied: boolean;
  readonly normEpsilon: number;
  readonly activation: ActivationName;
  /** θ of the rotary frequencies θ^(−2i / headWidth); models without rotary positions ignore it. */
  readonly ropeBase: number;
}

const COUNTS = [
  'layers',
  'width',
  'heads',
  'keyValueHeads',
  'headWidth',
  'mlpWidth',
  'contextTokens',
  'vocabulary',
] as const;

/**
 * Returns where a model of these sizes can be built.
 * @throws InputError with every size that does not fit, its value and what to choose instead
 */
export function checkSpec(spec: ModelSpec): void {
  const problems = [...headProblems(spec), ...countProblems(spec), ...floatProblems(spec)];
  if (problems.length === 0) return;
  throw new InputError(`The model cannot be built: ${problems.join(' ')}`, { spec, problems });
}

function headProblems(spec: ModelSpec): string[] {
  const { architecture, width, heads, keyValueHeads, headWidth } = spec;
  const problems: string[] = [];
  const own = architecture === 'llama' && Number.isInteger(headWidth);
  if (width % heads !== 0 && !own) {
    const below = Math.max(heads, Math.floor(width / heads) * heads);
    problems.push(
      `Expected a width that its heads divide, got width ${width} and ${heads} heads. Choose width ${below} or ${below + heads}, or another number of heads.`,
    );
  } else if (architecture === 'gpt2' && width !== heads * headWidth) {
    problems.push(
      `Expected a head width of width / heads = ${width / heads} for gpt2, got ${headWidth}. Leave the head width out.`,
    );
  }
  if (architecture === 'gpt2' && keyValueHeads !== heads) {
    problems.push(
      `Expected as many key-value heads as heads for gpt2, got ${keyValueHeads} and ${heads}. Leave them out, or choose llama.`,
    );
  } else if (heads % keyValueHeads !== 0) {
    problems.push(
      `Expected a number of heads that the key-value heads divide, got ${heads} heads and ${keyValueHeads} key-value heads. Choose a divisor of ${heads}.`,
    );
  }
  if (architecture === 'llama' && headWidth % 2 === 1) {
    problems.push(
      `Expected an even head width for rotary positions, got ${headWidth}. Choose ${headWidth + 1}, or other heads.`,
    );
  }
  return problems;
}

function countProblems(spec: ModelSpec): string[] {
  const problems = COUNTS.filter((name) => {
    const value = spec[name];
    const derived = name === 'headWidth' && spec.width % spec.heads !== 0;
    return !derived && !(Number.isInteger(value) && value >= 1);
  }).map((name) => `Expected ${name} to be a whole number of at least 1, got ${spec[name]}.`);
  if (spec.vocabulary > 2 ** 31 - 1) problems.push(`Expected a vocabulary below 2^31 tokens, got ${spec.vocabulary}.`);
  return problems;
}

function floatProblems(spec: ModelSpec): string[] {
  const problems: string[] = [];
  if (!(spec.normEpsilon > 0 && spec.normEpsilon < 1))
    problems.push(`Expected a normEpsilon between 0 and 1, got ${spec.normEpsilon}. Usual: 1e-5.`);
  if (spec.architecture === 'llama' && !(spec.ropeBase > 1 && Number.isFinite(spec.ropeBase)))
    problems.push(`Expected a ropeBase above 1, got ${spec.ropeBase}. Usual: 10000.`);
  return problems;
}
