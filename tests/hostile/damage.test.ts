// Whatever file comes in, the engine reads it to the end or refuses it in words: it never fails otherwise, hangs, takes much
// memory or looks outside the file. `npm run prove hostile` does the same with 100,000 cases, on disk and in ONNX Runtime.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeModel, encodeModel, joinChunks } from '../../core/onnx/codec.js';
import { KeyedRandom } from '../../core/tensor/random.js';
import { FIXTURES } from '../harness/fixtures.js';
import { attempt, MAX_MS, type Outcome } from './attempt.js';
import { hostileSource, makeMutant } from './samples.js';

const SOURCE = hostileSource(FIXTURES);
const CASES = 1500;

describe('a damaged ONNX file', () => {
  it('is read or refused, whichever way it was damaged, in bounded time and memory', () => {
    const ends = new Map<string, number>();
    let slowest: Outcome & { name: string } = {
      outcome: 'read',
      step: '',
      ms: 0,
      message: '',
      name: '',
    };
    for (let n = 0; n < CASES; n++) {
      const { name, bytes } = makeMutant(SOURCE, 'suite', n);
      const outcome = attempt(bytes);
      const end = `${outcome.outcome} ${outcome.step}`;
      ends.set(end, (ends.get(end) ?? 0) + 1);
      if (outcome.ms > slowest.ms) slowest = { ...outcome, name: `${n} ${name}` };
    }
    expect(slowest.ms, slowest.name).toBeLessThan(MAX_MS);
    // The damage must reach every step, or the cases prove little.
    for (const end of ['read all', 'refused decode', 'refused check', 'refused index', 'refused resolve'])
      expect(ends.get(end) ?? 0, end).toBeGreaterThan(CASES / 200);
    expect(process.resourceUsage().maxRSS / 1024).toBeLessThan(4096);
  }, 180_000);

  it('is refused wherever it is cut', () => {
    const random = new KeyedRandom('onnx-cuts');
    for (const { bytes } of SOURCE.samples) {
      for (let n = 0; n < 20; n++)
        expect(attempt(bytes.subarray(0, random.nextInt(bytes.length))).outcome).toBe('refused');
    }
  });

  it('is refused if it is no ONNX at all', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), (bytes) => {
        attempt(bytes);
      }),
      { seed: 7, numRuns: 2000 },
    );
  });

  it('keeps every byte that it can read', () => {
    const file = SOURCE.samples[0]?.bytes as Uint8Array;
    const random = new KeyedRandom('onnx-unknown');
    for (let n = 0; n < 20; n++) {
      // Unknown field 99 (delimited) with random content behind the model.
      const content = Array.from({ length: 20 }, () => random.nextInt(256));
      const bytes = Buffer.concat([file, Uint8Array.from([0x9a, 0x06, 20, ...content])]);
      expect(Buffer.compare(joinChunks(encodeModel(decodeModel(bytes))), bytes)).toBe(0);
    }
  });
});
