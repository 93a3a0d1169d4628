// A file with a matrix: its members, one at a time, with values of their types; and every mistake with its place and remedy.
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { loadRunFile } from '../../../../pipeline/files/load.js';
import { loadSuite, parseMember } from '../../../../pipeline/files/load-suite.js';
import { memberCount, memberFile, memberNames, memberValues } from '../../../../pipeline/files/matrix.js';
import { temporaryFolder } from '../../../harness/temporary-folder.js';

const folder = temporaryFolder('matrix');

const GOOD = `name: r-{{seed}}-{{arm}}
matrix: { seed: [1, 2, 3], arm: [a, b] }
model: { onnx: model.onnx, tokenizer: tokenizer.json }
corpus: { sources: ["{{arm}}.jsonl"] }
activations: { hooks: [blocks.1.hook_resid_post] }
seed: "{{seed}}"
`;

async function load(text: string, name = 'seeds.yaml'): ReturnType<typeof loadSuite> {
  const file = path.join(folder, name);
  await writeFile(file, text);
  return loadSuite(file);
}

async function refusal(text: string): Promise<string> {
  try {
    await load(text);
  } catch (error) {
    return (error as Error).message.replaceAll(`${folder}/`, '');
  }
  throw new RangeError('it was not refused');
}

describe('the members of a matrix', () => {
  const matrix = { seed: [1, 2, 3], arm: ['a', 'b'] };

  it('are all combinations, the last entry changing fastest', () => {
    // 3 seeds × 2 arms = 6
    expect(memberCount(matrix)).toBe(6);
    const all = Array.from({ length: 6 }, (_, i) =>
      Object.values({ ...{ seed: 0, arm: '' }, ...memberValues(matrix, i) }),
    );
    expect(all).toEqual([
      [1, 'a'],
      [1, 'b'],
      [2, 'a'],
      [2, 'b'],
      [3, 'a'],
      [3, 'b'],
    ]);
  });

  it('take the type of the value where a placeholder stands alone, and its text within a text', () => {
    const file = memberFile(
      { name: 'n-{{k}}', matrix: { k: [16, 32], on: [true] }, a: '{{k}}', b: ['{{ on }}'], c: { d: '{{k}}{{on}}' } },
      1,
    );
    expect(file).toEqual({ name: 'n-32', a: 32, b: [true], c: { d: '32true' } });
  });

  it('are a run file each, without what makes the suite', async () => {
    const suite = await load(GOOD);
    expect(suite).toMatchObject({ suite: 'seeds', members: 6, parallel: 4, folder });
    const template = suite?.template ?? {};
    expect(parseMember(template, 5)).toMatchObject({ name: 'r-3-b', seed: 3, corpus: { sources: ['b.jsonl'] } });
    expect(parseMember(template, 5)).not.toHaveProperty('matrix');
    expect([...memberNames({ template, members: 6 })]).toEqual(['r-1-a', 'r-1-b', 'r-2-a', 'r-2-b', 'r-3-a', 'r-3-b']);
  });

  it('are named by the file, or by `suite`; `parallel` says how many go at once', async () => {
    expect(await load(`${GOOD}suite: mine\nparallel: 2\n`)).toMatchObject({ suite: 'mine', parallel: 2 });
  });

  it('of a file without a matrix are none: it is a run file', async () => {
    expect(await load(GOOD.replace(/matrix.*\n/, ''))).toBeNull();
  });

  it('of a thousand runs are judged one at a time', async () => {
    const seeds = Array.from({ length: 1000 }, (_, i) => i);
    const text = GOOD.replace('[1, 2, 3]', JSON.stringify(seeds)).replace('arm: [a, b]', 'arm: [a]');
    const before = process.memoryUsage().heapUsed;
    expect((await load(text))?.members).toBe(1000);
    global.gc?.();
    // A member takes a few kilobytes while it is judged; a thousand that are kept would take tens of megabytes.
    expect(process.memoryUsage().heapUsed - before).toBeLessThan(200 * 2 ** 20);
  });
});

describe('a wrong suite', () => {
  it.each([
    [
      'a name that leaves an entry out',
      GOOD.replace('name: r-{{seed}}-{{arm}}', 'name: r-{{seed}}'),
      'seeds.yaml:1:7  name: expected a name with {{arm}}, found "r-{{seed}}" — every run of a suite needs a name of its own',
    ],
    [
      'a placeholder that no entry fills',
      GOOD.replace('seed: "{{seed}}"', 'seed: "{{sed}}"'),
      'seed: expected an entry of the matrix, found {{sed}} — did you mean `{{seed}}`?',
    ],
    [
      'an entry without values',
      GOOD.replace('[a, b]', '[]'),
      'matrix.arm: expected a list of texts, numbers or booleans, found an empty list — give at least one value',
    ],
    [
      'one value twice',
      GOOD.replace('[a, b]', '[a, a]'),
      'matrix.arm: expected each value once, found "a" twice — remove one: two runs would have one name',
    ],
    [
      "an entry with a schedule's name",
      GOOD.replaceAll('arm', 'date'),
      'matrix.date: expected another name, found "date" — {{date}} and {{hour}} are a schedule\'s',
    ],
    [
      'a matrix that is no mapping',
      GOOD.replace('{ seed: [1, 2, 3], arm: [a, b] }', '[1]'),
      'matrix: expected a mapping of lists, found a list — write `matrix: { seed: [1, 2, 3] }`',
    ],
    [
      'too many combinations',
      GOOD.replace('[1, 2, 3]', JSON.stringify(Array.from({ length: 50_001 }, (_, i) => i))),
      'matrix: expected at most 100000 combinations, found 100002 — split the suite',
    ],
  ])('is refused for %s', async (_, text, message) => {
    expect(await refusal(text)).toContain(message);
  });

  it('names the first run whose file is wrong, with its values', async () => {
    const text = GOOD.replace('seed: [1, 2, 3]', 'seed: [1, 2.5]');
    expect(await refusal(text)).toMatch(/seed: expected .*2\.5 \(in the run with .*seed 2\.5.*\)/);
  });

  it('is refused where a run would have its name', async () => {
    expect(await refusal(`${GOOD}suite: r-1-a\n`)).toContain(
      'Expected the name of the suite to differ from those of its runs, found "r-1-a" for both; give another `suite`.',
    );
  });
});

describe('where one run is expected', () => {
  it('a matrix, and what belongs to one without it, are refused', async () => {
    const file = path.join(folder, 'run.yaml');
    await writeFile(file, GOOD);
    await expect(loadRunFile(file)).rejects.toThrow('matrix: expected one run, found a suite');
    await writeFile(file, GOOD.replace(/matrix.*\n/, 'parallel: 2\n').replaceAll(/\{\{\w+\}\}/g, '1'));
    await expect(loadRunFile(file)).rejects.toThrow('parallel: expected a file with `matrix`, found none');
  });
});
