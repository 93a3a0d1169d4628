// The state of a dictionary in training as named tensors, row by row: what a checkpoint and a result are made of. No tensor is
// ever whole in memory twice.
import type { DictionaryShape } from '../core/dictionaries/state.js';
import { parametersOf } from '../core/dictionaries/state.js';
import { wiringOf } from '../core/dictionaries/wirings.js';
import type { Span } from '../core/dictionaries/slices.js';
import type { DictionaryStep } from './step.js';
import { FIRED_STEP, FIRED_STEPS, MOVED_STEP } from './slice/tensors.js';

/** A tensor of the state. */
export interface StateTensorInfo {
  readonly name: string;
  readonly shape: readonly number[];
  readonly type: 'float32' | 'int32';
}

type Values = Float32Array | Int32Array;

/** Parameters that steps move, Adam's moments of each, counters. */
export function stateTensorsOf(
  shape: DictionaryShape,
  { betas, moments }: { readonly betas: readonly [number, number]; readonly moments: 'full' | 'row' },
): StateTensorInfo[] {
  const moving = parametersOf(shape).filter(({ fixed }) => !fixed);
  const { encoders, decoders } = wiringOf(shape);
  const matrices = new Set([...encoders, ...decoders].map(({ name }) => name));
  const float = (name: string, axes: readonly number[]): StateTensorInfo => ({ name, shape: axes, type: 'float32' });
  const counter = (name: string): StateTensorInfo => ({ name, shape: [shape.features], type: 'int32' });
  return [
    ...moving.map(({ name, shape: axes }) => float(name, axes)),
    ...(betas[0] === 0 ? [] : moving.map(({ name, shape: axes }) => float(`m.${name}`, axes))),
    ...moving.map(({ name, shape: axes }) =>
      float(`v.${name}`, moments === 'row' && matrices.has(name) ? axes.slice(0, 1) : axes),
    ),
    counter(FIRED_STEP),
    counter(FIRED_STEPS),
    ...(betas[0] === 0 ? [counter(MOVED_STEP)] : []),
  ];
}

/** Rows that are read or written at once. */
const BLOCK_BYTES = 16 * 2 ** 20;

/** A tensor's values in order, some rows at a time. */
export async function* readTensor(step: DictionaryStep, { name, shape }: StateTensorInfo): AsyncGenerator<Values> {
  const joint = jointRows(step, name);
  if (joint) {
    yield joint.read();
    return;
  }
  for (const { link, from, count } of blocksOf(step, name, shape)) yield await link.read({ tensor: name, from, count });
}

/** Sets a tensor. @param rows its rows from one on, `count` of them */
export async function writeTensor(
  step: DictionaryStep,
  { name, shape }: StateTensorInfo,
  rows: (from: number, count: number) => Promise<Values>,
): Promise<void> {
  const joint = jointRows(step, name);
  if (joint) {
    joint.write((await rows(0, shape[0] ?? 0)) as Float32Array);
    return;
  }
  for (const { link, from, count, row } of blocksOf(step, name, shape))
    await link.write({ tensor: name, from, count, data: await rows(row, count) });
}

/** Sets tensors of equal shapes, all of them for some rows before the next rows: what they have in common is made once. */
export async function writeTogether(
  step: DictionaryStep,
  tensors: readonly StateTensorInfo[],
  rows: (tensor: StateTensorInfo, from: number, count: number) => Values,
): Promise<void> {
  const own = tensors.map((tensor) => {
    const joint = jointRows(step, tensor.name);
    joint?.write(rows(tensor, 0, tensor.shape[0] ?? 0) as Float32Array);
    return { tensor, blocks: joint ? [] : [...blocksOf(step, tensor.name, tensor.shape)] };
  });
  for (let i = 0; own.some(({ blocks }) => i < blocks.length); i++)
    for (const { tensor, blocks } of own) {
      const block = blocks[i];
      if (!block) continue;
      const { link, from, count, row } = block;
      await link.write({ tensor: tensor.name, from, count, data: rows(tensor, row, count) });
    }
}

interface RowBlock {
  readonly link: DictionaryStep['links'][number];
  /** First row within the slice. */
  readonly from: number;
  /** First row of the tensor. */
  readonly row: number;
  readonly count: number;
}

/** Rows of a tensor in its order, with the slices that hold them. */
function* blocksOf(step: DictionaryStep, name: string, shape: readonly number[]): Generator<RowBlock> {
  const width = shape.slice(1).reduce((a, b) => a * b, 1);
  const rows = Math.floor(BLOCK_BYTES / (4 * width));
  // First values are drawn 256 rows at a time.
  const block = rows < 256 ? Math.max(1, rows) : rows - (rows % 256);
  const own = name.replace(/^[mv]\./, '');
  for (const link of step.links) {
    const { slice } = link.settings;
    const span: Pick<Span, 'row'> | undefined = [...slice.encoder, ...slice.decoder].find(
      ({ tensor }) => tensor === own,
    );
    const isVector = link.settings.vectors.includes(own) || [FIRED_STEP, FIRED_STEPS, MOVED_STEP].includes(own);
    if (!span && !isVector) continue;
    const start = span?.row ?? slice.first;
    for (let from = 0; from < slice.features; from += block)
      yield { link, from, row: start + from, count: Math.min(block, slice.features - from) };
  }
}

/** b_dec of a site, and W_skip: they lie beside the slices. */
function jointRows(
  { joint, plan, settings }: DictionaryStep,
  name: string,
): { read(): Float32Array; write(values: Float32Array): void } | null {
  const parsed = /^(?:(m|v)\.)?(.+)$/s.exec(name);
  const [moment, own] = [(parsed?.[1] ?? 'value') as 'm' | 'v' | 'value', parsed?.[2] ?? name];
  const { decoders, skip } = wiringOf(settings.shape);
  const decoder = decoders.find(({ bias }) => bias === own);
  if (decoder) {
    const { data } = joint.bias[moment];
    const at = plan.writes.columns[decoder.site] ?? 0;
    return {
      read: () => data.slice(at, at + decoder.width),
      write: (values) => data.set(values, at),
    };
  }
  if (skip?.name !== own) return null;
  const { data } = joint.skip[moment];
  const { stride } = plan.reads;
  return {
    read: () => {
      const values = new Float32Array(skip.d_out * skip.d_in);
      for (let i = 0; i < skip.d_out; i++) values.set(data.subarray(i * stride, i * stride + skip.d_in), i * skip.d_in);
      return values;
    },
    write: (values) => {
      for (let i = 0; i < skip.d_out; i++) data.set(values.subarray(i * skip.d_in, (i + 1) * skip.d_in), i * stride);
    },
  };
}
