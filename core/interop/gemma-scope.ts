// Reads Gemma Scope: params.npz of W_enc [d, F], W_dec [F, d_out], b_enc [F], b_dec [d_out], threshold [F], a JumpReLU that subtracts
// nothing from its input. The file says neither model nor site, and a transcoder's file looks like an autoencoder's.
// Source: Lieberum et al. 2024, arXiv 2408.05147, and the tutorial of its release. Proof: tests/golden/interop/others.test.ts.
import { finishDictionary } from './finish.js';
import type { TakenDictionary } from './taken-dictionary.js';
import type { TensorContainer } from './tensor-container.js';
import { TensorReader } from './tensor-reader.js';

/** @param asTranscoder what the run says, as the file does not @throws InputError where tensors are missing or do not fit */
export async function readGemmaScope(weights: TensorContainer, asTranscoder: boolean): Promise<TakenDictionary> {
  const reader = new TensorReader(weights);
  const name = (letter: 'enc' | 'dec'): string => (reader.has(`w_${letter}`) ? `w_${letter}` : `W_${letter}`);
  const [features = 0] = reader.shapeOf('b_enc', 1);
  const [write = 0] = reader.shapeOf('b_dec', 1);
  const [first = 0, second = 0] = reader.shapeOf(name('enc'), 2);
  const read = first === features ? second : first;
  const tensors = new Map([
    ['W_enc', await reader.matrix(name('enc'), { rows: features, columns: read, lies: 'columns' })],
    ['b_enc', await reader.vector('b_enc', features)],
    ['threshold', await reader.vector('threshold', features)],
    ['W_dec', await reader.matrix(name('dec'), { rows: features, columns: write, lies: 'rows' })],
    ['b_dec', await reader.vector('b_dec', write)],
  ]);
  const transcoder = asTranscoder || read !== write;
  const notes = transcoder
    ? []
    : [
        'The file does not say whether it is of an autoencoder or of a transcoder; it is taken as an autoencoder unless the run says otherwise.',
      ];
  return finishDictionary({
    ...{ format: 'gemma-scope', reader, architecture: 'jumprelu', features, read, write },
    ...{ transcoder, centred: false, tensors, notes },
    source: {
      ...{ kind: 'jumprelu', model: null, reads: null, writes: null, contextTokens: null, prepended: null },
      dtype: reader.typeOf(name('enc')),
    },
  });
}
