// `model run --edit` as a command: what it writes, how a run becomes another one's value, and what it refuses.
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { asFloat32, decodeSafetensors, encodeSafetensors, safeTensor } from '../../../../core/tensor/safetensors.js';
import { runCli, type CliResult } from '../../cli/harness.js';
import { TINY_LM } from '../../../harness/fixtures.js';
import { temporaryFolder } from '../../../harness/temporary-folder.js';

const MODEL = join(TINY_LM, 'model.onnx');
const SITE = 'blocks.1.hook_resid_post';

const folder = temporaryFolder('edit-command');
beforeAll(async () => {
  await writeFile(join(folder, 'ids.json'), '[[0, 17, 5, 301, 88]]');
  await writeFile(join(folder, 'other.json'), '[[0, 900, 12, 44, 7]]');
  await writeFile(join(folder, 'longer.json'), '[[0, 900, 12, 44, 7, 1]]');
  const v = Float32Array.from({ length: 128 }, (_, i) => Math.cos(i));
  const tensors = new Map([['v', safeTensor(v, [128])]]);
  await writeFile(join(folder, 'v.safetensors'), Buffer.concat(encodeSafetensors(tensors)));
});

function run(out: string, edits: readonly string[], ids = 'ids.json'): Promise<CliResult> {
  const argv = ['model', 'run', MODEL, '--ids', ids, '--hooks', `${SITE},logits`, '--out', out];
  return runCli([...argv, ...edits.flatMap((edit) => ['--edit', edit])], { cwd: folder });
}

async function tensor(file: string, name: string): Promise<Float32Array> {
  const found = decodeSafetensors(await readFile(join(folder, file))).get(name);
  if (!found) throw new RangeError(name);
  return asFloat32(found);
}

function largestDifference(a: Float32Array, b: Float32Array): number {
  expect(a.length).toBe(b.length);
  return a.reduce((most, x, i) => Math.max(most, Math.abs(x - (b[i] as number))), 0);
}

/** The reference of the model that a file says its values are of. */
async function referenceOf(file: string): Promise<{ base: string; edits: unknown[] }> {
  const bytes = await readFile(join(folder, file));
  const header = JSON.parse(bytes.subarray(8, 8 + Number(bytes.readBigUInt64LE(0))).toString()) as {
    __metadata__: { model: string };
  };
  return JSON.parse(header.__metadata__.model) as { base: string; edits: unknown[] };
}

