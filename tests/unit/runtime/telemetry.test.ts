// ONNX Runtime as this project loads it reports nothing: no file of its telemetry appears, where the bare library leaves some.
import { execFile } from 'node:child_process';
import { mkdir, readdir } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { packageRoot } from '../../../runtime/package-root.js';
import { EXPORTS } from '../../harness/fixtures.js';
import { temporaryFolder } from '../../harness/temporary-folder.js';

const folder = temporaryFolder('telemetry');

/** Files that appear in a fresh home and temporary folder while a process opens a session after `load`. */
async function filesLeftBy(name: string, load: string): Promise<string[]> {
  const home = path.join(folder, name);
  await mkdir(path.join(home, 'tmp'), { recursive: true });
  const model = path.join(EXPORTS, 'gpt2.dynamo.onnx');
  const code = `${load}; await (await ort.InferenceSession.create(${JSON.stringify(model)})).release();`;
  // A home of its own and nothing else: the library keeps silent by itself where a variable such as CI says that a service runs it.
  const env = {
    PATH: process.env['PATH'],
    HOME: home,
    XDG_CACHE_HOME: path.join(home, 'cache'),
    TMPDIR: path.join(home, 'tmp'),
  };
  await promisify(execFile)(process.execPath, ['--input-type=module', '-e', code], {
    cwd: packageRoot(),
    env,
  });
  return (await readdir(home, { recursive: true })).filter((file) => /onnxruntime|mat-debug/.test(file));
}

it('leaves no trace of telemetry', async () => {
  const session = path.join(packageRoot(), 'dist', 'runtime', 'session.js');
  expect(await filesLeftBy('ours', `const ort = (await import(${JSON.stringify(session)})).loadOrt()`)).toEqual([]);
});

it.runIf(process.platform === 'linux')('would find the traces of the bare library', async () => {
  const left = await filesLeftBy('bare', `const ort = (await import('onnxruntime-node')).default`);
  expect(left.join('\n')).toMatch(/onnxruntime/);
});
