// Damage to a file's bytes: flips, cuts, insertions, removals and splices of two files. Most of it strikes the structure, not
// the weights, because a flipped weight is only another weight.
import { decodeModel } from '../../core/onnx/codec.js';
import { walkModel } from '../../core/onnx/walk.js';
import type { KeyedRandom } from '../../core/tensor/random.js';

/** A file and where its structure lies. */
export interface Sample {
  readonly name: string;
  readonly bytes: Uint8Array;
  /** Byte ranges [from, to) outside stored weights, ascending. */
  readonly structure: readonly (readonly [number, number])[];
}

/** Stored tensors of at least this many bytes count as weights. */
const WEIGHT_BYTES = 64;

export function makeSample(name: string, file: Uint8Array): Sample {
  const bytes = new Uint8Array(file);
  const weights: [number, number][] = [];
  walkModel(decodeModel(bytes), {
    tensor: ({ rawData }) => {
      if (rawData !== undefined && rawData.length >= WEIGHT_BYTES)
        weights.push([rawData.byteOffset, rawData.byteOffset + rawData.length]);
    },
  });
  weights.sort((a, b) => a[0] - b[0]);
  const structure: [number, number][] = [];
  let from = 0;
  for (const [start, end] of [...weights, [bytes.length, bytes.length] as const]) {
    if (start > from) structure.push([from, start]);
    from = end;
  }
  return { name, bytes, structure };
}

export const BYTE_MUTATIONS = ['flip', 'overwrite', 'cut', 'insert', 'remove', 'splice'] as const;
export type ByteMutation = (typeof BYTE_MUTATIONS)[number];

/** The sample damaged in one of these ways; `other` is what a splice continues with. */
export function mutateBytes(
  kind: ByteMutation,
  random: KeyedRandom,
  { sample, other }: { sample: Sample; other: Sample },
): Uint8Array {
  const at = place(random, sample);
  const length = 1 + random.nextInt(random.nextInt(2) === 0 ? 8 : 4096);
  const { bytes } = sample;
  const before = bytes.subarray(0, at);
  switch (kind) {
    case 'flip': {
      const copy = new Uint8Array(bytes);
      for (let n = 1 + random.nextInt(6); n > 0; n--) {
        const spot = place(random, sample);
        copy[spot] = (copy[spot] as number) ^ (1 << random.nextInt(8));
      }
      return copy;
    }
    case 'overwrite': {
      const copy = new Uint8Array(bytes);
      const fill = random.nextInt(4);
      for (let i = at; i < Math.min(at + length, copy.length); i++)
        copy[i] = fill === 0 ? 0 : fill === 1 ? 0xff : random.nextInt(256);
      return copy;
    }
    case 'cut':
      return before;
    case 'insert':
      return joined(
        before,
        Uint8Array.from({ length: Math.min(length, 64) }, () => random.nextInt(256)),
        bytes.subarray(at),
      );
    case 'remove':
      return joined(before, bytes.subarray(at + length));
    case 'splice':
      return joined(before, other.bytes.subarray(place(random, other)));
  }
}

/** A byte's place, nine times of ten within the structure. */
function place(random: KeyedRandom, { bytes, structure }: Sample): number {
  if (random.nextInt(10) === 0) return random.nextInt(bytes.length);
  let at = random.nextInt(structure.reduce((sum, [from, to]) => sum + to - from, 0));
  for (const [from, to] of structure) {
    if (at < to - from) return from + at;
    at -= to - from;
  }
  return bytes.length - 1;
}

function joined(...parts: readonly Uint8Array[]): Uint8Array {
  const all = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}
