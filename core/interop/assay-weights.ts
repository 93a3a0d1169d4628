// Reads the weights that this program stores (RUN/DICT/weights): tensors by the names of core/dictionaries, a row per feature, and
// the settings in the header of the file.
import { InputError } from '../../schemas/errors.js';
import { INPUT_TRANSFORMS } from '../../schemas/taken.js';
import { ourCentring } from './centring.js';
import { finishDictionary, type FoundDictionary } from './finish.js';
import type { TakenDictionary, TakenTensor } from './taken-dictionary.js';
import type { TensorContainer } from './tensor-container.js';
import { TensorReader } from './tensor-reader.js';

const VECTORS: Readonly<Record<FoundDictionary['architecture'], readonly string[]>> = {
  relu: ['b_enc'],
  topk: ['b_enc'],
  batchtopk: ['b_enc', 'threshold'],
  matryoshka: ['b_enc', 'threshold'],
  jumprelu: ['b_enc', 'threshold'],
  gated: ['b_gate', 'r_mag', 'b_mag'],
};

/** @throws InputError where the header does not say what it is, or tensors do not fit */
export async function readAssayWeights(weights: TensorContainer): Promise<TakenDictionary> {
  const reader = new TensorReader(weights);
  const routed = weights.values.get('routed') as string | undefined;
  if (routed !== undefined)
    throw new InputError(
      `Expected a dictionary whose features see every row in ${weights.name}, found one of ${String(weights.values.get('experts'))} experts with a ${routed} router; other programs have no such kind, and it can be read in the run that trained it.`,
      { file: weights.name, routed },
    );
  const architecture = architectureOf(weights);
  if (reader.has('W_dec.0'))
    throw new InputError(
      `Expected a dictionary that reads one site and writes one in ${weights.name}, found ${several(weights)}; other programs' files have no place for it, and it can be read in the run that trained it.`,
      { file: weights.name },
    );
  const [features = 0, read = 0] = reader.shapeOf('W_enc', 2);
  const [write = 0] = reader.shapeOf('b_dec', 1);
  const text = (name: string): string | undefined => weights.values.get(name) as string | undefined;
  const [reads, writes] = (text('site') ?? '').split(' → ') as [string, string | undefined];
  const transcoder = writes !== undefined || read !== write;
  const skip = reader.has('W_skip');
  const tensors = await readTensors(reader, { architecture, features, read, write, skip });
  const [k, prefixes] = [text('k'), text('prefixes')];
  return finishDictionary({
    ...{ format: 'assay', reader, architecture, features, read, write, transcoder, skip, tensors },
    centred: ourCentring(architecture, transcoder ? 'other' : 'same'),
    ...{ k: k === undefined ? undefined : Number(k), inputTransform: transformOf(text('inputTransform')), notes: [] },
    prefixes: prefixes === undefined ? undefined : prefixes.split(',').map(Number),
    source: {
      ...{ kind: architecture, model: text('model') ?? null, contextTokens: null, prepended: null },
      modelDigest: digestIn(text('model')),
      ...{ reads: reads === '' ? null : [reads], writes: reads === '' ? null : [writes ?? reads] },
      dtype: reader.typeOf('W_enc'),
    },
  });
}

interface Wanted {
  readonly architecture: FoundDictionary['architecture'];
  readonly features: number;
  readonly read: number;
  readonly write: number;
  readonly skip: boolean;
}

async function readTensors(
  reader: TensorReader,
  { architecture, features, read, write, skip }: Wanted,
): Promise<Map<string, TakenTensor>> {
  const rows = (count: number, columns: number) => ({ rows: count, columns, lies: 'rows' }) as const;
  const tensors = new Map<string, TakenTensor>();
  tensors.set('W_enc', await reader.matrix('W_enc', rows(features, read)));
  for (const name of VECTORS[architecture]) {
    const one = name === 'threshold' && architecture !== 'jumprelu';
    tensors.set(name, await reader.vector(name, one ? 1 : features));
  }
  tensors.set('W_dec', await reader.matrix('W_dec', rows(features, write)));
  tensors.set('b_dec', await reader.vector('b_dec', write));
  if (skip) tensors.set('W_skip', await reader.matrix('W_skip', rows(write, read)));
  return tensors;
}

/** The base model of a reference as files state it. */
function digestIn(reference: string | undefined): string | undefined {
  if (reference === undefined || !reference.startsWith('{')) return undefined;
  const { base } = JSON.parse(reference) as { base?: unknown };
  return typeof base === 'string' ? base : undefined;
}

/** A crosscoder writes all sites with every feature, a cross-layer one later sites with more of them. */
function several({ tensors }: TensorContainer): string {
  const written = [...tensors.keys()].filter((name) => name.startsWith('W_dec.')).length;
  const crossLayer = tensors.get('W_dec.0')?.shape[0] !== tensors.get('W_dec.1')?.shape[0];
  return `a ${crossLayer ? 'cross-layer transcoder' : 'crosscoder'} that writes ${written} sites`;
}

function architectureOf({ name, values }: TensorContainer): FoundDictionary['architecture'] {
  const architecture = String(values.get('architecture') ?? '');
  if (Object.hasOwn(VECTORS, architecture)) return architecture as FoundDictionary['architecture'];
  throw new InputError(
    `Expected the header of ${name} to name one of the architectures ${Object.keys(VECTORS).join(', ')}, found "${architecture}"; give a file that this program stored, or another --format.`,
    { file: name, architecture },
  );
}

function transformOf(text: string | undefined): FoundDictionary['inputTransform'] {
  return INPUT_TRANSFORMS.find((one) => one === text);
}
