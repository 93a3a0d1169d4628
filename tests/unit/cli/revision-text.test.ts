// What is said when a run file becomes a new revision: everything that is asked for otherwise, also what stands on the command line.
import { expect, it } from 'vitest';
import { whatChanged } from '../../../cli/render/revision-text.js';
import { tinyRun } from '../../harness/tiny-run.js';

it('a limit or another last stage of the command line is a change like one of the file', async () => {
  const before = await tinyRun();
  const now = { ...before, revision: 2, limitDocuments: 30, until: 'tokens' as const };
  expect(whatChanged(before, now).split('\n')).toEqual([
    'revision 2 of kjv; changed against revision 1:',
    '  --limit: null → 30',
    '  --until: "index" → "tokens"',
    'Commands read the newest revision; a file of another name keeps both. What is recomputed and why: assay explain kjv',
  ]);
});

it('files that are others under their old names are told', async () => {
  const before = await tinyRun();
  const [part] = before.parts;
  const other = { ...(part ?? expect.fail('no part')), digest: 'f'.repeat(64) };
  const now = { ...before, revision: 2, parts: [other], model: { ...before.model, vocabSize: 7 } };
  const text = whatChanged(before, now);
  expect(text).toContain('  1 new part of the corpus\n  1 part of the corpus less\n  the model: its files');
});
