// Documents found to be bad in mid-stream: exit code 1, file and line, and what was finished before stays valid and is used again.
import { appendFile, readdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { gzipSync } from 'node:zlib';
import { beforeAll, describe, expect, it } from 'vitest';
import { parse, stringify } from 'yaml';
import type { CommandResult, Project } from './harness/project.js';
import { useScene } from './harness/scene.js';

const scene = useScene();
let project: Project;

beforeAll(async () => {
  await scene.worker(await scene.project({ chapters: 1 }));
}, 120_000);

const line = (id: string, text: string): string => `${JSON.stringify({ id, text, split: 'fit' })}\n`;

/** Documents of one part, all good. */
const good = (part: string): string =>
  Array.from({ length: 5 }, (_, i) => line(`${part}-${i}`, `In the beginning of ${part} ${i}.`)).join('');

async function withParts(
  parts: Readonly<Record<string, string | Uint8Array>>,
  corpus: Record<string, unknown> = {},
): Promise<void> {
  project = await scene.project({
    chapters: 1,
    run: { corpus: { sources: Object.keys(parts), ...corpus }, saes: [] },
  });
  for (const [name, content] of Object.entries(parts)) await writeFile(path.join(project.folder, name), content);
}

/** Changes the run file's sources. */
async function sources(names: readonly string[]): Promise<void> {
  const file = path.join(project.folder, 'run.yaml');
  const value = parse(await readFile(file, 'utf8')) as { corpus: Record<string, unknown> };
  await writeFile(file, stringify({ ...value, corpus: { ...value.corpus, sources: names } }));
}

const run = (): Promise<CommandResult> => project.assay('run', 'run.yaml', '--until', 'tokens', '--follow');

/** The run ends with exit code 1 and these texts. */
async function fails(...texts: readonly RegExp[]): Promise<void> {
  const { code, stdout, stderr } = await run();
  for (const text of texts) expect(stdout + stderr).toMatch(text);
  expect(code).toBe(1);
}

async function commitsOf(stage: string): Promise<string[]> {
  const folder = path.join(project.folder, 'data', 'commits', stage);
  const names = await readdir(folder, { recursive: true }).catch(() => []);
  return names.filter((name) => name.endsWith('.json')).sort();
}

type Case = readonly [string, Record<string, string | Uint8Array>, RegExp];
const whole = gzipSync(good('b'));
const cases: readonly Case[] = [
  [
    'broken JSON',
    { 'a.jsonl': good('a'), 'b.jsonl': `${good('b')}{"id": "x", "text": \n` },
    /failed in stage corpus: .*b\.jsonl:6: expected a JSON object on the line, found \d+ bytes that are none/,
  ],
  [
    'a gzip file that is cut short',
    { 'a.jsonl': good('a'), 'b.jsonl.gz': whole.subarray(0, whole.length - 6) },
    /failed in stage corpus: .*b\.jsonl\.gz.*truncated; .*after line \d/,
  ],
  [
    'text that is not UTF-8',
    {
      'a.jsonl': good('a'),
      'b.jsonl': Buffer.concat([
        Buffer.from(`${good('b')}{"id":"x","split":"fit","text":"`),
        Buffer.of(0xc3),
        Buffer.from('"}\n'),
      ]),
    },
    /failed in stage corpus: .*b\.jsonl:6: expected UTF-8, found byte 0xc3 at byte offset \d+/,
  ],
  [
    'a document id twice',
    { 'a.jsonl': good('a'), 'b.jsonl': `${good('b')}${line('b-2', 'again')}` },
    /failed in stage corpus: .*b\.jsonl.*expected every document id once, found "b-2" on lines 3 and 6/,
  ],
  [
    'an empty text',
    { 'a.jsonl': good('a'), 'b.jsonl': `${good('b')}${line('x', '')}` },
    /failed in stage corpus: .*b\.jsonl:6/,
  ],
];

describe('a bad document in mid-stream', () => {
  it.each(cases)(
    '(%s) ends the run with file and line; what was finished stays and is used again',
    async (...[, parts, message]: Case) => {
      const [first = '', bad = ''] = Object.keys(parts);
      await withParts(parts);
      await sources([first]);
      expect((await run()).code).toBe(0);
      const before = { corpus: await commitsOf('corpus'), tokens: await commitsOf('tokens') };
      expect(before.corpus).toHaveLength(1);

      await sources([first, bad]);
      await fails(message, /What is committed stays; mend the cause, then: assay resume small/);
      expect(await commitsOf('corpus')).toEqual(before.corpus);
      expect(await commitsOf('tokens')).toEqual(before.tokens);

      await writeFile(path.join(project.folder, bad), bad.endsWith('.gz') ? gzipSync(good('b')) : good('b'));
      const mended = await run();
      expect(mended.stdout + mended.stderr).toContain('is complete');
      expect(mended.stderr).toMatch(/corpus\s+1 of 2 to do/);
      expect(mended.code).toBe(0);
      expect(await commitsOf('corpus')).toEqual(expect.arrayContaining(before.corpus));
      expect((await project.assay('verify', 'small/tokens')).code).toBe(0);
    },
    120_000,
  );

  it('is left out, counted and told where bad documents are skipped', async () => {
    await withParts({ 'a.jsonl': `${good('a')}not json\n${line('z', 'last')}` }, { onBadDocument: 'skip' });
    const { code } = await run();
    expect(code).toBe(0);
    const { rows } = await project.json<{ rows: unknown[][] }>(
      'sql',
      'select id from documents order by id',
      '--run',
      'small',
    );
    expect(rows.flat()).toEqual(['a-0', 'a-1', 'a-2', 'a-3', 'a-4', 'z']);
  }, 120_000);
});

describe('across parts', () => {
  it('a document id in two of them ends the run with the id and both files; both parts stay', async () => {
    await withParts({ 'a.jsonl': good('a'), 'b.jsonl': `${good('b')}${line('a-3', 'again')}` });
    await fails(
      /failed in stage tokens: .*expected every document id once in the corpus, found "a-3" in .*a\.jsonl and in .*b\.jsonl/i,
    );
    expect(await commitsOf('corpus')).toHaveLength(2);
    expect(await commitsOf('tokens')).toEqual([]);
  }, 120_000);
});

describe('later work', () => {
  it('a document that is too long ends the run with its id, its length and the setting; its part stays', async () => {
    await withParts(
      { 'a.jsonl': `${good('a')}${line('long', 'and it came to pass '.repeat(60))}` },
      { maxDocumentTokens: 100 },
    );
    await fails(
      /failed in stage tokens: Expected documents of at most 100 tokens \(corpus\.maxDocumentTokens\), found "long" with \d+ \(shard .*\); cut it, raise the limit, or/,
    );
    const before = await commitsOf('corpus');
    expect(before).toHaveLength(1);
    expect(await commitsOf('tokens')).toEqual([]);
  }, 120_000);

  it('a corpus that became bad leaves the results of the earlier run as they were', async () => {
    await withParts({ 'a.jsonl': good('a') });
    expect((await run()).code).toBe(0);
    const before = await commitsOf('tokens');
    await appendFile(path.join(project.folder, 'a.jsonl'), '{broken\n');
    await fails(/a\.jsonl:6: expected a JSON object/);
    expect(await commitsOf('tokens')).toEqual(before);
    expect((await project.assay('verify', 'small/tokens')).code).toBe(0);
  }, 120_000);
});
