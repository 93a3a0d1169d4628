// Equal keys do not say that nothing is computed: `explain` tells the same settings over other input from those over the same.
import { gunzipSync, gzipSync } from 'node:zlib';
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { beforeAll, expect, it } from 'vitest';
import { explainText } from '../../../cli/render/run-text.js';
import { explainRun, type Explanation } from '../../../reading/runs/explain.js';
import { openStore } from '../../../storage/objects/open-store.js';
import { temporaryFolder } from '../../harness/temporary-folder.js';
import { runStages, submitRun, writeRun } from '../cli/pipeline.js';

const folder = temporaryFolder('explain');
const UNTIL = 'tokens';

let same: Explanation;
let other: Explanation;
let more: Explanation;
let less: Explanation;

beforeAll(async () => {
  const file = await writeRun(folder);
  const store = await openStore(`file://${folder}/data`);
  const explained = async (revision: number): Promise<Explanation> => {
    const run = await submitRun(store, file, revision);
    await runStages(store, run, { folder, until: UNTIL });
    return explainRun(store, { name: 'small', revision }, revision === 1 ? null : revision - 1);
  };
  await explained(1);
  same = await explained(2);
  const corpus = path.join(folder, 'corpus.jsonl.gz');
  const lines = gunzipSync(await readFile(corpus))
    .toString('utf8')
    .split('\n');
  await writeFile(corpus, gzipSync(lines.slice(1).join('\n')));
  other = await explained(3);
  const list = await readFile(file, 'utf8');
  await writeFile(file, list.replace('[corpus.jsonl.gz]', '[corpus.jsonl.gz, more.jsonl]'));
  await writeFile(path.join(folder, 'more.jsonl'), '{"id":"one","split":"fit","text":"In the beginning."}\n');
  more = await explained(4);
  less = await explainRun(store, { name: 'small', revision: 3 }, 4);
}, 120_000);

const inputs = ({ stages }: Explanation): object =>
  Object.fromEntries(
    stages.filter(({ key }) => key !== null).map(({ stage, same: keys, input }) => [stage, [keys, input]]),
  );

it('the same input under the same keys computes nothing', () => {
  expect(inputs(same)).toMatchObject({ corpus: [true, 'same'], tokens: [true, 'same'] });
  expect(same.sources).toEqual([]);
  expect(explainText(same)).toMatch(/^tokens .* same key, same input: nothing is computed again$/m);
});

it('a source with other bytes is other input, and is named', () => {
  const location = path.join(folder, 'corpus.jsonl.gz');
  expect(inputs(other)).toMatchObject({ corpus: [true, 'other'], tokens: [true, 'other'] });
  expect(other.sources).toEqual([{ location, change: 'other' }]);
  const text = explainText(other);
  expect(text).toMatch(/^corpus .* same key, other input: what is new in it is computed$/m);
  expect(text).toContain(`    ${location}: its content is another`);
  expect(text).not.toContain('nothing is computed again');
});

it('one source more is named as new, one less as gone', () => {
  const location = path.join(folder, 'more.jsonl');
  expect(more.sources).toEqual([{ location, change: 'new' }]);
  expect(inputs(more)).toMatchObject({ corpus: [true, 'other'] });
  expect(less.sources).toEqual([{ location, change: 'gone' }]);
});

it('input that one of the two has not planned is not called the same', () => {
  const stages = same.stages.map((stage) => ({ ...stage, input: null }));
  expect(explainText({ ...same, stages })).toMatch(/same key: what its input brings anew is computed$/m);
});
