// `assay plan` on a real run file: what it notes beside its result, and that it refuses the sources that `run` refuses, as `run` does.
import { readdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { expect, it } from 'vitest';
import { plan } from '../../../cli/orchestration/plan.js';
import { InputError } from '../../../schemas/errors.js';
import { failureOf } from '../../harness/failure-of.js';
import { runCli, type CliResult } from './harness.js';
import { writeRun } from './pipeline.js';
import { temporaryFolder } from '../../harness/temporary-folder.js';

const folder = temporaryFolder('plan');

async function planned(batchTokens: number): Promise<CliResult> {
  const own = path.join(folder, String(batchTokens));
  const file = await writeRun(own, (yaml) => yaml.replace('batchTokens: 512', `batchTokens: ${batchTokens}`));
  const result = await runCli(['plan', file, '--json'], {
    cwd: own,
    act: (context) => plan({ file, exact: false }, context),
  });
  expect(result).toMatchObject({ code: 0 });
  expect(result.json()).toMatchObject({ run: 'small' });
  expect(await readdir(own)).not.toContain('data');
  return result;
}

it('says on stderr when an extraction child is likely to need too much memory, and what to set', async () => {
  const said = async (tokens: number): Promise<string> => {
    const store = `store file://${path.join(folder, String(tokens))}/data (the file)\n`;
    return (await planned(tokens)).err.replace(store, '');
  };
  // What children need is said by every plan; no warning follows where it fits.
  expect(await said(512)).toMatch(/^Memory of a compute child, estimated: train@[^\n]*\n$/);
  expect(await said(1_000_000)).toMatch(
    /\nAn extraction child is likely to need about \d+ MB besides its model, more than 1024 MB \(activations\.batchTokens: 1000000\)\. Set activations\.batchTokens: 65536 or lower\.\n$/,
  );
});

it.each([false, true])('refuses a source without a good document as `run` does, exact: %s', async (exact) => {
  const own = path.join(folder, `bad-${String(exact)}`);
  const file = await writeRun(own, (yaml) => yaml.replace('corpus.jsonl.gz', 'bad.jsonl'));
  await writeFile(path.join(own, 'bad.jsonl'), '{"id":"a"}\n');
  const act = async (context: Parameters<typeof plan>[1]): Promise<number> => {
    const error = await failureOf(plan({ file, exact }, context));
    expect(error).toBeInstanceOf(InputError);
    expect(error.message).toMatch(/bad\.jsonl:1: expected field "text"/);
    throw error;
  };
  const { code, out } = await runCli(['plan', file], { cwd: own, act });
  expect({ code, out }).toEqual({ code: 2, out: '' });
});
