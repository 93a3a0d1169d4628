// How much of a dictionary its training has reached: steps in which features fired, and how far rows went from their first values.
import type { Parameter, Start } from '../../../core/dictionaries/architecture.js';
import { wiringOf } from '../../../core/dictionaries/wirings.js';
import { FIRED_STEPS } from '../../../dictionaries/slice/tensors.js';
import { readTensor } from '../../../dictionaries/state.js';
import type { DictionaryStep } from '../../../dictionaries/step.js';
import type { Reach } from './engine.js';

/** A feature with fewer updates than that is little more than its first values. */
const ENOUGH = 100;
/** First values are drawn in blocks of so many rows; whole blocks are looked at, spread evenly. */
const BLOCK_ROWS = 256;
const BLOCKS = 16;

export async function reachOf(step: DictionaryStep, parameters: readonly Parameter[], start: Start): Promise<Reach> {
  const { shape } = step.settings;
  const counts = new Int32Array(shape.features);
  let at = 0;
  for await (const some of readTensor(step, { name: FIRED_STEPS, shape: [shape.features], type: 'int32' })) {
    counts.set(some, at);
    at += some.length;
  }
  counts.sort();
  const enough = counts.reduce((n, count) => n + (count >= ENOUGH ? 1 : 0), 0);
  const [decoder] = wiringOf(shape).decoders;
  const rows = parameters.find(({ name }) => name === decoder?.name);
  const moved = rows ? await movements(step, rows, start) : new Float64Array(0);
  return {
    updates: { median: middle(counts), atLeast100: enough / counts.length },
    movement: { median: middle(moved), rows: moved.length },
  };
}

/** ‖w − w₀‖ / ‖w₀‖ of some rows of a tensor, ascending. */
async function movements(
  step: DictionaryStep,
  { name, shape, initial }: Parameter,
  start: Start,
): Promise<Float64Array> {
  const [count = 0, width = 0] = shape;
  const every = Math.ceil(count / (BLOCKS * BLOCK_ROWS));
  const moved: number[] = [];
  let at = 0;
  let block = -1;
  let first: Float32Array = new Float32Array(0);
  for await (const some of readTensor(step, { name, shape, type: 'float32' })) {
    const end = at + some.length / width;
    for (let row = at; row < end; row++) {
      const own = Math.floor(row / BLOCK_ROWS);
      if (own % every !== 0) continue;
      const from = own * BLOCK_ROWS;
      if (own !== block) first = initial(start, { from, count: Math.min(BLOCK_ROWS, count - from) });
      block = own;
      const [now, before] = [(row - at) * width, (row - from) * width];
      let [squares, norm] = [0, 0];
      for (let j = 0; j < width; j++) {
        squares += ((some[now + j] as number) - (first[before + j] as number)) ** 2;
        norm += (first[before + j] as number) ** 2;
      }
      moved.push(Math.sqrt(squares / norm));
    }
    at = end;
  }
  return Float64Array.from(moved).sort();
}

function middle(sorted: Int32Array | Float64Array): number {
  return sorted[Math.floor(sorted.length / 2)] ?? 0;
}
