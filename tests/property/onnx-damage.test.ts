// Whatever bytes come in, the reader of ONNX files returns or refuses: it never hangs, overflows or reads outside the file.
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { resolveSites } from '../../core/hooks/sites.js';
import { decodeModel, encodeModel, joinChunks } from '../../core/onnx/codec.js';
import { externalReferences } from '../../core/onnx/external-data.js';
import { KeyedRandom } from '../../core/tensor/random.js';
import { InputError } from '../../schemas/errors.js';

const FIXTURES = new URL('../fixtures/exports/', import.meta.url).pathname;
const FILES = ['gpt2.dynamo', 'bert.legacy', 'neox.dynamo'].map((name) => readFileSync(`${FIXTURES}${name}.onnx`)); // prettier-ignore

/** True if it was read to the end; false if refused. Any other error fails the test. */
function survives(bytes: Uint8Array): boolean {
  try {
    const model = decodeModel(bytes);
    externalReferences(model);
    resolveSites(model);
    return true;
  } catch (error) {
    if (error instanceof InputError) return false;
    throw error;
  }
}

describe('a damaged ONNX file', () => {
  it('is refused wherever it is cut', () => {
    const random = new KeyedRandom('onnx-cuts');
    for (const file of FILES) {
      for (let n = 0; n < 150; n++) expect(survives(file.subarray(0, random.nextInt(file.length)))).toBe(false); // prettier-ignore
    }
  });

  it('is read or refused with any bytes flipped', () => {
    const random = new KeyedRandom('onnx-flips');
    let refused = 0;
    for (const file of FILES) {
      for (let n = 0; n < 150; n++) {
        const bytes = Uint8Array.from(file);
        // Most of a file is weights, where a flip changes nothing here: half of the flips go to the structure at its head.
        const within = n % 2 === 0 ? 20_000 : bytes.length;
        for (let flips = 0; flips <= n % 5; flips++) {
          const at = random.nextInt(within);
          bytes[at] = (bytes[at] as number) ^ (1 << random.nextInt(8));
        }
        if (!survives(bytes)) refused++;
      }
    }
    expect(refused).toBeGreaterThan(50);
  });

  it('is refused if it is no ONNX at all', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), (bytes) => {
        survives(bytes);
      }),
      { seed: 7, numRuns: 2000 },
    );
  });

  it('keeps every byte that it can read', () => {
    const file = FILES[0] as Buffer;
    const random = new KeyedRandom('onnx-unknown');
    for (let n = 0; n < 20; n++) {
      // Unknown field 99 (delimited) with random content behind the model.
      const content = Array.from({ length: 20 }, () => random.nextInt(256));
      const bytes = Buffer.concat([file, Uint8Array.from([0x9a, 0x06, 20, ...content])]);
      expect(Buffer.compare(joinChunks(encodeModel(decodeModel(bytes))), bytes)).toBe(0);
    }
  });
});
