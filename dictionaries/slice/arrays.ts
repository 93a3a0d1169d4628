// All arrays of a slice, laid out once in its memory: the same list is first counted, then allocated.
import { type KernelArray, type Kernels, roomFor } from '../../runtime/kernels/kernels.js';
import type { SliceSettings } from './settings.js';

/** What gives arrays: a kernel memory, or a counter of bytes. */
export type Allocator = Pick<Kernels, 'floats' | 'doubles' | 'words' | 'integers' | 'bytes' | 'keys'>;

/** Bytes of the scores of one block of features. */
const SCORE_BYTES = 8 * 2 ** 20;
/** Pairs above a limit that are kept per row at most; where more fire, the whole matrices are cheaper. */
const PAIRS_PER_ROW = 1024;

/** Features whose scores are computed at once. */
export function blockFeatures(batchRows: number, features: number): number {
  return Math.min(features, Math.max(64, Math.floor(SCORE_BYTES / (4 * batchRows) / 64) * 64));
}

/** Room for candidates of a row of which k are kept. */
export function keyCapacity(k: number): number {
  return Math.max(2 * k, k + 32);
}

/** Room for pairs. */
export function pairCapacity({ rule, k, kAux, batchRows, slice }: SliceSettings): number {
  const all = batchRows * slice.features;
  if (rule.choice === 'above') return Math.min(all, batchRows * PAIRS_PER_ROW);
  // In inference a choice over the batch is what lies above its threshold: more in some batches than in others.
  if (rule.choice === 'batch') return Math.min(all, 4 * batchRows * k) + Math.min(all, batchRows * kAux);
  return Math.min(all, batchRows * k) + Math.min(all, batchRows * kAux);
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

export function layOut(a: Allocator, settings: SliceSettings) {
  const { slice, batchRows, rule, k, kAux, parts, training } = settings;
  const { features, readStride, writeStride } = slice;
  const pairs = pairCapacity(settings);
  const none = a.floats(0);
  const matrix = (stride: number): KernelArray<Float32Array> => a.floats(features * stride);
  const moment = (stride: number): KernelArray<Float32Array> =>
    training === null ? none : training.moments === 'row' ? a.floats(strideOf4(features)) : matrix(stride);
  const momentum = (stride: number): KernelArray<Float32Array> =>
    training === null || training.betas[0] === 0 ? none : matrix(stride);
  const vector = (): KernelArray<Float32Array> => a.floats(strideOf4(features));
  const candidates = rule.choice === 'batch' ? candidateCapacity(settings) : rule.choice === 'above' ? pairs : 0;
  const rowKeys = rule.choice === 'rows' ? batchRows * keyCapacity(k) : 0;
  const auxKeys = batchRows * keyCapacity(kAux);
  const revived = denseDead(settings);
  const lines = parts.lines + (kAux > 0 ? batchRows : 0);
  return {
    encoder: matrix(readStride),
    decoder: matrix(writeStride),
    encoderM: momentum(readStride),
    decoderM: momentum(writeStride),
    encoderV: moment(readStride),
    decoderV: moment(writeStride),
    vectors: new Map(settings.vectors.map((name) => [name, { value: vector(), m: vector(), v: vector(), g: vector() }])),
    inputs: a.floats(batchRows * readStride),
    scores: a.floats(blockFeatures(batchRows, features) * batchRows),
    limits: vector(),
    floor: a.floats(strideOf4(batchRows)),
    filled: a.words(batchRows),
    keys: a.keys(rowKeys),
    least: a.keys(batchRows),
    dead: a.bytes(kAux > 0 ? features : 0),
    auxFloor: a.floats(strideOf4(batchRows)),
    auxFilled: a.words(batchRows),
    auxKeys: a.keys(kAux > 0 ? auxKeys : 0),
    auxLeast: a.keys(batchRows),
    /** Dead features, their z (then f), ∂loss/∂z, decoder rows, and gradients. */
    deadIds: a.words(kAux > 0 ? features : 0),
    deadValues: a.floats(revived * batchRows),
    deadDots: a.floats(revived * batchRows),
    deadSums: a.floats(revived),
    deadDecoder: a.floats(revived * writeStride),
    deadEncoderG: a.floats(revived * readStride),
    deadDecoderG: a.floats(revived * writeStride),
    places: a.integers(kAux > 0 ? features : 0),
    candidateFeature: a.words(candidates),
    candidateRow: a.words(candidates),
    candidateScore: a.floats(candidates),
    /** Pairs by row: of reconstructions, then of AuxK. */
    offsets: a.words(lines + 1),
    rowFeature: a.words(pairs),
    rowValue: a.floats(pairs),
    cursor: a.words(lines),
    /** Pairs by feature. */
    counts: a.words(features),
    touched: a.words(features),
    starts: a.words(features + 1),
    row: a.words(pairs),
    inputRow: a.words(pairs),
    source: a.words(pairs),
    value: a.floats(pairs),
    second: a.floats(rule.choice === 'above' && rule.frozen ? pairs : 0),
    dots: a.floats(pairs),
    secondDots: a.floats(rule.choice === 'above' && rule.frozen ? pairs : 0),
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
    scratch: a.floats(Math.max(readStride, writeStride)),
    zero: a.floats(Math.max(readStride, writeStride)),
  };
}

function strideOf4(length: number): number {
  return Math.ceil(length / 4) * 4;
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
