// Dictionaries of other programs against what those programs computed (tests/fixtures/interop): taken, applied by the graph that
// encodes, compared row by row.
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { ARCHITECTURES } from '../../../core/dictionaries/architectures.js';
import { buildEncodeGraph, ENCODE_OUTPUTS } from '../../../core/dictionaries/encode-graph.js';
import { type DictionarySites, totalFeatures } from '../../../core/dictionaries/sites.js';
import { rowsFeed } from '../../../core/dictionaries/step-graph.js';
import { Tape } from '../../../core/dictionaries/tape.js';
import type { TakenDictionary } from '../../../core/interop/taken-dictionary.js';
import { GraphBuilder } from '../../../core/onnx/builder.js';
import { asFloat32, decodeSafetensors, type SafeTensor } from '../../../core/tensor/safetensors.js';
import type { TakenMember } from '../../../pipeline/taken/member.js';
import { takeDictionaries } from '../../../pipeline/taken/take.js';
import { Session, type TensorValue } from '../../../runtime/session.js';
import type { TakenFormat } from '../../../schemas/taken.js';

export const ROWS = 1000;
const ENGINE = { provider: 'cpu', threads: 1, optimisation: 'all' } as const;

/** Path of a fixture of tests/fixtures/interop. */
export function fixture(name: string): string {
  return fileURLToPath(new URL(`../../fixtures/interop/${name}`, import.meta.url));
}

/** What was recorded in `saelens` or `others`. */
export function recordedIn(folder: string): {
  readonly cases: readonly string[];
  readonly tensors: Map<string, SafeTensor>;
} {
  const { cases } = JSON.parse(readFileSync(fixture(`${folder}/cases.json`), 'utf8')) as { cases: string[] };
  return { cases, tensors: decodeSafetensors(readFileSync(fixture(`${folder}/recorded.safetensors`))) };
}

/** The dictionaries at a fixture. */
export function take(name: string, format: TakenFormat | 'auto' = 'auto'): Promise<TakenMember[]> {
  return takeDictionaries({ path: fixture(name), format, asTranscoder: false });
}

/** Rows by place of site. */
export interface Applied {
  /** Features that fire on each row, ascending. */
  readonly active: readonly number[][];
  /** Feature activations [rows, F]. */
  readonly values: Float32Array;
  /** Reconstructions of all sites written side by side [rows, Σ d_out]. */
  readonly x_hat: Float32Array;
}

/** The sites of a dictionary with places of their own. */
export function sitesOf({ wiring, readWidths, writeWidths, settings }: TakenDictionary): DictionarySites {
  const read = readWidths.map((_, i) => i);
  const flags = {
    ...(settings.skip && { skip: true as const }),
    ...(settings.crossLayer && { crossLayer: true as const }),
  };
  if (wiring === 'same') return { widths: readWidths, reads: read, writes: read };
  const writes = writeWidths.map((_, i) => readWidths.length + i);
  return { widths: [...readWidths, ...writeWidths], reads: read, writes, ...flags };
}

/** The dictionary applied to rows of the sites that it reads. A transcoder's target is 0: its error is its reconstruction. */
export async function apply(dictionary: TakenDictionary, reads: readonly Float32Array[]): Promise<Applied> {
  const sites = sitesOf(dictionary);
  const features = totalFeatures(dictionary.settings.features, sites);
  const { architecture, features: _, skip: __, crossLayer: ___, ...settings } = dictionary.settings;
  const shape = { kind: ARCHITECTURES[architecture], sites, features, settings, batchRows: ROWS };
  const graph = buildEncodeGraph(shape);
  const session = await Session.create(graph.toModelBytes(), ENGINE);
  const feeds: Record<string, TensorValue> = {};
  for (const [place, width] of sites.widths.entries())
    feeds[rowsFeed(place)] = {
      dtype: 'float32',
      dims: [ROWS, width],
      data: reads[place] ?? new Float32Array(ROWS * width),
    };
  for (const [name, { shape: dims, values }] of dictionary.tensors)
    feeds[name] = { dtype: 'float32', dims: [...dims], data: values };
  const outputs = await session.run(feeds);
  await session.release();
  const ids = outputs[ENCODE_OUTPUTS.feature]?.data as Int32Array | undefined;
  const values = outputs[ENCODE_OUTPUTS.value]?.data as Float32Array;
  const dense = spread(values, ids, features);
  return { ...dense, x_hat: await reconstruct(dictionary, { shape, feeds, reads }) };
}

function spread(values: Float32Array, ids: Int32Array | undefined, features: number): Omit<Applied, 'x_hat'> {
  const all = new Float32Array(ROWS * features);
  const each = values.length / ROWS;
  for (const [i, value] of values.entries()) {
    const row = Math.floor(i / each);
    if (value > 0) all[row * features + (ids ? (ids[i] as number) : i % each)] = value;
  }
  const active = Array.from({ length: ROWS }, (_, row) =>
    Array.from({ length: features }, (__, feature) => feature).filter(
      (feature) => (all[row * features + feature] ?? 0) > 0,
    ),
  );
  return { active, values: all };
}

interface Reconstruction {
  readonly shape: Parameters<typeof buildEncodeGraph>[0];
  readonly feeds: Record<string, TensorValue>;
  readonly reads: readonly Float32Array[];
}

/** e + what is written, of the same inference: the graph of encoding keeps only its square. */
async function reconstruct(dictionary: TakenDictionary, { shape, feeds }: Reconstruction): Promise<Float32Array> {
  const { sites, kind, features, settings } = shape;
  const g = new GraphBuilder('reconstruct');
  const rows = sites.widths.map((width, place) => g.input(rowsFeed(place), 'float32', [ROWS, width]));
  const parameters = Object.fromEntries(
    [...dictionary.tensors].map(([name, tensor]) => [name, g.input(name, 'float32', [...tensor.shape])]),
  );
  const of = (places: readonly number[]) => places.map((place) => rows[place] as (typeof rows)[number]);
  const inputs = {
    sites,
    features,
    batchRows: ROWS,
    settings,
    parameters,
    reads: of(sites.reads),
    writes: of(sites.writes),
  };
  const { errors } = kind.buildInference(new Tape(g), inputs);
  const sums = errors.map((error, site) => g.op('Add', [error, inputs.writes[site] as (typeof rows)[number]]));
  g.output(g.op('Concat', sums, { attributes: { axis: 1 }, name: 'x_hat' }));
  const session = await Session.create(g.toModelBytes(), ENGINE);
  const outputs = await session.run(feeds);
  await session.release();
  return outputs['x_hat']?.data as Float32Array;
}

/** Feature lists of recorded bits [rows, F / 8]. */
export function activeOf(bits: SafeTensor): number[][] {
  const [rows = 0, bytes = 0] = bits.shape;
  return Array.from({ length: rows }, (_, row) =>
    Array.from({ length: bytes * 8 }, (__, feature) => feature).filter(
      (feature) => (((bits.bytes[row * bytes + (feature >> 3)] as number) >> (feature & 7)) & 1) === 1,
    ),
  );
}

/** Greatest difference of two arrays. */
export function largestGap(a: Float32Array, b: Float32Array): number {
  return a.reduce((most, value, i) => Math.max(most, Math.abs(value - (b[i] ?? NaN))), a.length === b.length ? 0 : NaN);
}

/** Recorded float32 values. */
export function floatsOf(tensors: ReadonlyMap<string, SafeTensor>, name: string): Float32Array {
  return asFloat32(tensors.get(name) as SafeTensor);
}