describe('model run --edit', () => {
  it('writes the edited values, and which model gave them', async () => {
    expect(await run('plain.safetensors', [])).toMatchObject({ code: 0 });
    const edits = [`${SITE}=add:v.safetensors#v*2,at=1:3`, `${SITE}=scale:0.5,at=-1`];
    expect(await run('edited.safetensors', edits)).toMatchObject({ code: 0 });
    const [plain, edited] = [await tensor('plain.safetensors', SITE), await tensor('edited.safetensors', SITE)];
    const expected = plain.map((x, i) => {
      const [p, j] = [Math.floor(i / 128), i % 128];
      return p === 1 || p === 2 ? x + 2 * Math.fround(Math.cos(j)) : p === 4 ? x / 2 : x;
    });
    expect(largestDifference(edited, expected)).toBeLessThanOrEqual(1e-5);
    const logits = [await tensor('plain.safetensors', 'logits'), await tensor('edited.safetensors', 'logits')] as const;
    expect(largestDifference(...logits)).toBeGreaterThan(0.1);
    const before = await referenceOf('plain.safetensors');
    expect(before.edits).toEqual([]);
    expect(await referenceOf('edited.safetensors')).toEqual({
      base: before.base,
      edits: [
        {
          site: SITE,
          op: 'add',
          value: { tensor: expect.stringMatching(/^[0-9a-f]{64}$/) as string },
          factor: 2,
          at: [{ from: 1, to: 3 }],
        },
        { site: SITE, op: 'scale', factor: 0.5, at: [{ from: -1, to: null }] },
      ],
    });
  });

  it('takes another prompt’s values from its ids, and from the file of its run', async () => {
    expect(await run('other.safetensors', [], 'other.json')).toMatchObject({ code: 0 });
    expect(await run('by-ids.safetensors', [`${SITE}=set:run:other.json`])).toMatchObject({ code: 0 });
    expect(await run('by-file.safetensors', [`${SITE}=set:other.safetensors`])).toMatchObject({ code: 0 });
    const other = await tensor('other.safetensors', 'logits');
    for (const file of ['by-ids.safetensors', 'by-file.safetensors'])
      expect(largestDifference(await tensor(file, 'logits'), other)).toBeLessThanOrEqual(1e-4);
    // Another way to the same value is the same model.
    expect(await referenceOf('by-ids.safetensors')).toEqual(await referenceOf('by-file.safetensors'));
    // A longer prompt's rows are mapped: here the last, to the last but one.
    const mapped = await run('mapped.safetensors', [`${SITE}=set:run:longer.json,at=3<-5`]);
    expect(mapped, mapped.err).toMatchObject({ code: 0 });
    expect(await run('longer.safetensors', [], 'longer.json')).toMatchObject({ code: 0 });
    const [row, from] = [await tensor('mapped.safetensors', SITE), await tensor('longer.safetensors', SITE)];
    expect(largestDifference(row.subarray(3 * 128, 4 * 128), from.subarray(5 * 128))).toBeLessThanOrEqual(1e-5);
  });

  it('patches each row of ids with its own where there are as many', async () => {
    await writeFile(join(folder, 'two.json'), '[[0, 17, 5, 301, 88], [0, 3, 4, 5, 6]]');
    await writeFile(join(folder, 'two-others.json'), '[[0, 900, 12, 44, 7], [0, 17, 5, 301, 88]]');
    const result = await run('two.safetensors', [`${SITE}=set:run:two-others.json`], 'two.json');
    expect(result, result.err).toMatchObject({ code: 0 });
    await run('expected.safetensors', [], 'two-others.json');
    const got = await tensor('two.safetensors', 'logits');
    expect(largestDifference(got, await tensor('expected.safetensors', 'logits'))).toBeLessThanOrEqual(1e-4);
  });

  it.each([
    [`${SITE}=ad:1`, 'expected one of set, scale, add, ablate, found "ad" (did you mean add?)'],
    [
      'blocks.9.hook_resid_post=ablate',
      '--edit "blocks.9.hook_resid_post=ablate": Unknown site "blocks.9.hook_resid_post": the model has 4 blocks',
    ],
    [`${SITE}=set:run:none.json`, 'Expected a JSON file with token ids at'],
    [
      `${SITE}=set:run:longer.json`,
      'Expected a value with 5 rows, one per token of a context (tokens in a row), found 6 rows. Name the rows: at=5<-3',
    ],
    [
      'blocks.1.attn.hook_pattern=set:run:longer.json',
      'key_pos 5] of the site, axes at the front left out or of size 1, found [1, 4, 6, 6]',
    ],
    [`${SITE}=add:v.safetensors#w`, 'Expected a tensor "w" in'],
    [`${SITE}=ablate,at=5`, 'Expected positions from 0 to 4 or from -5 to -1 (tokens in a row: 5), found "5"'],
    [`${SITE}=ablate,head=0`, 'Expected a site with heads, found blocks.1.hook_resid_post [batch, pos, d_model]'],
  ])('refuses %s with 2 and writes nothing', async (edit, message) => {
    const before = await readdir(folder);
    const result = await run('never.safetensors', [edit]);
    expect(result).toMatchObject({ code: 2, out: '' });
    expect(result.err).toContain(message);
    expect(result.err).toContain(`--edit "${edit}"`);
    expect(await readdir(folder)).toEqual(before);
  });
});
