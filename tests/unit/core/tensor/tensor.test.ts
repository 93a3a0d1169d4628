// Half floats, keyed permutations, canonical JSON and safetensors: the small laws that every digest rests on.
import { describe, expect, it } from 'vitest';
import { canonicalJson } from '../../../../core/identity/canonical-json.js';
import { datasetDigest, sha256Hex } from '../../../../core/identity/digest.js';
import { feistelPermutation } from '../../../../core/tensor/feistel.js';
import { floatToHalf, floatsToHalfs, halfToFloat } from '../../../../core/tensor/half.js';
import { KeyedRandom } from '../../../../core/tensor/random.js';
import { decodeSafetensors, encodeSafetensors, safeTensor } from '../../../../core/tensor/safetensors.js';

describe('half floats', () => {
  it('come back from every one of the 65,536 bit patterns', () => {
    for (let half = 0; half < 65536; half++) {
      const value = halfToFloat(half);
      if (Number.isNaN(value)) expect(halfToFloat(floatToHalf(value))).toBeNaN();
      else expect(floatToHalf(value)).toBe(half);
    }
  });

  it('round to nearest, ties to even, and to infinity from 65,520', () => {
    // 1 + 2^-11 lies half way between 1 and 1 + 2^-10; 1 + 3·2^-11 between 1 + 2^-10 and 1 + 2^-9.
    const given = [1 + 2 ** -11, 1 + 3 * 2 ** -11, 65519, 65520, 2 ** -25, 1.5 * 2 ** -25];
    const found = Array.from(floatsToHalfs(Float32Array.from(given)), halfToFloat);
    expect(found).toEqual([1, 1 + 2 ** -9, 65504, Infinity, 0, 2 ** -24]);
  });
});

describe('keyed permutations', () => {
  it.each([1, 2, 3, 5, 64, 1000, 4097])('of %d numbers hit each once', (n) => {
    const permute = feistelPermutation(n, 'test', 7);
    const hit = new Set(Array.from({ length: n }, (_, i) => permute(i)));
    expect(hit.size).toBe(n);
    expect(Math.max(...hit)).toBe(n - 1);
    const order = new KeyedRandom('test', n).permutation(n);
    expect(new Set(order).size).toBe(n);
  });

  it('follow their key alone', () => {
    const first = (seed: number): number[] => {
      const permute = feistelPermutation(1000, seed);
      return Array.from({ length: 20 }, (_, i) => permute(i));
    };
    expect(first(1)).toEqual(first(1));
    expect(first(1)).not.toEqual(first(2));
  });
});

describe('canonical JSON', () => {
  it('sorts keys by UTF-16 units and leaves undefined out (RFC 8785, 3.2.3)', () => {
    const value = { '\u20ac': 'Euro', '\r': 1, '1': [true, null], '\u0080': undefined, a: 1e21 };
    expect(canonicalJson(value)).toBe('{"\\r":1,"1":[true,null],"a":1e+21,"\u20ac":"Euro"}');
  });

  it('refuses what JSON cannot hold, with the path', () => {
    expect(() => canonicalJson({ a: [1, NaN] })).toThrow('Expected a JSON value at $.a[1]');
  });

  it('gives a dataset one digest whatever the order of its objects', () => {
    const a = { table: 't', shard: 'a', sha256: sha256Hex('1') };
    const b = { table: 't', shard: 'b', sha256: sha256Hex('2') };
    expect(datasetDigest([a, b])).toBe(datasetDigest([b, a]));
    expect(datasetDigest([a, b])).not.toBe(datasetDigest([a, { ...b, shard: 'c' }]));
  });
});

describe('safetensors', () => {
  it('come back with names, shapes and bytes', () => {
    const w = safeTensor(Float32Array.of(1, 2, 3, 4, 5, 6), [2, 3]);
    const file = Buffer.concat(encodeSafetensors(new Map([['W_enc', w]]), { k: '8' }));
    const found = decodeSafetensors(file).get('W_enc');
    expect(found).toMatchObject({ dtype: 'F32', shape: [2, 3] });
    expect(Buffer.compare(found?.bytes ?? Buffer.of(), w.bytes)).toBe(0);
    expect(() => decodeSafetensors(file.subarray(0, file.length - 4))).toThrow('needs 24 bytes');
  });
});
