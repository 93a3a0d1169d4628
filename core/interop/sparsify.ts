// Reads what EleutherAI's sparsify saves: cfg.json and sae.safetensors, of both generations.
//
//   now        encoder.weight [F, d]  encoder.bias [F]  W_dec [F, d]  b_dec [d]  (W_skip [d, d])
//   before     W_enc and decoder.weight in either orientation, b_enc
//
//   f = the k largest of relu(encoder(x − b_dec)), a transcoder's of relu(encoder(x));  W_skip multiplies x itself.
// Source: sparsify 1.3.3 (sparse_coder.py, config.py, fused_encoder.py). Proof: tests/golden/interop/others.test.ts.
import { InputError } from '../../schemas/errors.js';
import { finishDictionary } from './finish.js';
import { SettingsFields } from './settings-fields.js';
import type { TakenDictionary, TakenTensor } from './taken-dictionary.js';
import type { TensorContainer } from './tensor-container.js';
import { TensorReader } from './tensor-reader.js';

export interface SparsifyFiles {
  readonly cfg: { readonly name: string; readonly value: unknown };
  readonly weights: TensorContainer;
  /** Name of the folder, which sparsify calls after the module. */
  readonly folder: string;
  /** config.json of the training beside the folders, where there is one. */
  readonly training: unknown;
}

/** @throws InputError where the files do not fit together, or hold what cannot be applied */
export async function readSparsify(files: SparsifyFiles): Promise<TakenDictionary> {
  const cfg = new SettingsFields(files.cfg.name, files.cfg.value);
  refuseRules(cfg);
  const read = cfg.size('d_in');
  const features = cfg.number('num_latents') ? cfg.size('num_latents') : read * cfg.size('expansion_factor');
  const k = cfg.size('k');
  const transcoder = cfg.boolean('transcode') ?? false;
  const reader = new TensorReader(files.weights);
  const skip = cfg.boolean('skip_connection') ?? reader.has('W_skip');
  const tensors = await readWeights(reader, { features, read, skip });
  const dtype = reader.typeOf(reader.has('encoder.weight') ? 'encoder.weight' : 'W_enc');
  return finishDictionary({
    ...{ format: 'sparsify', reader, architecture: 'topk', features, read, write: read },
    ...{ transcoder, centred: !transcoder, skip, k, tensors, notes: [] },
    source: { ...sourceOf(files, transcoder), dtype },
  });
}

function refuseRules(cfg: SettingsFields): void {
  const activation = cfg.text('activation') ?? 'topk';
  if (activation !== 'topk')
    throw new InputError(
      `Expected a sparsify dictionary of activation topk in ${cfg.file}, found ${activation}, which this program cannot apply: it keeps the largest of each group of features.`,
      { file: cfg.file, activation },
    );
  if (cfg.boolean('signed') === true)
    throw cfg.wrong('signed', 'false', 'features that may be negative cannot be stored');
}

async function readWeights(
  reader: TensorReader,
  { features, read, skip }: { readonly features: number; readonly read: number; readonly skip: boolean },
): Promise<Map<string, TakenTensor>> {
  const either = { rows: features, columns: read, lies: 'either' } as const;
  const rows = { ...either, lies: 'rows' } as const;
  const now = reader.has('encoder.weight');
  const bias = now ? 'encoder.bias' : 'b_enc';
  const decoder = reader.has('W_dec') ? 'W_dec' : 'decoder.weight';
  const tensors = new Map([
    ['W_enc', await reader.matrix(now ? 'encoder.weight' : 'W_enc', now ? rows : either)],
    ['b_enc', await optional(reader, bias, features)],
    ['W_dec', await reader.matrix(decoder, decoder === 'W_dec' && now ? rows : either)],
    ['b_dec', await optional(reader, reader.has('b_dec') ? 'b_dec' : 'decoder.bias', read)],
  ]);
  if (skip) tensors.set('W_skip', await reader.matrix('W_skip', { rows: read, columns: read, lies: 'rows' }));
  return tensors;
}

/** The oldest files leave out biases that are zero. */
async function optional(reader: TensorReader, name: string, length: number): Promise<TakenTensor> {
  return reader.has(name) ? reader.vector(name, length) : { shape: [length], values: new Float32Array(length) };
}

/** Sites by the module that the folder is called after: a block's output, or an MLP's input and output. */
function sourceOf({ folder, training }: SparsifyFiles, transcode: boolean): Omit<TakenDictionary['source'], 'dtype'> {
  const own = typeof training === 'object' && training !== null ? new SettingsFields('config.json', training) : null;
  const layer = /(?:^|[._])(?:layers|h)[._](\d+)$/.exec(folder)?.[1];
  const mlp = /(?:^|[._])(?:layers|h)[._](\d+)[._]mlp$/.exec(folder)?.[1];
  const writes =
    layer !== undefined ? `blocks.${layer}.hook_resid_post` : mlp === undefined ? null : `blocks.${mlp}.hook_mlp_out`;
  const readsMlp = mlp === undefined ? null : `blocks.${mlp}.ln2.hook_normalized`;
  return {
    kind: transcode ? 'transcoder' : 'topk',
    model: own?.text('model') ?? null,
    reads: listOf(transcode ? readsMlp : writes),
    writes: listOf(transcode && mlp === undefined ? null : writes),
    contextTokens: own?.number('ctx_len') ?? null,
    prepended: null,
  };
}

function listOf(site: string | null): readonly string[] | null {
  return site === null ? null : [site];
}
