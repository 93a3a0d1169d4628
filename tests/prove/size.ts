// Proof: files of 3 GB, above what the system, a hash and Node take at once, go through the store and come back as checkpoints and
// rows, with the memory of their content once and little more. Each step is a process of its own, whose peak is measured.
import { spawnSync } from 'node:child_process';
import { mkdtemp, open, rm, truncate } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { hashFile } from '../../models/model-files.js';
import { readRowFile } from '../../stages/train/row-file.js';
import { readState, writeState } from '../../stages/training-state.js';
import { openStore } from '../../storage/objects/open-store.js';
import { putDataFile } from '../../storage/records/data-objects.js';
import { fetchDataToFile } from '../../storage/records/data-stream.js';

const GB = 1e9;
/** Node, the project's modules and buffers in hand. */
const BESIDE = 0.7 * GB;

interface Proof {
  readonly what: string;
  /** Bytes of content that must be in memory. */
  readonly held: number;
  /** Bytes of the file. @throws where a value is not what it was */
  run(folder: string): Promise<number>;
}

function same(what: string, found: unknown, expected: unknown): void {
  if (found !== expected) throw new RangeError(`${what}: expected ${String(expected)}, found ${String(found)}`);
}

async function throughStore(folder: string): Promise<number> {
  const [source, copy] = [path.join(folder, 'source'), path.join(folder, 'copy')];
  const bytes = 3 * GB;
  const file = await open(source, 'w');
  await file.write(Buffer.from('begin'), 0, 5, 0);
  await file.write(Buffer.from('end'), 0, 3, bytes - 3);
  await file.close();
  const sha256 = await hashFile(source);
  const store = await openStore(path.join(folder, 'store'));
  const stored = await putDataFile(store, { path: source, sha256, bytes, extension: 'safetensors' });
  await fetchDataToFile(store, stored, { path: copy });
  same('digest of the copy', await hashFile(copy), sha256);
  await store.close();
  return bytes;
}

const ELEMENTS = 390e6;

async function asCheckpoint(folder: string): Promise<number> {
  const tensors = ['W', 'm'].map((name) => ({ name, shape: [ELEMENTS], type: 'float32' as const }));
  const marked = (value: number): Float32Array => {
    const values = new Float32Array(ELEMENTS);
    values[0] = value;
    values[ELEMENTS - 1] = -value;
    return values;
  };
  const file = path.join(folder, 'state.safetensors');
  const written = await writeState(
    file,
    tensors,
    new Map([
      ['W', marked(1)],
      ['m', marked(2)],
    ]),
  );
  same('digest of the file', await hashFile(file), written.sha256);
  const state = await readState(file, tensors);
  for (const [name, value] of [
    ['W', 1],
    ['m', 2],
  ] as const) {
    same(`first of ${name}`, state.get(name)?.[0], value);
    same(`last of ${name}`, state.get(name)?.[ELEMENTS - 1], -value);
  }
  return written.bytes;
}

const ROWS = 262_144;
const WIDTH = 6144;

async function asRows(folder: string): Promise<number> {
  const file = path.join(folder, 'superbuffer.rows');
  const bytes = ROWS * (2 * WIDTH + 4);
  const handle = await open(file, 'w');
  await handle.write(Uint8Array.of(7, 0), 0, 2, 2 * ROWS * WIDTH - 2);
  await handle.write(Uint8Array.of(9, 0, 0, 0), 0, 4, bytes - 4);
  await handle.close();
  await truncate(file, bytes);
  const { sites, doc } = await readRowFile({ path: file, rows: ROWS }, [WIDTH], 'float16');
  same('last value', sites[0]?.act[ROWS * WIDTH - 1], 7);
  same('last document', doc[ROWS - 1], 9);
  return bytes;
}

const PROOFS: Readonly<Record<string, Proof>> = {
  store: { what: 'hashed, stored in parts, fetched', held: 0, run: throughStore },
  checkpoint: { what: 'a checkpoint written and read', held: 8 * ELEMENTS, run: asCheckpoint },
  rows: { what: 'a super-buffer read', held: ROWS * (2 * WIDTH + 4), run: asRows },
};

async function prove(name: string): Promise<void> {
  const proof = PROOFS[name] as Proof;
  const folder = await mkdtemp(path.join(tmpdir(), 'assay-prove-size-'));
  const start = Date.now();
  try {
    const bytes = await proof.run(folder);
    const peak = process.resourceUsage().maxRSS * 1024;
    const limit = proof.held + BESIDE;
    const seconds = ((Date.now() - start) / 1000).toFixed(0);
    console.log(
      `${proof.what}: ${(bytes / GB).toFixed(2)} GB in ${seconds} s, peak memory ${(peak / GB).toFixed(2)} GB of ${(limit / GB).toFixed(2)} GB allowed`,
    );
    if (peak > limit) throw new RangeError(`${name}: too much memory`);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

const [wanted] = process.argv.slice(2);
if (wanted === undefined) {
  const own = fileURLToPath(import.meta.url);
  const codes = Object.keys(PROOFS).map(
    (name) => spawnSync(process.execPath, [own, name], { stdio: 'inherit' }).status,
  );
  process.exitCode = codes.every((code) => code === 0) ? 0 : 1;
} else await prove(wanted);
