// The streams of a real process: an output that cannot be written is an error and no crash, and an input that never ends hears Ctrl-C.
import { spawn } from 'node:child_process';
import { closeSync, existsSync, openSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { packageRoot } from '../../runtime/package-root.js';
import { TINY_LM, TOKENIZER } from '../harness/fixtures.js';
import { createProject, type Project } from './harness/project.js';

const PROGRAM = path.join(packageRoot(), 'cli', 'assay.mjs');
const TO_FULL = openSync('/dev/full', 'w');

let project: Project;
beforeAll(async () => {
  project = await createProject({ chapters: 2 });
});
afterAll(async () => {
  closeSync(TO_FULL);
  await project.remove();
});

interface Ended {
  readonly code: number | null;
  readonly stderr: string;
}

/** Runs a command whose standard input stays open. @param interruptMs after which it gets a SIGINT */
async function ended(args: string[], stdout: number | 'ignore', interruptMs?: number): Promise<Ended> {
  const { folder, env } = project;
  const child = spawn(process.execPath, [PROGRAM, ...args], { cwd: folder, env, stdio: ['pipe', stdout, 'pipe'] });
  let stderr = '';
  child.stderr?.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
  const closed = new Promise<Ended>((resolve) => child.on('close', (code) => resolve({ code, stderr })));
  if (interruptMs !== undefined) {
    await sleep(interruptMs);
    child.kill('SIGINT');
  }
  return closed;
}

it.each([[['--help']], [['model', 'inspect', path.join(TINY_LM, 'model.onnx')]], [['completion', 'bash']]])(
  '%j on a full disk names the fault without a stack',
  async (args) => {
    const { code, stderr } = await ended(args, TO_FULL);
    expect(code).toBe(1);
    expect(stderr).toMatch(/^error: .*standard output.*ENOSPC/m);
    expect(stderr).not.toMatch(/^\s+at /m);
  },
);

it.each([[['--text', '-', '--tokenizer', TOKENIZER]], [['--ids', '-']]])(
  '`model run` that waits for its input with %j hears Ctrl-C and writes nothing',
  async (given) => {
    const file = path.join(TINY_LM, 'model.onnx');
    const rest = ['--hooks', 'logits', '--out', 'values.safetensors'];
    const { code, stderr } = await ended(['model', 'run', file, ...given, ...rest], 'ignore', 5000);
    expect({ code, stderr }).toEqual({ code: 130, stderr: expect.not.stringMatching(/^\s+at /m) as string });
    expect(existsSync(path.join(project.folder, 'values.safetensors'))).toBe(false);
  },
);
