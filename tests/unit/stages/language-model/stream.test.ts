// Streams: documents end to end in the asked order, behind the prepended token, with weights by spans; what is left out.
import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { Tokenizer } from '../../../../core/corpus/tokenizer/tokenizer.js';
import { DataError } from '../../../../schemas/errors.js';
import type { StreamConfig } from '../../../../stages/stream/config.js';
import { workOfTraining } from '../../../../stages/work.js';
import { createPinnedReader } from '../../../../stages/pinned.js';
import { spanWeights } from '../../../../stages/stream/span-weights.js';
import { planStreamItems, streamKey, streamSources } from '../../../../stages/stream/plan.js';
import { getCommit } from '../../../../storage/records/commits.js';
import { getData } from '../../../../storage/records/data-stream.js';
import { TOKENIZER } from '../../../harness/fixtures.js';
import { makeProject, trainUntil, type Project } from './project.js';

const tokenizer = new Tokenizer(await readFile(TOKENIZER));

/** The stream's tokens and weights as they stand in the store. */
async function streamOf(
  project: Project,
  config: StreamConfig,
): Promise<{ ids: number[]; weights: number[] | null; statistics: unknown }> {
  const { store, training } = project;
  const work = workOfTraining(training);
  const items = await planStreamItems(work, createPinnedReader(store, work));
  const { key } = streamKey(config);
  const item = items?.get(key);
  const commit = await getCommit(store, { stage: 'stream', key, input: item?.input ?? '' });
  const bytes = async (table: string): Promise<ArrayBuffer | null> => {
    const object = commit?.objects.find((o) => o.table === table);
    return object ? new Uint8Array(await getData(store, object)).buffer : null;
  };
  const ids = new Uint16Array((await bytes('stream')) ?? new ArrayBuffer());
  const weights = await bytes('weights');
  return {
    ids: [...ids],
    weights: weights && [...new Float32Array(weights)],
    statistics: commit?.statistics,
  };
}

const expected = (texts: readonly string[], before: readonly number[] = [0]): number[] =>
  texts.flatMap((text) => [...before, ...tokenizer.encode(text).ids]);

