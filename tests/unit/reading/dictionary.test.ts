// `top` and the postings of a feature equal a brute-force scan, before, during and after compaction, in the stated
// number of requests.
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { halfToFloat } from '../../../core/tensor/half.js';
import type { ObjectStore } from '../../../storage/objects/object-store.js';
import { describeTop } from '../../../reading/dictionary/top.js';
import { openDictionary, type Dictionary, type DictionaryObjects } from '../../../reading/dictionary/dictionary.js';
import { temporaryFolder } from '../../harness/temporary-folder.js';
import { allFirings, bruteTop } from '../stages/index/dataset.js';
import { anyShape, sampleShape } from '../stages/index/shapes.js';
import { buildDictionary, type Built } from './built-dictionary.js';

const place = temporaryFolder('dictionary');
const SHAPE = sampleShape({ seed: 11, k: 5 });

let built: Built;
beforeAll(async () => {
  built = await buildDictionary(place, SHAPE);
});

const open = (objects: Partial<DictionaryObjects> = {}, from: ObjectStore = built.dataset.store): Promise<Dictionary> =>
  openDictionary(from, { ...built.objects, ...objects });

describe('top', () => {
  it('equals a brute-force scan, before and after compaction, for any packing', async () => {
    const shapes = anyShape({
      ...{ shards: 4, documents: 5, mostTokens: 20 },
      ...{ features: 9, perToken: 3, k: 5, contextTokens: 8 },
    });
    await fc.assert(
      fc.asyncProperty(shapes, async (shape) => {
        const { dataset, objects } = await buildDictionary(place, shape);
        const compacted = await openDictionary(dataset.store, objects);
        const growing = await openDictionary(dataset.store, { ...objects, indexed: [] });
        for (let feature = 0; feature < shape.features; feature++) {
          const expected = bruteTop(dataset, feature, shape.k);
          expect((await compacted.top(feature, shape.k)).examples).toEqual(expected);
          expect((await growing.top(feature, shape.k)).examples).toEqual(expected);
        }
      }),
      { numRuns: 12, seed: 5 },
    );
  });

  it('takes one request from the index', async () => {
    const dictionary = await open();
    const { cost, coverage } = await dictionary.top(0, 5);
    expect({ requests: cost.requests, coverage }).toEqual({ requests: 1, coverage: null });
    expect(cost.bytesFetched).toBeLessThan(512 * 1024);
  });

  it('says how many shards it rests on before compaction', async () => {
    const { coverage } = await (await open({ indexed: [] })).top(0, 5);
    expect(coverage).toEqual({ shards: 4, of: 'encoded shards, not yet compacted' });
  });

  it('uses the index for the ranges that it covers and the runs for the rest', async () => {
    const part = await buildDictionary(place, SHAPE, [{ from: 0, to: 4 }]);
    const dictionary = await openDictionary(part.dataset.store, part.objects);
    expect((await dictionary.top(2, 5)).coverage).toBeNull();
    const rest = await dictionary.top(6, 5);
    expect(rest.coverage).not.toBeNull();
    expect(rest.examples).toEqual(bruteTop(part.dataset, 6, 5));
  });

  it('names the features that there are', async () => {
    await expect((await open()).top(12, 5)).rejects.toThrow(
      'Expected a feature number from 0 to 11, got 12; `assay describe DICT/features` shows how many there are.',
    );
    await expect((await open()).top(-1, 5)).rejects.toThrow('got -1');
  });

  it('renders tokens of the text and the values on them', async () => {
    const { document } = await describeTop(await open(), {
      dict: 'd',
      feature: 0,
      k: 3,
      around: 2,
      textsOf: (ids) => Promise.resolve(ids.map((id) => `<${id}>`)),
    });
    const firings = allFirings(built.dataset).filter((f) => f.feature === 0);
    expect({ dict: document.dict, feature: document.feature, n: document.n }).toEqual({
      dict: 'd',
      feature: 0,
      n: firings.length,
    });
    expect(document.density).toBe(firings.length / built.dataset.storedRows);
    for (const example of document.examples) {
      const shard = built.dataset.shards[Math.floor(example.doc / SHAPE.documents)];
      const text = shard?.documents.text[example.doc % SHAPE.documents] ?? '';
      // A token is one code point after a space, except the first of a document.
      const expected = Array.from(text).slice(
        Math.max(0, 2 * example.start - 1),
        2 * (example.start + example.tokens.length) - 1,
      );
      expect(example.tokens.join('')).toBe(expected.join(''));
      expect(example.docId).toBe(`id-${example.doc}`);
      expect(example.start).toBe(Math.max(0, example.pos - 2));
      example.values.forEach((value, i) => {
        const firing = firings.find((f) => f.doc === example.doc && f.pos === example.start + i);
        expect(value).toBe(firing?.value ?? 0);
      });
      expect(example.values[example.pos - example.start]).toBe(example.value);
    }
  });
});

describe('postings of a feature', () => {
  it('equal a brute-force scan, by one request after compaction', async () => {
    for (const indexed of [built.objects.indexed, []]) {
      const dictionary = await open({ indexed });
      for (let feature = 0; feature < SHAPE.features; feature++) {
        const { doc, pos, value, cost } = await dictionary.postings(feature);
        const rows = [...doc].map((d, i) => ({
          doc: d,
          pos: pos[i],
          value: halfToFloat(value[i] ?? 0),
        }));
        const expected = allFirings(built.dataset).filter((f) => f.feature === feature);
        expect(rows).toEqual(expected.map((f) => ({ doc: f.doc, pos: f.pos, value: f.value })));
        if (indexed.length > 0) expect(cost.requests).toBeLessThanOrEqual(1);
      }
    }
  });

  it('refuse a damaged batch and name object, batch and remedy', async () => {
    const object = built.objects.indexed.find((o) => o.table === 'postings');
    // The first bytes of a file are its schema, which opening reads; batches lie behind.
    const damaged: ObjectStore = {
      ...built.dataset.store,
      getRange: async (key, offset, length) => {
        const bytes = (await built.dataset.store.getRange(key, offset, length)).slice();
        if (offset > 0) bytes[bytes.length - 1] = (bytes.at(-1) ?? 0) ^ 1;
        return bytes;
      },
    };
    const dictionary = await open({}, damaged);
    await expect(dictionary.postings(0)).rejects.toThrow(
      new RegExp(
        `Expected batch 0 of postings object ${object?.key ?? ''} as it was written, found CRC-32 [0-9a-f]{8} instead of [0-9a-f]{8}; run \`assay verify\``,
      ),
    );
  });
});
