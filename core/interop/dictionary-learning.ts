// Reads dictionaries of saprmarks/dictionary_learning: ae.pt (a pickle, read without running it) and config.json, which names the
// class. Without config.json the tensors tell the class where only one has them.
//
//   AutoEncoder            f = relu(W (x − bias) + b), decoder rows brought to norm 1 as its `from_pretrained` does
//   AutoEncoderNew         f = relu(W x + b)
//   GatedAutoEncoder       gated, on x − decoder_bias
//   JumpReluAutoEncoder    f = relu(z 1[z > threshold]), z = W x + b
//   AutoEncoderTopK        f = the k largest of relu(W (x − b_dec) + b)
//   BatchTopKSAE, MatryoshkaBatchTopKSAE   f = relu(z) 1[relu(z) > threshold], one threshold, z = W (x − b_dec) + b
// Source: dictionary_learning 0.1.0 (dictionary.py, trainers/top_k.py, batch_top_k.py, matryoshka_batch_top_k.py). Proof:
// tests/golden/interop/others.test.ts.
import { InputError } from '../../schemas/errors.js';
import { finishDictionary, type FoundDictionary } from './finish.js';
import { foldDecoderNorms, rowNorms } from './fold.js';
import { SettingsFields } from './settings-fields.js';
import type { TakenDictionary, TakenTensor } from './taken-dictionary.js';
import type { TensorContainer } from './tensor-container.js';
import { TensorReader, type Lies } from './tensor-reader.js';

export interface DictionaryLearningFiles {
  readonly weights: TensorContainer;
  readonly config: { readonly name: string; readonly value: unknown } | null;
}

interface ClassLayout {
  readonly rule: FoundDictionary['architecture'];
  readonly centred: boolean;
  readonly encoder: readonly [name: string, lies: Lies];
  readonly decoder: readonly [name: string, lies: Lies];
  readonly outBias: string;
  /** Ours by theirs; features long. */
  readonly vectors: readonly (readonly [ours: string, theirs: string])[];
  /** Tensors that its inference leaves out. */
  readonly idle?: readonly string[];
}

const LINEAR = { encoder: ['encoder.weight', 'rows'], decoder: ['decoder.weight', 'columns'] } as const;
const PLAIN = { encoder: ['W_enc', 'columns'], decoder: ['W_dec', 'rows'] } as const;
const BIAS = [['b_enc', 'encoder.bias']] as const;

const CLASSES: Readonly<Record<string, ClassLayout>> = {
  AutoEncoder: { rule: 'relu', centred: true, ...LINEAR, outBias: 'bias', vectors: BIAS },
  AutoEncoderNew: { rule: 'relu', centred: false, ...LINEAR, outBias: 'decoder.bias', vectors: BIAS },
  GatedAutoEncoder: {
    ...{ rule: 'gated', centred: true, ...LINEAR, outBias: 'decoder_bias' },
    vectors: [
      ['b_gate', 'gate_bias'],
      ['r_mag', 'r_mag'],
      ['b_mag', 'mag_bias'],
    ],
  },
  JumpReluAutoEncoder: {
    ...{ rule: 'jumprelu', centred: false, ...PLAIN, outBias: 'b_dec' },
    vectors: [
      ['b_enc', 'b_enc'],
      ['threshold', 'threshold'],
    ],
  },
  // Its threshold is used by `encode(use_threshold=True)` alone, which is no default.
  AutoEncoderTopK: {
    ...{ rule: 'topk', centred: true, ...LINEAR, outBias: 'b_dec', vectors: BIAS },
    idle: ['threshold'],
  },
  BatchTopKSAE: { rule: 'batchtopk', centred: true, ...LINEAR, outBias: 'b_dec', vectors: BIAS },
  MatryoshkaBatchTopKSAE: {
    ...{ rule: 'matryoshka', centred: true, ...PLAIN, outBias: 'b_dec' },
    vectors: [['b_enc', 'b_enc']],
  },
};

/** @throws InputError where the class cannot be told or is unknown, or its tensors do not fit */
export async function readDictionaryLearning({ weights, config }: DictionaryLearningFiles): Promise<TakenDictionary> {
  const reader = new TensorReader(weights);
  const trainer = config === null ? null : new SettingsFields(config.name, config.value).inner('trainer');
  const name = trainer?.text('dict_class') ?? classByTensors(reader, weights);
  const layout = CLASSES[name];
  if (layout === undefined)
    throw new InputError(
      `Expected a dictionary of one of the classes ${Object.keys(CLASSES).join(', ')} in ${weights.name}, found ${name}; save it as one of these.`,
      { file: weights.name, class: name },
    );
  const [features = 0] = reader.shapeOf(layout.vectors[0]?.[1] ?? '', 1);
  const [width = 0] = reader.shapeOf(layout.outBias, 1);
  const notes: string[] = [];
  const tensors = await readWeights(reader, { layout, features, width });
  const chosen = await choiceOf(reader, { layout, features, trainer, tensors, notes });
  const folded = name === 'AutoEncoder' ? normalised(tensors, { notes, file: weights.name }) : tensors;
  return finishDictionary({
    ...{
      format: 'dictionary_learning',
      reader,
      architecture: layout.rule,
      features,
      read: width,
      write: width,
    },
    ...{ transcoder: false, centred: layout.centred, idle: layout.idle, ...chosen, tensors: folded, notes },
    source: { ...sourceOf(name, trainer), dtype: reader.typeOf(layout.encoder[0]) },
  });
}

