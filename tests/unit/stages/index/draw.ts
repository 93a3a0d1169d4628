// Draws the documents, tokens and feature activations of test shards from a seed.
import { floatToHalf, halfToFloat } from '../../../../core/tensor/half.js';
import { KeyedRandom } from '../../../../core/tensor/random.js';
import type { Split } from '../../../../schemas/stages.js';
import type { TableColumns } from '../../../../storage/tables/layouts.js';

export interface Shape {
  readonly seed: number;
  readonly shards: number;
  readonly documents: number;
  readonly mostTokens: number;
  readonly features: number;
  readonly perToken: number;
  readonly k: number;
  readonly contextTokens: number;
  readonly packing: 'document' | 'concatenate';
}

/** One firing, as plain data for brute force. */
export interface Firing {
  readonly feature: number;
  readonly doc: number;
  readonly pos: number;
  readonly value: number;
  readonly token: number;
}

export interface ShardData {
  readonly name: string;
  readonly split: Split;
  readonly tokens: TableColumns['tokens'];
  readonly documents: TableColumns['documents'];
  readonly acts: TableColumns['acts'];
  readonly firings: readonly Firing[];
}

/** Few distinct values, so that ties are common. */
function drawValue(random: KeyedRandom): number {
  return halfToFloat(floatToHalf(Math.round(random.nextFloat() * 8) / 4 + 0.25));
}

/** One shard's documents, tokens and firings. */
export function drawShard(shape: Shape, index: number, firstDoc: number): ShardData {
  const random = new KeyedRandom('dataset', shape.seed, index);
  const offsets = new Uint32Array(shape.documents + 1);
  for (let i = 0; i < shape.documents; i++) offsets[i + 1] = (offsets[i] ?? 0) + 1 + random.nextInt(shape.mostTokens);
  const total = offsets.at(-1) ?? 0;
  const ids = Uint32Array.from({ length: total }, () => random.nextInt(12));

  const firings: Firing[] = [];
  const [docs, positions, ends, features, values]: number[][] = [[], [], [0], [], []] as unknown as number[][];
  for (let d = 0; d < shape.documents; d++) {
    const length = (offsets[d + 1] ?? 0) - (offsets[d] ?? 0);
    for (let pos = 0; pos < length; pos++) {
      const active = new Set<number>();
      // Feature 0 fires often, the last one never.
      while (active.size < Math.min(shape.perToken, shape.features - 1))
        active.add(Math.floor(random.nextFloat() ** 2 * (shape.features - 1)));
      for (const feature of [...active].sort((a, b) => a - b)) {
        const value = drawValue(random);
        features?.push(feature);
        values?.push(floatToHalf(value));
        firings.push({
          feature,
          doc: firstDoc + d,
          pos,
          value,
          token: ids[(offsets[d] ?? 0) + pos] ?? 0,
        });
      }
      docs?.push(firstDoc + d);
      positions?.push(pos);
      ends?.push(features?.length ?? 0);
    }
  }
  const rows = docs?.length ?? 0;
  return {
    name: `shard-${String(index).padStart(3, '0')}`,
    split: (['fit', 'calib', 'test'] as const)[index % 3] as Split,
    tokens: {
      doc: Uint32Array.from({ length: shape.documents }, (_, d) => firstDoc + d),
      offsets,
      ids,
      starts: Uint32Array.from(positions ?? [], (pos) => 2 * pos),
      ends: Uint32Array.from(positions ?? [], (pos) => 2 * pos + 1),
    },
    documents: drawDocuments(offsets, ids, firstDoc),
    acts: {
      doc: Uint32Array.from(docs ?? []),
      pos: Uint32Array.from(positions ?? []),
      features: {
        offsets: Uint32Array.from(ends ?? []),
        feature: Uint32Array.from(features ?? []),
        value: Uint16Array.from(values ?? []),
      },
      xSq: Float32Array.from({ length: rows }, () => 4 + random.nextFloat()),
      errSq: Float32Array.from({ length: rows }, () => random.nextFloat()),
    },
    firings,
  };
}

const GLYPHS = ['a', 'é', '語', '🙂', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i'];

/** Each token is one code point, with a space between two: token pos spans code points 2·pos … 2·pos + 1. */
function drawDocuments(offsets: Uint32Array, ids: Uint32Array, firstDoc: number): TableColumns['documents'] {
  const rows = Array.from({ length: offsets.length - 1 }, (_, d) => d);
  const own = (d: number): number[] => [...ids.subarray(offsets[d], offsets[d + 1])];
  return {
    doc: Uint32Array.from(rows, (d) => firstDoc + d),
    id: rows.map((d) => `id-${firstDoc + d}`),
    split: rows.map(() => 'fit'),
    text: rows.map((d) =>
      own(d)
        .map((id) => GLYPHS[id])
        .join(' '),
    ),
    tokens: Uint32Array.from(rows, (d) => own(d).length),
    meta: rows.map(() => '{}'),
  };
}
