// The twelve exported models of the fixtures as samples to damage, and the same with their weights in a file beside them.
import { readFileSync, readdirSync } from 'node:fs';
import { encodeModel, decodeModel, joinChunks } from '../../core/onnx/codec.js';
import { referStoredWeights } from '../../core/onnx/external-data.js';
import type { ModelProto } from '../../core/onnx/proto.js';
import { KeyedRandom } from '../../core/tensor/random.js';
import { BYTE_MUTATIONS, makeSample, mutateBytes, type Sample } from './mutate-bytes.js';
import { makePool, mutateMessage, type Pool } from './mutate-message.js';

export interface HostileSource {
  readonly samples: readonly Sample[];
  readonly models: readonly ModelProto[];
  readonly pool: Pool;
}

/** Name of the file with weights of the samples that have one. */
export const WEIGHTS_FILE = 'weights.bin';

/** All fixtures below `fixtures`, the exports twice: weights inside, and outside in the file itself under another name. */
export function hostileSource(fixtures: string): HostileSource {
  const exported = readdirSync(`${fixtures}/exports`).filter((name) => name.endsWith('.onnx'));
  const files = [...exported.map((name) => `exports/${name}`), 'tiny-lm/model.onnx', 'tiny-lm/model.legacy.onnx'];
  const inside = files.map((name) => makeSample(name, readFileSync(`${fixtures}/${name}`)));
  const outside = inside.map(({ name, bytes }) => {
    const model = referStoredWeights(decodeModel(bytes), { file: bytes, location: WEIGHTS_FILE, leastBytes: 1024 });
    return makeSample(`${name}+weights`, joinChunks(encodeModel(model)));
  });
  const samples = [...inside, ...outside];
  const models = samples.map(({ bytes }) => decodeModel(bytes));
  return { samples, models, pool: makePool(models.slice(0, inside.length)) };
}

export interface Mutant {
  readonly name: string;
  readonly bytes: Uint8Array;
  /** Number of the sample whose bytes are the file with weights that it may refer to. */
  readonly weights: number;
}

/** Mutant number `n` of a seed: always the same. */
export function makeMutant(source: HostileSource, seed: string, n: number): Mutant {
  const random = new KeyedRandom(seed, n);
  const at = random.nextInt(source.samples.length);
  const sample = source.samples[at] as Sample;
  const other = source.samples[random.nextInt(source.samples.length)] as Sample;
  const kind = [...BYTE_MUTATIONS, 'field', 'field', 'field', 'field'][random.nextInt(10)] as string;
  const isByteKind = (name: string): name is (typeof BYTE_MUTATIONS)[number] =>
    (BYTE_MUTATIONS as readonly string[]).includes(name);
  const bytes = isByteKind(kind)
    ? mutateBytes(kind, random, { sample, other })
    : joinChunks(encodeModel(mutateMessage(source.models[at] as ModelProto, random, source.pool)));
  return { name: `${kind} of ${sample.name}`, bytes, weights: at % (source.samples.length / 2) };
}
