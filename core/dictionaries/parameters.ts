// The tensors of a dictionary and their values before the first step, from how it is wired (wirings.ts) and what its kind wants.
//
//   encoder rows     random directions of unit norm, over the concatenation of the sites that a feature reads
//   decoder rows     random directions of norm `norm`, over the concatenation of the sites that it writes; the same directions as
//                    the encoder's where the widths are equal
//   b_dec            the mean of the scaled fit rows written
//   feature biases   0 where the dictionary centres, else −W_enc x̄: as if the mean of what is read were subtracted
import type { DictionarySizes, Parameter, RowRange, Start } from './architecture.js';
import type { Block } from './wirings/wiring.js';
import { wiringOf } from './wirings.js';

export interface ParameterRecipe {
  /** Norm of decoder rows before the first step. */
  readonly norm: number;
  /** Whether they are kept at norm 1. */
  readonly unit: boolean;
  /** Whether the kind encodes x − b_dec where it can. */
  readonly centres: boolean;
  /** Names of the biases of features that begin alike. */
  readonly biases: readonly string[];
}

const vector = { kind: 'vector', unitRows: false } as const;
const matrix = { kind: 'matrix', unitRows: false } as const;

/** Encoders, biases of features, decoders, what is added to each site written, W_skip. */
export function wiredParameters(sizes: DictionarySizes, recipe: ParameterRecipe): Parameter[] {
  const wiring = wiringOf(sizes);
  const { encoders, decoders, skip } = wiring;
  const tensors: Parameter[] = encoders.map((block) => ({
    ...{ ...matrix, name: block.name, shape: [block.features, block.width] },
    initial: (start, rows) => directionsOf(start, { blocks: encoders, own: block }, rows),
    unit: { of: 'feature', per: 'input', site: block.site },
  }));
  for (const name of recipe.biases)
    tensors.push(featureVector(name, sizes, (start, rows) => firstBias(start, { sizes, recipe }, rows)));
  for (const block of decoders)
    tensors.push({
      ...{ ...matrix, name: block.name, shape: [block.features, block.width], unitRows: recipe.unit },
      initial: (start, rows) =>
        directionsOf(start, { blocks: decoders, own: block }, rows).map((value) => recipe.norm * value),
      unit: { of: 'output', per: 'feature', site: block.site },
    });
  for (const { bias, site, width } of decoders)
    tensors.push({
      ...{ ...vector, name: bias, shape: [width], unit: { of: 'output', site } },
      initial: ({ writeMeans }, { from, count }) =>
        Float32Array.from((writeMeans[site] ?? new Float64Array(0)).subarray(from, from + count)),
    });
  if (skip)
    tensors.push({
      ...{ ...matrix, name: skip.name, shape: [skip.d_out, skip.d_in], unit: { of: 'output', per: 'input' } },
      initial: (_, { count }) => new Float32Array(count * skip.d_in),
    });
  return tensors;
}

/** A number per feature, in the unit of features. */
export function featureVector(
  name: string,
  { features }: Pick<DictionarySizes, 'features'>,
  initial: Parameter['initial'] = (_, { count }) => new Float32Array(count),
): Parameter {
  return { ...vector, name, shape: [features], initial, unit: { of: 'feature' } };
}

/** θ of kinds that choose over a batch in training, [1]: 0 until the calib split is measured (calib-threshold.ts). */
export function batchThreshold(): Parameter {
  return {
    ...{ ...vector, name: 'threshold', shape: [1], unit: { of: 'feature' }, fixed: true },
    initial: () => new Float32Array(1),
  };
}

interface BlockOf {
  readonly blocks: readonly Block[];
  readonly own: Block;
}

/** Rows of one block: its columns of random directions over all blocks that have the feature. */
function directionsOf(start: Start, { blocks, own }: BlockOf, { from: first, count }: RowRange): Float32Array {
  const rows = new Float32Array(count * own.width);
  const edges = [...new Set(blocks.flatMap(({ first: at, features }) => [at, at + features]))].sort((a, b) => a - b);
  for (const [i, edge] of edges.entries()) {
    const next = edges[i + 1] ?? edge;
    const from = Math.max(edge, own.first + first);
    const to = Math.min(next, own.first + first + count);
    if (from >= to) continue;
    const sharing = blocks.filter(({ first: at, features }) => at <= edge && next <= at + features);
    const width = sharing.reduce((sum, block) => sum + block.width, 0);
    const column = sharing.slice(0, sharing.indexOf(own)).reduce((sum, block) => sum + block.width, 0);
    const whole = start.directions(width, { from, count: to - from });
    for (let feature = from; feature < to; feature++) {
      const at = (feature - from) * width + column;
      rows.set(whole.subarray(at, at + own.width), (feature - own.first - first) * own.width);
    }
  }
  return rows;
}

interface BiasOf {
  readonly sizes: DictionarySizes;
  readonly recipe: ParameterRecipe;
}

/** 0, or −Σ_r W_enc.r x̄_r. */
function firstBias(start: Start, { sizes, recipe }: BiasOf, { from, count }: RowRange): Float32Array {
  const { encoders, mayCentre } = wiringOf(sizes);
  const bias = new Float64Array(count);
  if (recipe.centres && mayCentre) return Float32Array.from(bias);
  for (const own of encoders) {
    const [first, last] = [Math.max(from, own.first), Math.min(from + count, own.first + own.features)];
    if (first >= last) continue;
    const rows = directionsOf(start, { blocks: encoders, own }, { from: first - own.first, count: last - first });
    const mean = start.readMeans[own.site] ?? new Float64Array(own.width);
    for (let i = 0; i < last - first; i++)
      for (let j = 0; j < own.width; j++)
        bias[first - from + i] =
          (bias[first - from + i] as number) - (rows[i * own.width + j] as number) * (mean[j] as number);
  }
  return Float32Array.from(bias);
}
