// The state of a slice as rows of named tensors: parameters by their stored names and shapes, Adam's moments beside them (`m.NAME`,
// `v.NAME`), the counters of features. Rows of a matrix are stored without the columns that pad them.
import { InputError } from '../../schemas/errors.js';
import type { Span } from '../../core/dictionaries/slices.js';
import type { Slice } from './slice.js';

/** The step in which each feature fired last, int32 [F]. */
export const FIRED_STEP = 'fired_step';
/** In how many steps each feature fired, int32 [F]. */
export const FIRED_STEPS = 'fired_steps';
/** The step in which each row was moved last, int32 [F], where β1 = 0. */
export const MOVED_STEP = 'moved_step';

export interface TensorRows {
  readonly tensor: string;
  /** First row, counted in the slice. */
  readonly from: number;
  readonly count: number;
  readonly data: Float32Array | Int32Array;
}

/** A stretch of a tensor's rows inside a slice. */
interface Place {
  readonly source: Float32Array | Int32Array;
  readonly stride: number;
  readonly column: number;
  readonly width: number;
}

/** Copies of rows. */
export function readRows(slice: Slice, { tensor, from, count }: Omit<TensorRows, 'data'>): TensorRows['data'] {
  const { source, stride, column, width } = placeOf(slice, tensor);
  if (stride === width) return source.slice(from * width, (from + count) * width);
  const rows = new Float32Array(count * width);
  for (let i = 0; i < count; i++) {
    const at = (from + i) * stride + column;
    rows.set(source.subarray(at, at + width), i * width);
  }
  return rows;
}

/** Replaces rows. */
export function writeRows(slice: Slice, { tensor, from, count, data }: TensorRows): void {
  const { source, stride, column, width } = placeOf(slice, tensor);
  if (stride === width) {
    source.set(data, from * width);
    return;
  }
  for (let i = 0; i < count; i++) source.set(data.subarray(i * width, (i + 1) * width), (from + i) * stride + column);
}

function placeOf(slice: Slice, tensor: string): Place {
  if (tensor === FIRED_STEP) return column(slice.fired);
  if (tensor === FIRED_STEPS) return column(slice.firedSteps);
  if (tensor === MOVED_STEP) return column(slice.moved);
  const [, moment, name] = /^(?:(m|v)\.)?(.+)$/s.exec(tensor) as unknown as [string, 'm' | 'v' | undefined, string];
  const { arrays, settings } = slice;
  const vector = arrays.vectors.get(name);
  if (vector) return column((moment === undefined ? vector.value : vector[moment]).data);
  const { encoder, decoder, readStride, writeStride } = settings.slice;
  const find = (spans: readonly Span[]): Span | undefined => spans.find((span) => span.tensor === name);
  const row = moment === 'v' && settings.training?.moments === 'row';
  const inEncoder = find(encoder);
  if (inEncoder) {
    const { data } = { m: arrays.encoderM, v: arrays.encoderV, w: arrays.encoder }[moment ?? 'w'];
    return row ? column(data) : { source: data, stride: readStride, ...inEncoder };
  }
  const inDecoder = find(decoder);
  if (!inDecoder) throw new InputError(`Expected a tensor of this dictionary, got ${tensor}.`, { tensor });
  const { data } = { m: arrays.decoderM, v: arrays.decoderV, w: arrays.decoder }[moment ?? 'w'];
  return row ? column(data) : { source: data, stride: writeStride, ...inDecoder };
}

function column(source: Float32Array | Int32Array): Place {
  return { source, stride: 1, column: 0, width: 1 };
}
