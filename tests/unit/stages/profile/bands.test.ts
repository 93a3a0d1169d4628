// Draws by smallest hash: examples of bands and rows without a feature are those of their definitions, whatever the order of firings,
// the number of shards, and the way partial results are merged; memory of places does not change what they are.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { packContexts, planRows } from '../../../../core/corpus/packing.js';
import { feistelPermutation } from '../../../../core/tensor/feistel.js';
import { floatToHalf, halfToFloat } from '../../../../core/tensor/half.js';
import { keyedHash } from '../../../../core/tensor/keyed-hash.js';
import { KeyedRandom } from '../../../../core/tensor/random.js';
import type { TableColumns } from '../../../../storage/tables/layouts.js';
import { bandOf, BandSampler, type Firing } from '../../../../stages/profile/band-sampler.js';
import { drawQuiet } from '../../../../stages/profile/quiet-rows.js';
import { RowPlaces, type RowRule } from '../../../../stages/profile/row-places.js';

const FEATURE = 3;

const firings = fc
  .array(fc.record({ row: fc.nat(400), eighths: fc.integer({ min: -2, max: 24 }) }), { maxLength: 150 })
  .map((drawn) =>
    [...new Map(drawn.map((one) => [one.row, one])).values()].map(({ row, eighths }): Firing => {
      const half = floatToHalf(eighths / 8);
      const [doc, pos] = [Math.floor(row / 40), row % 40];
      return { doc, pos, context: doc * 8 + Math.floor(pos / 5), half, value: halfToFloat(half) };
    }),
  );

interface Drawn {
  readonly band: number;
  readonly doc: number;
  readonly pos: number;
}

/** The definition: of every context the firing of smallest hash in the band, of these the four smallest. */
function bruteBands(all: readonly Firing[], max: number): Drawn[] {
  return Array.from({ length: 10 }, (_, band) => {
    const within = all.filter(({ value }) => value > (band * max) / 10 && value <= ((band + 1) * max) / 10);
    const hashed = within
      .map((one) => ({ ...one, hash: keyedHash('bands', [FEATURE, one.doc, one.pos]) }))
      .sort((a, b) => a.hash - b.hash);
    const first = hashed.filter((one, i) => hashed.findIndex(({ context }) => context === one.context) === i);
    return first.slice(0, 4).map(({ doc, pos }) => ({ band, doc, pos }));
  }).flat();
}

function sampled(all: readonly Firing[], max: number): BandSampler {
  const sampler = new BandSampler(FEATURE, max);
  for (const one of all) sampler.add(one);
  return sampler;
}

const placed = (sampler: BandSampler): Drawn[] => sampler.examples.map(({ band, doc, pos }) => ({ band, doc, pos }));

describe('the examples of bands', () => {
  it('are those of the definition, and merging samples of any division gives the same ones', () => {
    fc.assert(
      fc.property(firings, fc.integer({ min: 1, max: 5 }), fc.integer(), (all, shards, seed) => {
        const max = Math.max(0, ...all.map(({ value }) => value));
        const expected = bruteBands(all, max);
        const shuffled = [...new KeyedRandom('test', seed).permutation(all.length)].map((i) => all[i] as Firing);
        expect(placed(sampled(shuffled, max))).toEqual(expected);
        const merged = new BandSampler(FEATURE, max);
        for (let shard = 0; shard < shards; shard++)
          merged.merge(
            sampled(
              shuffled.filter((_, i) => i % shards === shard),
              max,
            ),
          );
        expect(placed(merged)).toEqual(expected);
        expect(merged.histogram).toEqual(sampled(all, max).histogram);
      }),
      { numRuns: 300 },
    );
  });

  it('count every firing above 0 in exactly one band', () => {
    fc.assert(
      fc.property(firings, (all) => {
        const max = Math.max(0, ...all.map(({ value }) => value));
        const counted = sampled(all, max).histogram.reduce((a, b) => a + b, 0);
        expect(counted).toBe(all.filter(({ value }) => value > 0).length);
      }),
    );
  });

  it('lie in (b · max / 10, (b + 1) · max / 10] for every half and maximum, by arithmetic on whole numbers', () => {
    // A half is m · 2^e with a whole m: 10 v ≤ (b + 1) max is compared without rounding as scaled integers.
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 0x7bff }), fc.integer({ min: 1, max: 0x7bff }), (a, b) => {
        const [v, max] = [halfToFloat(Math.min(a, b)), halfToFloat(Math.max(a, b))];
        const [wholeV, wholeMax] = [BigInt(v * 2 ** 24), BigInt(max * 2 ** 24)];
        const band = BigInt(bandOf(v, max));
        expect(10n * wholeV > band * wholeMax && 10n * wholeV <= (band + 1n) * wholeMax).toBe(true);
      }),
      { numRuns: 2000 },
    );
  });
});

describe('the hash', () => {
  it('is MurmurHash3 of three words, the value that another implementation gives', () => {
    // mmh3.hash(struct.pack('<III', 1, 2, 3), 0x62616e64, signed=False) and with seed ^ 0x9e3779b9: two 32-bit halves.
    expect(keyedHash('bands', [1, 2, 3])).toBe(2_822_118_693 * 2 ** 21 + (2_976_131_908 >>> 11));
  });
});