interface Sizes {
  readonly layout: ClassLayout;
  readonly features: number;
  readonly width: number;
}

async function readWeights(
  reader: TensorReader,
  { layout, features, width }: Sizes,
): Promise<Map<string, TakenTensor>> {
  const matrix = ([name, lies]: readonly [string, Lies]): Promise<TakenTensor> =>
    reader.matrix(name, { rows: features, columns: width, lies });
  const tensors = new Map<string, TakenTensor>();
  tensors.set('W_enc', await matrix(layout.encoder));
  for (const [ours, theirs] of layout.vectors) tensors.set(ours, await reader.vector(theirs, features));
  tensors.set('W_dec', await matrix(layout.decoder));
  tensors.set('b_dec', await reader.vector(layout.outBias, width));
  return tensors;
}

interface Found {
  readonly layout: ClassLayout;
  readonly features: number;
  readonly trainer: SettingsFields | null;
  readonly tensors: Map<string, TakenTensor>;
  readonly notes: string[];
}

/** What the kinds that choose features need besides matrices: k, one threshold, the ends of groups. */
async function choiceOf(
  reader: TensorReader,
  { layout, features, trainer, tensors, notes }: Found,
): Promise<Pick<FoundDictionary, 'k' | 'prefixes'>> {
  if (!['topk', 'batchtopk', 'matryoshka'].includes(layout.rule)) return {};
  const k = reader.has('k') ? await reader.scalar('k') : trainer?.number('k');
  if (k === undefined || k === null)
    throw new InputError(
      `Expected k in the tensors or in config.json of a ${layout.rule}, found none; give config.json beside ae.pt.`,
    );
  if (layout.rule === 'topk') return { k };
  const threshold = await reader.scalar('threshold');
  if (threshold < 0)
    notes.push(
      `Its threshold is ${threshold}: the training ended before one was set, so that every positive feature fires, as in its source.`,
    );
  tensors.set('threshold', { shape: [1], values: Float32Array.of(threshold) });
  if (layout.rule === 'batchtopk') return { k };
  const [groups = 0] = reader.shapeOf('group_sizes', 1);
  const { values } = await reader.vector('group_sizes', groups);
  let end = 0;
  const prefixes = Array.from(values, (size) => (end += size));
  if (end !== features)
    throw new InputError(
      `Expected group_sizes that add up to ${features} features, found ${end} (${values.join(', ')}).`,
      {
        features,
        found: end,
      },
    );
  return { k, prefixes };
}

/** Classes that no other class shares its tensors with. */
function classByTensors(reader: TensorReader, { name }: TensorContainer): string {
  if (reader.has('group_sizes')) return 'MatryoshkaBatchTopKSAE';
  if (reader.has('gate_bias')) return 'GatedAutoEncoder';
  if (reader.has('bias') && reader.has('encoder.weight')) return 'AutoEncoder';
  if (reader.has('decoder.bias')) return 'AutoEncoderNew';
  if (reader.has('W_enc') && reader.has('threshold') && !reader.has('k')) return 'JumpReluAutoEncoder';
  if (reader.has('k') && reader.has('encoder.weight') && !reader.has('threshold')) return 'AutoEncoderTopK';
  throw new InputError(
    `Expected config.json beside ${name} to say of which class it is (trainer.dict_class), found none, and its tensors fit several: AutoEncoderTopK and BatchTopKSAE choose features in different ways. Give the whole folder of the trainer.`,
    { file: name },
  );
}

/** As `AutoEncoder.from_pretrained`: unless all norms are within 1e-5 of 1. */
function normalised(
  tensors: Map<string, TakenTensor>,
  { notes, file }: { readonly notes: string[]; readonly file: string },
): Map<string, TakenTensor> {
  const norms = rowNorms(tensors.get('W_dec') as TakenTensor);
  if (norms.every((norm) => Math.abs(norm - 1) <= 1e-5)) return tensors;
  notes.push('The norms of the decoder rows are folded into the encoder, as AutoEncoder.from_pretrained does.');
  return foldDecoderNorms(tensors, file);
}

/** Its modules by their usual names; other names are left to the run. */
function sourceOf(name: string, trainer: SettingsFields | null): Omit<TakenDictionary['source'], 'dtype'> {
  const layer = trainer?.number('layer') ?? null;
  const module = trainer?.text('submodule_name') ?? null;
  const residual = module !== null && /^resid_post(_layer_\d+)?$/.test(module) && layer !== null;
  const site = residual ? [`blocks.${layer}.hook_resid_post`] : null;
  return {
    ...{ kind: name, model: trainer?.text('lm_name') ?? null, reads: site, writes: site },
    ...{ contextTokens: null, prepended: null },
  };
}
