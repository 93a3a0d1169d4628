// The order in which the training of a language model sees contexts of a token stream: a pure function of (seed, stream,
// step), so that a resumed training recomputes it.
//
//   T = ⌊(tokens − 1) / C⌋ contexts of C input tokens; the target of a token is the one behind it, so a context spans C + 1
//   epochs   context n of the training (n = step · B + j) is number π_e(n mod T) of epoch e = ⌊n / T⌋, where π_e is a keyed
//            Feistel permutation; it begins at shift_e + C · number, with a keyed shift_e in 0 … (tokens − 1) mod C: every
//            token is the input of one context per epoch, but for fewer than C at the stream's ends
//   random   every context begins anywhere in 0 … tokens − C − 1, keyed by the step
import { feistelPermutation } from '../tensor/feistel.js';
import { KeyedRandom } from '../tensor/random.js';

export interface ContextOrder {
  readonly sampling: 'epochs' | 'random';
  readonly seed: number;
  /** Digest of the stream. */
  readonly stream: string;
  readonly tokens: number;
  readonly contextTokens: number;
  /** Contexts per step. */
  readonly batch: number;
}

/** Contexts of one epoch; 0 where the stream is shorter than one context and its last target. */
export function contextsPerEpoch({ tokens, contextTokens }: Pick<ContextOrder, 'tokens' | 'contextTokens'>): number {
  return Math.max(0, Math.floor((tokens - 1) / contextTokens));
}

/** Where the contexts of a step (0 for the first) begin in the stream, [batch]. */
export function contextOffsets(order: ContextOrder): (step: number) => Float64Array {
  return order.sampling === 'random' ? randomOffsets(order) : epochOffsets(order);
}

function randomOffsets(order: ContextOrder): (step: number) => Float64Array {
  const { seed, stream, tokens, contextTokens, batch } = order;
  return (step) => {
    const random = new KeyedRandom('contexts', seed, stream, step);
    return Float64Array.from({ length: batch }, () => random.nextInt(tokens - contextTokens));
  };
}

function epochOffsets(order: ContextOrder): (step: number) => Float64Array {
  const { seed, stream, tokens, contextTokens, batch } = order;
  const contexts = contextsPerEpoch(order);
  const slack = ((tokens - 1) % contextTokens) + 1;
  let held = { epoch: -1, shift: 0, at: (i: number): number => i };
  const epochAt = (epoch: number): typeof held => {
    if (held.epoch !== epoch) {
      const shift = new KeyedRandom('shift', seed, stream, epoch).nextInt(slack);
      const at = feistelPermutation(contexts, 'contexts', seed, stream, epoch);
      held = { epoch, shift, at };
    }
    return held;
  };
  return (step) =>
    Float64Array.from({ length: batch }, (_, j) => {
      const n = step * batch + j;
      const { shift, at } = epochAt(Math.floor(n / contexts));
      return shift + contextTokens * at(n % contexts);
    });
}
