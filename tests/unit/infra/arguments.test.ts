// The commands of package.json answer `--help` and mistakes before they install, build or start anything; proofs and rows of the bench
// are all named there.
import { spawnSync } from 'node:child_process';
import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { expect, it } from 'vitest';
import { packageRoot } from '../../../runtime/package-root.js';
import { loadScript, scriptPath } from './scripts.js';

const usage = {
  command: 'npm run thing',
  does: 'Does a thing.',
  names: { one: 'the first' },
  options: { '--fast': 'not slowly', '--rows=': 'which' },
};

it('are read: names, flags, values in both spellings', async () => {
  const { readArguments } = await loadScript('arguments.mjs');
  expect(readArguments(['one', '--fast', '--rows', '1', 'one'], usage)).toEqual({
    names: ['one', 'one'],
    flags: { '--fast': true, '--rows': '1' },
  });
  expect(readArguments(['--rows=1=2'], usage)).toEqual({ names: [], flags: { '--rows': '1=2' } });
  expect(readArguments(['-x', 'a'], { ...usage, names: null })).toEqual({ names: ['-x', 'a'], flags: {} });
});

it.each([
  [['two'], 'Expected one of one, found name "two".'],
  [['--slow'], 'Expected one of --fast, --rows …, found option "--slow".'],
  [['--fast=1'], 'Expected one of --fast, --rows …, found option "--fast=1".'],
  [['--rows'], 'Expected a value after --rows.'],
])('%j is a mistake', async (args, text) => {
  const { readArguments } = await loadScript('arguments.mjs');
  const { mistake } = readArguments(args, usage);
  expect(mistake).toContain(`${text}\n\nUsage: npm run thing`);
});

it('every script of package.json has a page of help, and refuses what it does not know with exit code 2', async () => {
  const { scripts } = JSON.parse(await readFile(path.join(packageRoot(), 'package.json'), 'utf8')) as {
    scripts: Record<string, string>;
  };
  const files = Object.values(scripts).flatMap((script) => /^node (infra\/\S+\.mjs)$/.exec(script)?.[1] ?? []);
  expect(files.length).toBeGreaterThan(7);
  for (const file of files) {
    const run = (...args: string[]) =>
      spawnSync(process.execPath, [scriptPath(path.basename(file)), ...args], { encoding: 'utf8', timeout: 10_000 });
    for (const args of [['--help'], ['something', '-h']]) {
      const { status, stdout } = run(...args);
      expect({ file, args, status }).toEqual({ file, args, status: 0 });
      expect(stdout).toMatch(/^Usage: npm (run \w+|test)/);
      for (const line of stdout.split('\n')) expect(line.length, line).toBeLessThanOrEqual(80);
    }
    if (file.endsWith('test.mjs')) continue;
    const { status, stderr } = run('--no-such-option');
    expect({ file, status }).toEqual({ file, status: 2 });
    expect(stderr.replaceAll('\n', ' ')).toContain('found option "--no-such-option"');
    for (const line of stderr.split('\n')) expect(line.length, line).toBeLessThanOrEqual(80);
  }
});

it('every proof is named', async () => {
  const { PROOFS } = await loadScript('prove.mjs');
  const files = (await readdir(path.join(packageRoot(), 'tests', 'prove'))).filter((name) => name.endsWith('.ts'));
  expect(Object.keys(PROOFS).sort()).toEqual(files.map((name) => name.replace('.ts', '')).sort());
});

it('every row of the bench is named', async () => {
  const { ROWS } = await loadScript('bench.mjs');
  const text = await readFile(path.join(packageRoot(), 'bench', 'run.ts'), 'utf8');
  const rows = [...text.matchAll(/rows: \[(.*?)\]/g)].flatMap(([, list]) => list?.match(/\w+/g) ?? []);
  expect(Object.keys(ROWS).sort()).toEqual(rows.sort());
});
