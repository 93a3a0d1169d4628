// All arrays of a slice, laid out once in its memory: the same list is first counted, then allocated.
import { type KernelArray, type Kernels, roomFor } from '../../runtime/kernels/kernels.js';
import { strideOf } from '../../core/dictionaries/slices.js';
import { measuredRows } from './measured-rows.js';
import type { SliceSettings } from './settings.js';

/** What gives arrays: a kernel memory, or a counter of bytes. */
export type Allocator = Pick<Kernels, 'floats' | 'doubles' | 'words' | 'integers' | 'bytes' | 'keys'>;

/** Bytes of the scores of one block of features. */
const SCORE_BYTES = 8 * 2 ** 20;
/** Pairs above a limit that are kept per row at most; where more fire, whole matrices are cheaper (crowd.ts). */
const PAIRS_PER_ROW = 1024;

/** Features whose scores are computed at once. */
export function blockFeatures(batchRows: number, features: number): number {
  return Math.min(features, Math.max(64, Math.floor(SCORE_BYTES / (4 * batchRows) / 64) * 64));
}

/** Room for candidates of a row of which k are kept. */
export function keyCapacity(k: number): number {
  return Math.max(2 * k, k + 32);
}

/** Candidates of a row that are proposed in 8 bits, of which k are kept once they are scored exactly. */
export function rowsProposed(k: number): number {
  return k + 32;
}

/** Room for candidates of a row, of a choice by row. */
export function rowCapacity({ k, quantised }: Pick<SliceSettings, 'k' | 'quantised'>): number {
  return keyCapacity(quantised ? rowsProposed(k) : k);
}

/** Room for pairs. */
export function pairCapacity({ rule, k, kAux, batchRows, slice }: SliceSettings): number {
  const all = batchRows * slice.features;
  if (rule.choice === 'above') return Math.min(all, batchRows * PAIRS_PER_ROW);
  // In inference a choice over the batch is what lies above its threshold: more in some batches than in others.
  if (rule.choice === 'batch') return Math.min(all, 4 * batchRows * k) + Math.min(all, batchRows * kAux);
  return Math.min(all, batchRows * k) + Math.min(all, batchRows * kAux);
}

/** Features that a step takes at a time where more fires than pairs have room for; 0 where that cannot be. */
export function crowdFeatures(settings: SliceSettings): number {
  const { rule, infers, batchRows, slice } = settings;
  const pairs = pairCapacity(settings);
  const isAbove = rule.choice === 'above' || infers.choice === 'above';
  if (!isAbove || batchRows * slice.features <= pairs) return 0;
  return Math.min(blockFeatures(batchRows, slice.features), Math.floor(pairs / batchRows));
}

/** Dead features up to which AuxK multiplies their whole matrices; where more are dead, pairs are cheaper. */
export function denseDead({ kAux, slice }: Pick<SliceSettings, 'kAux' | 'slice'>): number {
  return Math.min(slice.features, 6 * kAux);
}

/** Room for candidates of a choice over the batch. */
export function candidateCapacity({ k, batchRows, slice }: SliceSettings): number {
  return Math.min(batchRows * slice.features, 4 * batchRows * k);
}

export type SliceArrays = ReturnType<typeof layOut>;

/** All arrays of a slice. */
export function layOut(a: Allocator, settings: SliceSettings) {
  return {
    ...stateArrays(a, settings),
    ...choiceArrays(a, settings),
    ...deadArrays(a, settings),
    ...pairArrays(a, settings),
    ...crowdArrays(a, settings),
    ...byteArrays(a, settings),
  };
}

/** Weights, moments and vectors. */
function stateArrays(a: Allocator, { slice, training, vectors }: SliceSettings) {
  const { features, readStride, writeStride } = slice;
  const none = a.floats(0);
  const matrix = (stride: number): KernelArray<Float32Array> => a.floats(features * stride);
  const moment = (stride: number): KernelArray<Float32Array> =>
    training === null ? none : training.moments === 'row' ? a.floats(strideOf(features)) : matrix(stride);
  const momentum = (stride: number): KernelArray<Float32Array> =>
    training === null || training.betas[0] === 0 ? none : matrix(stride);
  const vector = (): KernelArray<Float32Array> => a.floats(strideOf(features));
  return {
    encoder: matrix(readStride),
    decoder: matrix(writeStride),
    encoderM: momentum(readStride),
    decoderM: momentum(writeStride),
    encoderV: moment(readStride),
    decoderV: moment(writeStride),
    vectors: new Map(vectors.map((name) => [name, { value: vector(), m: vector(), v: vector(), g: vector() }])),
  };
}

