// A corpus that leaves a split empty is told so before it is read: one text has no test split, and its metrics would be of the
// documents that were trained on.
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { untestedNote } from '../../../../cli/render/metrics-text.js';
import { loadRunFile } from '../../../../pipeline/files/load.js';
import { emptySplitsNote } from '../../../../pipeline/plan/split-note.js';
import { resolveRun } from '../../../../pipeline/resolve/resolve-run.js';
import type { MetricsEntry } from '../../../../reading/metrics/read-metrics.js';
import type { RunFile } from '../../../../schemas/run-file.js';

async function noteOf(
  name: string,
  change: (file: RunFile) => RunFile = (file) => file,
  limitDocuments: number | null = null,
): Promise<string | null> {
  const { runFile, folder } = await loadRunFile(path.resolve('tests/cases/data', name, 'run.yaml'));
  const { run } = await resolveRun(change(runFile), {
    ...{ folder, revision: 1, until: 'corpus', limitDocuments, hostId: 'host', nowMs: 0 },
  });
  return emptySplitsNote(run, folder);
}

describe('splits without a document', () => {
  it('are told of one text, before anything is read', async () => {
    expect(await noteOf('k-one-txt')).toBe(
      'corpus: 1 document leaves the splits calib and test empty. No metric of this run will be measured on documents that nothing was fitted to. ' +
        'Give more documents (a .txt file is one), or other shares in corpus.split.',
    );
  });

  it('are not told where they have documents, or where no share is theirs', async () => {
    const halves = (fit: number, calib: number, test: number) => (file: RunFile) => ({
      ...file,
      corpus: { ...file.corpus, split: { fit, calib, test } },
    });
    expect(await noteOf('a-bigint', halves(0.4, 0.3, 0.3))).toBeNull();
    expect(await noteOf('k-one-txt', halves(1, 0, 0))).toBeNull();
    expect(await noteOf('k-one-txt', halves(0, 0.5, 0.5))).toMatch(/leaves the split (calib|test) empty/);
  });

  it('are blamed on --limit where that is the cause', async () => {
    const halves = (file: RunFile): RunFile => ({
      ...file,
      corpus: { ...file.corpus, split: { fit: 0.4, calib: 0.3, test: 0.3 } },
    });
    expect(await noteOf('a-bigint', halves, 1)).toMatch(
      /^corpus: 1 document leaves .* Raise --limit 1, or give other shares in corpus\.split\.$/,
    );
  });

  it('are told beside the metrics', () => {
    const entry = (dictionary: string, documents: number): MetricsEntry =>
      ({ dictionary, splits: [{ split: 'test', documents }] }) as unknown as MetricsEntry;
    expect(untestedNote([entry('r/a', 3)])).toBeNull();
    expect(
      untestedNote([entry('r/a', 3), entry('r/b', 0), { dictionary: 'r/c', splits: [] } as unknown as MetricsEntry]),
    ).toBe(
      'No number of r/b, r/c was measured on documents that nothing was fitted to: the split test is empty. Give the run more documents, or other shares in corpus.split.',
    );
  });
});