describe('a stream', () => {
  const documents = Array.from({ length: 30 }, (_, i) => ({
    id: `d${i}`,
    text: `Document ${i} says ${'so '.repeat(1 + (i % 4))}.`,
    split: (['fit', 'calib', 'fit', 'test'] as const)[i % 4] ?? 'fit',
  }));
  const textsOf = (...splits: string[]): string[] =>
    documents.filter(({ split }) => splits.includes(split)).map(({ text }) => text);

  it('in the order of the file is every chosen document as it stood there, over parts and shards', async () => {
    const project = await makeProject({
      parts: [documents.slice(0, 17), documents.slice(17)],
      training: { splits: ['calib', 'fit'], order: 'file', prepend: 0 },
    });
    await trainUntil(project, 'stream');
    const { streams } = project.training.models[0] ?? {};
    if (!streams) throw new TypeError('no model');
    const training = await streamOf(project, streams.training);
    expect(training.ids).toEqual(expected(textsOf('fit', 'calib')));
    expect(training.statistics).toEqual({ tokens: training.ids.length, documents: 23 });
    expect(training.weights).toBeNull();
    expect((await streamOf(project, streams.test)).ids).toEqual(expected(textsOf('test')));
  });

  it('shuffled holds the same documents in another, keyed order, without a prepended token where none is asked for', async () => {
    const idsFor = async (seed: number): Promise<number[]> => {
      const project = await makeProject({ parts: [documents], seed });
      await trainUntil(project, 'stream');
      const [model] = project.training.models;
      return model ? (await streamOf(project, model.streams.training)).ids : [];
    };
    const [a, b] = [await idsFor(1), await idsFor(2)];
    const sorted = (ids: number[]): number[] => [...ids].sort((x, y) => x - y);
    expect(sorted(a)).toEqual(sorted(expected(textsOf('fit'), [])));
    expect(sorted(b)).toEqual(sorted(a));
    expect(a).not.toEqual(b);
    expect(a).not.toEqual(expected(textsOf('fit'), []));
  });

  it('leaves out documents that were skipped for their length, and does not shift those behind them', async () => {
    const long = { id: 'long', text: 'word '.repeat(300), split: 'fit' };
    const some = [documents[0], long, documents[2], documents[4]].flatMap((d) => (d ? [d] : []));
    const project = await makeProject({
      parts: [some],
      corpus: { maxDocumentTokens: 100, onBadDocument: 'skip' },
      training: { order: 'file', prepend: 0 },
    });
    await trainUntil(project, 'stream');
    const [model] = project.training.models;
    const kept = some.filter(({ id }) => id !== 'long').map(({ text }) => text);
    expect(model && (await streamOf(project, model.streams.training)).ids).toEqual(expected(kept));
  });

  it('has the weight of every token where spans say so', async () => {
    const text = 'Alpha beta gamma delta.';
    const spans = [{ start: 6, end: 10, weight: 3 }];
    const project = await makeProject({
      parts: [
        [
          { id: 'a', text, split: 'fit', spans },
          { id: 'b', text, split: 'fit' },
        ],
      ],
      training: { order: 'file', prepend: 0, lossWeights: { field: 'spans', default: 0.5 } },
    });
    await trainUntil(project, 'stream');
    const [model] = project.training.models;
    const { ids, weights } = model ? await streamOf(project, model.streams.training) : { ids: [], weights: [] };
    const { starts, ends } = tokenizer.encode(text);
    const own = [...starts].map((start, i) => (start < 10 && (ends[i] ?? 0) > 6 ? 3 : 0.5));
    expect(own.filter((weight) => weight === 3).length).toBeGreaterThan(0);
    expect(weights).toEqual([0.5, ...own, ...new Array<number>(ids.length / 2).fill(0.5)]);
    expect(model && (await streamOf(project, model.streams.calib)).weights).toBeNull();
  });

  it("without the corpus' file order is refused with what to do", async () => {
    const project = await makeProject({ parts: [documents], training: { order: 'file' } });
    await trainUntil(project, 'tokens');
    const [model] = project.training.models;
    const pinned = createPinnedReader(project.store, workOfTraining(project.training));
    const corpus = (await pinned('t/corpus'))?.commits ?? [];
    const tokens = (await pinned('t/tokens'))?.commits ?? [];
    const old = corpus.map((commit) => ({
      ...commit,
      objects: commit.objects.filter(({ table }) => table !== 'lines'),
    }));
    const sources = (): unknown => model && streamSources(model.streams.training.keyed, { corpus: old, tokens });
    expect(sources).toThrow(DataError);
    expect(sources).toThrow(
      /to say where its \d+ documents of split fit stood in their file, found 0 places; make the run anew with this release, or set training\.order: shuffled\./,
    );
  });
});

describe('weights by spans', () => {
  const places = { starts: Uint32Array.of(0, 3, 6, 6, 9), ends: Uint32Array.of(3, 6, 9, 9, 9) };
  const weigh = (spans: unknown, fallback = 1): number[] => [
    ...spanWeights(JSON.stringify({ spans }), places, {
      field: 'spans',
      default: fallback,
      id: 'd',
    }),
  ];

  it('are those of the span that shares most characters with the token, the earlier at a tie', () => {
    expect(weigh([{ start: 0, end: 4, weight: 2 }])).toEqual([2, 2, 1, 1, 1]);
    expect(
      weigh([
        { start: 0, end: 4, weight: 2 },
        { start: 4, end: 7, weight: 5 },
      ]),
    ).toEqual([2, 5, 5, 5, 1]);
    expect(
      weigh([
        { start: 0, end: 1, weight: 2 },
        { start: 2, end: 3, weight: 5 },
      ]),
    ).toEqual([2, 1, 1, 1, 1]);
  });

  it('are the default outside of spans and in documents without them; tokens without characters count as one', () => {
    expect(weigh(undefined, 0.25)).toEqual([0.25, 0.25, 0.25, 0.25, 0.25]);
    expect(weigh([{ start: 9, end: 12, weight: 4 }], 0)).toEqual([0, 0, 0, 0, 4]);
  });

  it.each([
    ['7', 'a list of {start, end, weight}'],
    ['[{"start":3,"end":3,"weight":1}]', 'whole numbers 0 ≤ start < end and a finite weight ≥ 0'],
    ['[{"start":0,"end":3,"weight":-1}]', 'whole numbers 0 ≤ start < end and a finite weight ≥ 0'],
    ['[{"start":0,"end":3,"weight":1},{"start":2,"end":4,"weight":1}]', 'spans that do not overlap'],
  ])('%s is refused', (json, wanted) => {
    const value = JSON.parse(json) as unknown;
    expect(() => weigh(value)).toThrow(`Expected field "spans" of document "d" to hold ${wanted}, found `);
  });
});
