// Whether b_dec is subtracted from what is encoded differs from source to source; our kinds decide it by name (architectures.ts):
// relu, topk, batchtopk, matryoshka and gated centre where they read the site that they write, jumprelu never. A dictionary that
// differs gets other biases, and computes the same.
import type { TakenDictionary, TakenSettings, TakenTensor, TakenTensors } from './taken-dictionary.js';
import { foldCentring } from './fold.js';

/** Whether our kind subtracts b_dec. */
export function ourCentring(architecture: TakenSettings['architecture'], wiring: TakenDictionary['wiring']): boolean {
  return wiring === 'same' && architecture !== 'jumprelu';
}

/** Tensors for our kind, from those of a source that subtracts b_dec or not. */
export function withOurCentring(
  tensors: TakenTensors,
  of: {
    readonly architecture: TakenSettings['architecture'];
    readonly wiring: TakenDictionary['wiring'];
    readonly centred: boolean;
  },
): { readonly tensors: TakenTensors; readonly notes: readonly string[] } {
  const ours = ourCentring(of.architecture, of.wiring);
  const silent = (tensors.get('b_dec') as TakenTensor).values.every((value) => value === 0);
  if (ours === of.centred || silent) return { tensors, notes: [] };
  const note = of.centred
    ? 'The source encodes x − b_dec, our jumprelu x: W_enc b_dec is folded into b_enc.'
    : `The source encodes x, our ${of.architecture} x − b_dec: W_enc b_dec is folded into the biases.`;
  return { tensors: foldCentring(tensors, of.centred ? -1 : 1), notes: [note] };
}
