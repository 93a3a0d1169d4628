// What never ends costs its own shard, and nothing else: a tokenizer whose pattern backtracks for ever on one document (the pattern is
// named), a graph that loops for ever on one token. Where a command computes it itself, one Ctrl-C ends it.
import { existsSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { TINY_LM, TOKENIZER } from '../harness/fixtures.js';
import { writeEndlessModel } from './harness/endless-model.js';
import { createProject, type Project } from './harness/project.js';
import { useScene } from './harness/scene.js';

const scene = useScene();
/** Nested repetition: 2^n ways through n letters that end otherwise. */
const PATTERN = '(?:z+)+y';

async function writeTokenizer({ folder }: Project): Promise<void> {
  const tokenizer = JSON.parse(await readFile(TOKENIZER, 'utf8')) as { pre_tokenizer: unknown };
  const split = { type: 'Split', pattern: { Regex: PATTERN }, behavior: 'Isolated', invert: false };
  tokenizer.pre_tokenizer = { type: 'Sequence', pretokenizers: [split, tokenizer.pre_tokenizer] };
  await writeFile(path.join(folder, 'tokenizer.json'), JSON.stringify(tokenizer));
}

it('a pattern is quarantined with how long it made no progress and the pattern of the file', async () => {
  const address = scene.temporal.address;
  const project = await createProject({ address, chapters: 40 });
  try {
    await writeTokenizer(project);
    const text = await readFile(path.join(project.folder, 'corpus.jsonl'), 'utf8');
    const deadly = { id: 'deadly', text: 'z'.repeat(60), split: 'fit' };
    await writeFile(path.join(project.folder, 'corpus.jsonl'), `${text}${JSON.stringify(deadly)}\n`);
    const run = (await readFile(path.join(project.folder, 'run.yaml'), 'utf8'))
      .replace(`tokenizer: ${TOKENIZER}`, 'tokenizer: tokenizer.json')
      .concat('tolerance:\n  quarantinedShards: 0.5\n  noProgressSeconds: 3\n');
    await writeFile(path.join(project.folder, 'run.yaml'), run);
    await scene.worker(project);
    const result = await project.assay('run', 'run.yaml', '--until', 'tokens', '--follow');
    expect(result.code, result.stdout + result.stderr).toBe(0);
    const { shards } = await project.json<{ shards: { stage: string; errorClass: string; message: string }[] }>(
      'quarantine',
      'small',
    );
    expect(shards).toHaveLength(1);
    expect(shards[0]).toMatchObject({ stage: 'tokens', errorClass: 'DataError' });
    expect(shards[0]?.message).toMatch(/no progress for [34] s in plain work/);
    expect(shards[0]?.message).toContain(`the pattern ${JSON.stringify(PATTERN)}`);
  } finally {
    await project.remove();
  }
}, 120_000);

it('a pattern is ended by one Ctrl-C where a command runs it itself', async () => {
  const project = await createProject({ address: scene.temporal.address, chapters: 2 });
  try {
    await writeTokenizer(project);
    const rows = ['--text', 'z'.repeat(60), '--tokenizer', 'tokenizer.json'];
    const argv = ['model', 'run', `${TINY_LM}/model.onnx`, ...rows, '--hooks', 'logits', '--out', 'o.safetensors'];
    const running = project.start(...argv);
    // Long enough to be within the pattern: nothing tells when it begins.
    await sleep(6000);
    running.child.kill('SIGINT');
    const askedMs = Date.now();
    await running.ended;
    expect(running.child.signalCode).toBe('SIGINT');
    expect(Date.now() - askedMs).toBeLessThan(4000);
  } finally {
    await project.remove();
  }
}, 60_000);

/** A byte that the corpus does not have, as the vocabulary spells it, and the text that has it. */
const RARE = { token: '\u00c5', text: '\u015d' };

async function writeDeadlyModel({ folder }: Project): Promise<number> {
  const { model } = JSON.parse(await readFile(TOKENIZER, 'utf8')) as { model: { vocab: Record<string, number> } };
  const token = model.vocab[RARE.token] ?? expect.fail(`no token ${RARE.token}`);
  writeEndlessModel(path.join(folder, 'endless.onnx'), token);
  return token;
}

it('a graph is quarantined with how long one call of it took', async () => {
  const project = await createProject({ address: scene.temporal.address, chapters: 40 });
  try {
    await writeDeadlyModel(project);
    const corpus = path.join(project.folder, 'corpus.jsonl');
    const text = await readFile(corpus, 'utf8');
    await writeFile(corpus, `${text}${JSON.stringify({ id: 'deadly', text: RARE.text, split: 'fit' })}\n`);
    const file = path.join(project.folder, 'run.yaml');
    const run = (await readFile(file, 'utf8'))
      .replace(`${TINY_LM}/model.onnx`, 'endless.onnx')
      .concat('tolerance:\n  quarantinedShards: 0.5\n  noProgressSeconds: 1\n');
    await writeFile(file, run);
    await scene.worker(project);
    const result = await project.assay('run', 'run.yaml', '--until', 'activations', '--follow');
    expect(result.code, result.stdout + result.stderr).toBe(0);
    const { shards } = await project.json<{ shards: { stage: string; errorClass: string; message: string }[] }>(
      'quarantine',
      'small',
    );
    expect(shards).toMatchObject([{ stage: 'activations', errorClass: 'DataError' }]);
    expect(shards[0]?.message).toMatch(/no progress for 1[2-5] s in one call of ONNX Runtime/);
  } finally {
    await project.remove();
  }
}, 180_000);

it('a graph is ended by one Ctrl-C where a command computes it itself', async () => {
  const project = await createProject({ chapters: 2 });
  try {
    const token = await writeDeadlyModel(project);
    await writeFile(path.join(project.folder, 'ids.json'), `[[0, ${token}]]`);
    const argv = ['--ids', 'ids.json', '--hooks', 'blocks.2.hook_resid_post', '--out', 'o.safetensors'];
    const running = project.start('model', 'run', 'endless.onnx', ...argv);
    // Long enough to be within the loop: nothing tells when it begins.
    await sleep(8000);
    running.child.kill('SIGINT');
    const askedMs = Date.now();
    await running.ended;
    expect(running.child.signalCode).toBe('SIGINT');
    expect(Date.now() - askedMs).toBeLessThan(4000);
    expect(existsSync(path.join(project.folder, 'o.safetensors'))).toBe(false);
  } finally {
    await project.remove();
  }
}, 60_000);
