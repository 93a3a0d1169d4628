// Writes a dictionary as sparsify 1.3 saves one: cfg.json and sae.safetensors. It has topk alone, with as many dimensions written as
// read. Proof: as write-saelens.ts.
import { InputError } from '../../schemas/errors.js';
import { rowNorms } from './fold.js';
import type { TakenDictionary } from './taken-dictionary.js';
import { asStored, tensorOf, type ExportFacts, type WrittenDictionary } from './written-dictionary.js';

/** @throws InputError where sparsify cannot compute it */
export function writeSparsify(dictionary: TakenDictionary, facts: ExportFacts): WrittenDictionary {
  const { settings, wiring, readWidths, writeWidths } = dictionary;
  const [read = 0, write = 0] = [readWidths[0], writeWidths[0]];
  const { architecture, features, k, skip, inputTransform } = settings;
  const fault =
    architecture !== 'topk'
      ? `its kind is ${architecture}: write it with --format saelens`
      : wiring === 'crossLayer'
        ? 'it is a cross-layer transcoder'
        : read !== write
          ? `it reads ${read} dimensions and writes ${write}`
          : inputTransform !== undefined
            ? `it transforms its input (${inputTransform})`
            : null;
  if (fault !== null)
    throw new InputError(
      `Expected a dictionary that sparsify can hold (topk, as wide where it writes as where it reads, no input transform), found of ${facts.name} that ${fault}.`,
      { dictionary: facts.name, architecture, wiring },
    );
  const unit = rowNorms(tensorOf(dictionary, 'W_dec')).every((norm) => Math.abs(norm - 1) < 1e-3);
  const cfg = {
    activation: 'topk',
    expansion_factor: Math.max(1, Math.round(features / read)),
    normalize_decoder: unit,
    num_latents: features,
    k,
    multi_topk: false,
    skip_connection: skip === true,
    transcode: wiring === 'other',
    d_in: read,
  };
  const tensors = new Map([
    ['W_dec', asStored(tensorOf(dictionary, 'W_dec'))],
    ['b_dec', asStored(tensorOf(dictionary, 'b_dec'))],
    ['encoder.weight', asStored(tensorOf(dictionary, 'W_enc'))],
    ['encoder.bias', asStored(tensorOf(dictionary, 'b_enc'))],
    ...(skip === true ? ([['W_skip', asStored(tensorOf(dictionary, 'W_skip'))]] as const) : []),
  ]);
  const site = dictionary.source.writes?.[0];
  const notes = [
    `sparsify holds neither model nor site; it tells the site by the folder's name${site === undefined ? '' : ` (here ${site})`}.`,
  ];
  return { kind: wiring === 'other' ? 'transcoder' : 'topk', cfg, file: 'sae.safetensors', tensors, notes };
}