/** Inputs, scores, and what is kept of them. */
function choiceArrays(a: Allocator, settings: SliceSettings) {
  const { slice, batchRows, rule, kAux } = settings;
  const candidates =
    rule.choice === 'batch' ? candidateCapacity(settings) : rule.choice === 'above' ? pairCapacity(settings) : 0;
  return {
    inputs: a.floats(batchRows * slice.readStride),
    scores: a.floats(blockFeatures(batchRows, slice.features) * batchRows),
    limits: a.floats(strideOf(slice.features)),
    floor: a.floats(strideOf(batchRows)),
    filled: a.words(batchRows),
    keys: a.keys(rule.choice === 'rows' ? batchRows * rowCapacity(settings) : 0),
    least: a.keys(batchRows),
    auxFloor: a.floats(strideOf(batchRows)),
    auxFilled: a.words(batchRows),
    auxKeys: a.keys(kAux > 0 ? batchRows * keyCapacity(kAux) : 0),
    auxLeast: a.keys(batchRows),
    candidateFeature: a.words(candidates),
    candidateRow: a.words(candidates),
    candidateScore: a.floats(candidates),
  };
}

/** Dead features, their z (then f), ∂loss/∂z, decoder rows, and gradients. */
function deadArrays(a: Allocator, settings: SliceSettings) {
  const { slice, batchRows, kAux } = settings;
  const [each, revived] = [kAux > 0 ? slice.features : 0, denseDead(settings)];
  return {
    dead: a.bytes(each),
    deadIds: a.words(each),
    places: a.integers(each),
    deadValues: a.floats(revived * batchRows),
    deadDots: a.floats(revived * batchRows),
    deadSums: a.floats(revived),
    deadDecoder: a.floats(revived * slice.writeStride),
    deadEncoderG: a.floats(revived * slice.readStride),
    deadDecoderG: a.floats(revived * slice.writeStride),
  };
}

/** Pairs by line (rows of reconstructions, then of AuxK) and by feature, and what is computed from them. */
function pairArrays(a: Allocator, settings: SliceSettings) {
  const { slice, batchRows, rule, kAux, parts, training } = settings;
  const { features, readStride, writeStride } = slice;
  const pairs = pairCapacity(settings);
  const second = rule.choice === 'above' && rule.frozen ? pairs : 0;
  const lines = parts.lines + (kAux > 0 ? batchRows : 0);
  const widest = Math.max(readStride, writeStride);
  return {
    offsets: a.words(lines + 1),
    rowFeature: a.words(pairs),
    rowValue: a.floats(pairs),
    cursor: a.words(Math.max(2, lines)),
    counts: a.words(features),
    touched: a.words(features),
    starts: a.words(features + 1),
    row: a.words(pairs),
    inputRow: a.words(pairs),
    source: a.words(pairs),
    value: a.floats(pairs),
    second: a.floats(second),
    dots: a.floats(pairs),
    secondDots: a.floats(second),
    slopes: a.floats(pairs),
    norms: a.floats(features * slice.decoder.length),
    along: a.floats(features * slice.decoder.length),
    bounds: a.words(slice.decoder.length),
    sums: a.floats(features),
    spread: a.floats(lines * writeStride),
    gradients: a.floats(training === null ? 0 : lines * writeStride),
    through: a.floats(readStride),
    decay: a.floats(features),
    marks: a.bytes(features),
    scratch: a.floats(widest),
    zero: a.floats(widest),
  };
}

/** Gradients of some features, whole rows of them, and a part of the reconstructions. */
function crowdArrays(a: Allocator, settings: SliceSettings) {
  const { slice, batchRows, training } = settings;
  const each = crowdFeatures(settings);
  const trained = training === null ? 0 : each;
  return {
    crowdSums: a.floats(each > 0 ? batchRows * slice.writeStride : 0),
    crowdEncoderG: a.floats(trained * slice.readStride),
    crowdDecoderG: a.floats(trained * slice.writeStride),
    crowdPlaces: a.integers(trained),
  };
}

/** Weights and inputs in 8 bits with their scales, and what recall is measured on; empty where candidates are exact. */
function byteArrays(a: Allocator, settings: SliceSettings) {
  const { slice, batchRows, quantised } = settings;
  const [features, rows] = quantised ? [slice.features, batchRows] : [0, 0];
  const measured = quantised ? measuredRows(batchRows) : 0;
  return {
    encoderBytes: a.bytes(features * slice.readStride),
    encoderScales: a.floats(features),
    inputRows: a.bytes(rows * slice.readStride),
    inputColumns: a.bytes(rows * slice.readStride),
    inputScales: a.floats(rows),
    inputCorrections: a.integers(rows),
    measuredPlaces: a.words(measured),
    measuredInputs: a.floats(measured * slice.readStride),
    measuredFloor: a.floats(strideOf(measured)),
    measuredFilled: a.words(measured),
    measuredKeys: a.keys(measured * rowCapacity(settings)),
  };
}

/** Bytes that the arrays of a slice take. */
export function bytesOfSlice(settings: SliceSettings): number {
  let bytes = 0;
  const counted =
    <T>(size: number, empty: T) =>
    (length: number): KernelArray<T> => {
      bytes += roomFor(size * length);
      return { address: 0, data: empty };
    };
  layOut(
    {
      floats: counted(4, new Float32Array(0)),
      doubles: counted(8, new Float64Array(0)),
      words: counted(4, new Uint32Array(0)),
      integers: counted(4, new Int32Array(0)),
      bytes: counted(1, new Uint8Array(0)),
      keys: counted(8, new BigUint64Array(0)),
    },
    settings,
  );
  return bytes;
}
