// Proof over the demo's results (examples/kjv/data; run `npm run demo` first): the dictionary's test FVU against PCA with k
// components on the same rows, the course of its training in tenths, and its dead features. Prints; reads only.
import path from 'node:path';
import { readMetrics } from '../../reading/metrics/read-metrics.js';
import { packageRoot } from '../../runtime/package-root.js';
import { DataError } from '../../schemas/errors.js';
import type { Commit, Snapshot } from '../../schemas/records.js';
import { latestRevision } from '../../storage/records/resolved-runs.js';
import { computePcaBaseline } from '../../stages/train/pca-baseline.js';
import type { ObjectStore } from '../../storage/objects/object-store.js';
import { openStore } from '../../storage/objects/open-store.js';
import { latestSnapshot, readSnapshotCommits } from '../../storage/records/snapshots.js';
import { readTable } from '../../storage/tables/read.js';

const RUN = 'kjv';
const AIM = 0.8;
const MOST_DEAD = 0.1;
const TENTHS = 10;
/** Tenths whose mean must be below the one before. */
const FALLING = 5;

async function commitsOf(store: ObjectStore, dataset: string): Promise<Commit[]> {
  const snapshot: Snapshot | null = await latestSnapshot(store, dataset);
  if (!snapshot?.complete)
    throw new DataError(`Expected a complete dataset ${dataset} in ${store.url}. Run \`npm run demo\` first.`, {
      dataset,
    });
  const commits: Commit[] = [];
  for await (const commit of readSnapshotCommits(store, snapshot)) commits.push(commit);
  return commits;
}

interface Course {
  /** Mean FVU on fit batches of each tenth of the steps. */
  readonly tenths: readonly number[];
  readonly steps: number;
  readonly dead: number;
}

async function trainingCourse(store: ObjectStore, commits: readonly Commit[]): Promise<Course> {
  const objects = commits.flatMap((c) => c.objects).filter((o) => o.table === 'training');
  const steps: { readonly step: number; readonly fvu: number; readonly dead: number }[] = [];
  for (const { key } of objects) {
    const bytes = await store.get(key);
    const { columns } = await readTable('training', bytes ?? new Uint8Array());
    columns.split.forEach((split, i) => {
      if (split !== 'fit') return;
      const { step, fvu, deadFraction } = columns;
      steps.push({ step: step[i] ?? 0, fvu: fvu[i] ?? NaN, dead: deadFraction[i] ?? NaN });
    });
  }
  steps.sort((a, b) => a.step - b.step);
  const last = steps.at(-1);
  if (!last) throw new DataError('Expected rows of split fit in the training table, found none.');
  const tenths = Array.from({ length: TENTHS }, (_, i) => {
    const from = Math.floor((i * steps.length) / TENTHS);
    const part = steps.slice(from, Math.floor(((i + 1) * steps.length) / TENTHS));
    return part.reduce((sum, { fvu }) => sum + fvu, 0) / part.length;
  });
  return { tenths, steps: last.step, dead: last.dead };
}

const claims: { readonly claim: string; readonly holds: boolean }[] = [];

function claim(text: string, holds: boolean): void {
  claims.push({ claim: text, holds });
  process.stdout.write(`${holds ? 'holds' : 'FAILS'}  ${text}\n`);
}

async function main(): Promise<void> {
  const store = await openStore(`file://${path.join(packageRoot(), 'examples', 'kjv', 'data')}`);
  const run = await latestRevision(store, RUN);
  const dictionary = run?.dictionaries[0];
  const site = run?.sites.find((s) => s.name === dictionary?.reads[0]);
  const k = dictionary?.sae.k;
  if (!run || !dictionary || !site || k === undefined)
    throw new DataError(`Expected the run "${RUN}" with a dictionary in ${store.url}. Run \`npm run demo\` first.`);
  const measured = await readMetrics(store, { run: RUN, dictionary: dictionary.name });
  const test = measured.splits.find(({ split }) => split === 'test');
  if (!test) throw new DataError(`Expected metrics of the split test in ${store.url}, found none.`);
  const baseline = await computePcaBaseline({
    store,
    commits: await commitsOf(store, `${RUN}/activations/${site.name}`),
    width: site.width,
    dtype: run.file.activations.dtype,
    k,
  });
  const course = await trainingCourse(store, await commitsOf(store, `${RUN}/${dictionary.name}/training`));
  await store.close();

  const { lo, hi, ...stored } = test.metrics.fvu;
  const fvu = stored.value ?? NaN;
  const interval = lo === null || hi === null ? 'none' : `${lo.toFixed(4)} to ${hi.toFixed(4)}`;
  process.stdout.write(
    [
      `dictionary ${dictionary.name}: ${dictionary.sae.features} features, k ${k}, ${course.steps} steps of ${'batchRows' in dictionary.sae ? dictionary.sae.batchRows : 0} rows`,
      `test FVU   ${fvu.toFixed(4)} (95 % interval ${interval}; ${test.rows} rows of ${test.documents} documents)`,
      `PCA FVU    ${baseline.fvu.toFixed(4)} (${baseline.k} components of ${baseline.fitRows} fit rows; ${baseline.testRows} test rows)`,
      `ratio      ${(fvu / baseline.fvu).toFixed(3)} (aim at most ${AIM})`,
      `fit FVU by tenths of training: ${course.tenths.map((x) => x.toFixed(4)).join(', ')}`,
      `dead       ${(course.dead * 100).toFixed(2)} % of the features over the window at the end`,
      '',
      '',
    ].join('\n'),
  );
  claim('both were measured on the same test rows', test.rows === baseline.testRows);
  claim('test FVU is below that of PCA with k components', fvu < baseline.fvu);
  claim(
    `each of the first ${FALLING} tenths of training has a lower mean FVU than the one before`,
    course.tenths.slice(1, FALLING).every((mean, i) => mean < (course.tenths[i] ?? 0)),
  );
  claim(`fewer than ${MOST_DEAD * 100} % of the features are dead`, course.dead < MOST_DEAD);
}

await main();
if (claims.some(({ holds }) => !holds)) process.exitCode = 1;
