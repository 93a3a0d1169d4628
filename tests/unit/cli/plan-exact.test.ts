// `plan --exact` foresees what a run does with its corpus: the same counts where the corpus stage goes through, the same words where
// it refuses a document, whatever is wrong with it.
import { describe, expect, it } from 'vitest';
import { measureCorpus } from '../../../pipeline/plan/measure-corpus.js';
import type { ResolvedRun } from '../../../schemas/resolved-run.js';
import { DataError } from '../../../schemas/errors.js';
import { listParts } from '../../../stages/corpus/parts.js';
import { failureOf } from '../../harness/failure-of.js';
import { CONFIG, folderWith, runPart } from '../stages/corpus/run-part.js';

type Policy = 'fail' | 'skip';
type Files = Readonly<Record<string, string | Uint8Array>>;

/** A run over the files, with what reading its corpus needs. */
async function runOver(
  folder: string,
  sources: readonly string[],
  {
    onBadDocument = 'fail',
    tolerance = 0.01,
    limitDocuments = null,
  }: { onBadDocument?: Policy; tolerance?: number; limitDocuments?: number | null } = {},
): Promise<ResolvedRun> {
  const parts = await listParts([...sources], { baseFolder: folder, format: 'auto' });
  const { splitSeed, split, shardTokens, seed } = CONFIG;
  const corpus = { id: 'id', text: 'text', split, splitSeed, shardTokens, onBadDocument, format: 'auto' };
  const file = { seed, corpus, tolerance: { quarantinedShards: tolerance } };
  return { file, parts, limitDocuments } as unknown as ResolvedRun;
}

interface Outcome {
  readonly textBytes: number | null;
  readonly shards: number | null;
  readonly error: string | null;
}

async function outcomeOf(work: () => Promise<Omit<Outcome, 'error'>>): Promise<Outcome> {
  try {
    return { ...(await work()), error: null };
  } catch (error) {
    if (!(error instanceof DataError)) throw error;
    return { textBytes: null, shards: null, error: error.message };
  }
}

const line = (id: string, text: string): string => `${JSON.stringify({ id, text })}\n`;
const good = line('a', 'In the beginning') + line('b', 'and the earth');

const CASES: readonly (readonly [string, Files, string, RegExp])[] = [
  ['nothing', { 'c.jsonl': good }, 'c.jsonl', /^$/],
  [
    'no UTF-8 on a line',
    { 'c.jsonl': Buffer.concat([Buffer.from(good), Buffer.of(0x22, 0xff, 0x0a)]) },
    'c.jsonl',
    /:3: expected UTF-8/,
  ],
  ['broken JSON', { 'c.jsonl': `${good}{"id":\n` }, 'c.jsonl', /:3: expected a JSON object/],
  [
    'a member twice',
    { 'c.jsonl': `${good}{"id":"c","text":"x","text":"y"}\n` },
    'c.jsonl',
    /:3: .* found "text" twice/,
  ],
  ['an id twice', { 'c.jsonl': good + line('a', 'another text') }, 'c.jsonl', /found "a" on lines 1 and 3/],
  ['two ids twice', { 'c.jsonl': good + line('b', 'x') + line('a', 'yy') }, 'c.jsonl', /on lines [12] and [34]/],
  ['an empty text file', { 't/a.txt': 'In the beginning', 't/b.txt': '' }, 't', /b\.txt:1: expected field "text"/],
  ['text that is no UTF-8', { 't/a.txt': 'In the', 't/b.txt': Buffer.of(0x0a, 0xc3) }, 't', /b\.txt:2: expected UTF-8/],
];

describe('a plan that has read the corpus', () => {
  it.each(CASES.flatMap((one) => (['fail', 'skip'] as const).map((policy) => [policy, ...one] as const)))(
    'says with %s what the run does where it has %s',
    async (...[policy, , files, source, problem]) => {
      const folder = await folderWith(files);
      const run = await runOver(folder, [source], { onBadDocument: policy });
      const [part] = run.parts;
      if (!part) throw new TypeError('no part');
      const planned = await outcomeOf(async () => (await measureCorpus(run, folder))[0] ?? { textBytes: 0, shards: 0 });
      const ran = await outcomeOf(async () => {
        const { statistics } = await runPart(part, { onBadDocument: policy });
        const { fit, calib, test } = statistics.splits;
        return { textBytes: statistics.textBytes, shards: fit.shards + calib.shards + test.shards };
      });
      expect(planned).toEqual(ran);
      expect(planned.error ?? '').toMatch(policy === 'skip' ? /^$/ : problem);
    },
  );

  it('refuses an id that two parts share, as the tokens stage does', async () => {
    const folder = await folderWith({ 'a.jsonl': good, 'b.jsonl': line('c', 'x') + line('b', 'another') });
    for (const policy of ['fail', 'skip'] as const) {
      const run = await runOver(folder, ['a.jsonl', 'b.jsonl'], { onBadDocument: policy });
      const error = await failureOf(measureCorpus(run, folder));
      expect(error.message).toMatch(
        /^Expected every document id once in the corpus, found "b" in .*a\.jsonl and in .*b\.jsonl/,
      );
    }
  });

  describe('of three parts', () => {
    const three = ['a.jsonl', 'b.jsonl', 'c.jsonl'];
    const broken = '{"id":\n';
    const more = line('c', 'Let there be') + line('d', 'light');

    it('leaves out as many that fail as the tolerance allows, and refuses the first where there are more', async () => {
      // 0.34 × 3 = 1.02 allows one, 0.33 × 3 = 0.99 none.
      const one = await folderWith({ 'a.jsonl': good, 'b.jsonl': broken, 'c.jsonl': more });
      const sizes = await measureCorpus(await runOver(one, three, { tolerance: 0.34 }), one);
      expect(sizes.map(({ textBytes }) => textBytes)).toEqual([
        'In the beginning'.length + 'and the earth'.length,
        'Let there be'.length + 'light'.length,
      ]);
      const strict = await failureOf(measureCorpus(await runOver(one, three, { tolerance: 0.33 }), one));
      expect(strict.message).toMatch(/b\.jsonl:1: expected a JSON object/);
      const two = await folderWith({ 'a.jsonl': good, 'b.jsonl': broken, 'c.jsonl': `${broken}\n` });
      const refused = await failureOf(measureCorpus(await runOver(two, three, { tolerance: 0.34 }), two));
      expect(refused.message).toMatch(/b\.jsonl:1: expected a JSON object/);
    });

    it('tells of parts that fail before an id that two share, as the corpus stage comes first', async () => {
      const folder = await folderWith({ 'a.jsonl': good, 'b.jsonl': line('a', 'another'), 'c.jsonl': broken });
      const failed = await failureOf(measureCorpus(await runOver(folder, three), folder));
      expect(failed.message).toMatch(/c\.jsonl:1: expected a JSON object/);
      const shared = await failureOf(measureCorpus(await runOver(folder, three, { tolerance: 0.34 }), folder));
      expect(shared.message).toMatch(/every document id once in the corpus, found "a"/);
    });

    it('takes of each only the documents that the run is limited to', async () => {
      const folder = await folderWith({ 'a.jsonl': good, 'b.jsonl': more + broken, 'c.jsonl': line('e', 'And') });
      const sizes = await measureCorpus(await runOver(folder, three, { limitDocuments: 1 }), folder);
      expect(sizes.map(({ textBytes }) => textBytes)).toEqual([
        'In the beginning'.length,
        'Let there be'.length,
        'And'.length,
      ]);
    });
  });
});
