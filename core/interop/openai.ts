// Reads the autoencoders of openai/sparse_autoencoder: a .pt of pre_bias [d], encoder.weight [F, d], latent_bias [F],
// decoder.weight [d, F], the name of the activation and its state. With TopK its inputs go through a layer norm without weights, as
// its model.py decides (`normalize = activation_class_name == "TopK"`). Proof: tests/golden/interop/others.test.ts.
import { InputError } from '../../schemas/errors.js';
import { finishDictionary, type FoundDictionary } from './finish.js';
import type { TakenDictionary } from './taken-dictionary.js';
import type { TensorContainer } from './tensor-container.js';
import { TensorReader } from './tensor-reader.js';

/** @throws InputError where tensors are missing or do not fit, or the activation lets negative values through */
export async function readOpenai(weights: TensorContainer): Promise<TakenDictionary> {
  const reader = new TensorReader(weights);
  const [features = 0, read = 0] = [...reader.shapeOf('latent_bias', 1), ...reader.shapeOf('pre_bias', 1)];
  const tensors = new Map([
    ['W_enc', await reader.matrix('encoder.weight', { rows: features, columns: read, lies: 'rows' })],
    ['b_enc', await reader.vector('latent_bias', features)],
    ['W_dec', await reader.matrix('decoder.weight', { rows: features, columns: read, lies: 'columns' })],
    ['b_dec', await reader.vector('pre_bias', read)],
  ]);
  return finishDictionary({
    ...{ format: 'openai', reader, features, read, write: read, transcoder: false, centred: true },
    idle: ['stats_last_nonzero'],
    ...{ ...ruleOf(weights), tensors, notes: [] },
    source: {
      ...{ kind: String(weights.values.get('activation') ?? 'ReLU'), model: null, reads: null, writes: null },
      ...{ contextTokens: null, prepended: null, dtype: reader.typeOf('encoder.weight') },
    },
  });
}

function ruleOf({ name, values }: TensorContainer): Pick<FoundDictionary, 'architecture' | 'k' | 'inputTransform'> {
  const activation = values.get('activation') ?? 'ReLU';
  if (activation === 'ReLU') return { architecture: 'relu' };
  const after = values.get('activation_state_dict.postact_fn');
  const k = values.get('activation_state_dict.k');
  if (activation === 'TopK' && after === 'ReLU' && typeof k === 'number')
    return { architecture: 'topk', k, inputTransform: 'layernorm' };
  const found = `${String(activation)}${activation === 'TopK' ? ` of k ${String(k)}, then ${String(after)}` : ''}`;
  throw new InputError(
    `Expected the activation of ${name} to be ReLU, or TopK of some k then ReLU, found ${found}; features that may be negative cannot be stored.`,
    { file: name, activation: String(activation) },
  );
}