interface Shard {
  readonly lengths: readonly number[];
}

const rules = fc.record({
  packing: fc.record({
    contextTokens: fc.integer({ min: 2, max: 9 }),
    prepended: fc.boolean(),
    packing: fc.constantFrom('document' as const, 'concatenate' as const),
  }),
  dropPositions: fc.uniqueArray(fc.nat(4), { maxLength: 2 }),
  dropTokens: fc.uniqueArray(fc.nat(5), { maxLength: 2 }),
});
const shardsOf = fc.array(fc.record({ lengths: fc.array(fc.integer({ min: 0, max: 20 }), { maxLength: 6 }) }), {
  maxLength: 4,
});

function tablesOf({ lengths }: Shard, firstDoc: number): TableColumns['tokens'] {
  const offsets = new Uint32Array(lengths.length + 1);
  lengths.forEach((length, i) => (offsets[i + 1] = (offsets[i] as number) + length));
  const ids = Uint32Array.from({ length: offsets.at(-1) ?? 0 }, (_, i) => (i * 7 + firstDoc) % 9);
  return { doc: Uint32Array.from(lengths, (_, i) => firstDoc + i), offsets, ids, starts: ids, ends: ids };
}

interface Row {
  readonly doc: number;
  readonly pos: number;
  readonly context: number;
  readonly token: number;
}

/** Every stored row with its context, from the extraction's own functions, nothing compressed. */
function bruteRows(shards: readonly Shard[], rule: RowRule): Row[] {
  let [firstDoc, contexts] = [0, 0];
  return shards.flatMap((shard) => {
    const { doc, offsets, ids } = tablesOf(shard, firstDoc);
    const packed = packContexts(offsets, rule.packing);
    const { tokenOfRow } = planRows(packed, rule.dropPositions, (at) => rule.dropTokens.includes(ids[at] ?? -1));
    const rows = [...tokenOfRow].map((at): Row => {
      const d = [...doc.keys()].find((i) => at < (offsets[i + 1] ?? 0)) ?? 0;
      const context = contexts + (packed.contexts[at] ?? 0);
      return { doc: doc[d] ?? 0, pos: at - (offsets[d] ?? 0), context, token: ids[at] ?? 0 };
    });
    firstDoc += shard.lengths.length;
    contexts += packed.starts.length - 1;
    return rows;
  });
}

function placesOf(shards: readonly Shard[], rule: RowRule): { places: RowPlaces; tokens: number[] } {
  const places = new RowPlaces(rule);
  const tokens: number[] = [];
  let firstDoc = 0;
  for (const shard of shards) {
    // Two tables a shard, as a large shard has.
    const middle = Math.floor(shard.lengths.length / 2);
    const tables = [shard.lengths.slice(0, middle), shard.lengths.slice(middle)];
    let doc = firstDoc;
    const made = tables.map((lengths) => {
      const table = tablesOf({ lengths }, doc);
      doc += lengths.length;
      return table;
    });
    const whole = tablesOf(shard, firstDoc).ids;
    let at = 0;
    const joined = made.map((table) => ({ ...table, ids: whole.slice(at, (at += table.ids.length)) }));
    places.add(joined, (token) => tokens.push(token));
    firstDoc += shard.lengths.length;
  }
  return { places, tokens };
}

describe('the places of rows', () => {
  it('are those of the extraction, found by number and by document and position', () => {
    fc.assert(
      fc.property(shardsOf, rules, (shards, rule) => {
        const expected = bruteRows(shards, rule);
        const { places, tokens } = placesOf(shards, rule);
        expect(places.rows).toBe(expected.length);
        expect(tokens).toEqual(expected.map(({ token }) => token));
        const byPlace = new Map(expected.map(({ doc, pos, context }, row) => [`${doc}/${pos}`, { row, context }]));
        expected.forEach(({ doc, pos, context }, row) => expect(places.at(row)).toEqual({ doc, pos, context }));
        for (let doc = 0; doc < 26; doc++)
          for (let pos = 0; pos < 21; pos++)
            expect(places.find(doc, pos)).toEqual(byPlace.get(`${doc}/${pos}`) ?? null);
      }),
      { numRuns: 40 },
    );
  });
});

describe('rows without a feature', () => {
  it('are the first of the keyed order on which it does not fire, one of a context, by a scan of the whole order', () => {
    fc.assert(
      fc.property(
        fc.tuple(shardsOf, rules, fc.integer({ min: 0, max: 100 }), fc.nat(50)),
        ([shards, rule, share, feature]) => {
          const rows = bruteRows(shards, rule);
          const { places } = placesOf(shards, rule);
          const random = new KeyedRandom('fires', feature, share);
          const fired = Uint32Array.from([...rows.keys()].filter(() => random.nextInt(100) < share));
          const permute = feistelPermutation(rows.length, 'quiet', feature);
          const order = [...rows.keys()].map((k) => permute(k));
          const quiet = order.filter((row) => !fired.includes(row)).map((row) => rows[row] as Row);
          const first = quiet.filter((one, i) => quiet.findIndex(({ context }) => context === one.context) === i);
          expect(drawQuiet(feature, fired, places)).toEqual(
            first.slice(0, 20).map(({ doc, pos, context }) => ({ doc, pos, context })),
          );
        },
      ),
      { numRuns: 300 },
    );
  });
});
