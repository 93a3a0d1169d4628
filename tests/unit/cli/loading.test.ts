// What a command loads before it begins: the closure of its static imports holds no driver and no library that another command
// or another store needs. Loading them is most of the time of a short command.
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const root = fileURLToPath(new URL('../../../', import.meta.url));
/** `import … from 'x'` and `export … from 'x'` that are left after compilation; `import('x')` is not among them. */
const STATIC = /^(?:import|export) (?!type\b)(?:[^'"]*? from )?'([^']+)';/gm;

const seen = new Map<string, Promise<readonly string[]>>();

/** What a source file imports statically: its own files by path, packages by name. */
function importsOf(file: string): Promise<readonly string[]> {
  const known = seen.get(file) ?? read(file);
  seen.set(file, known);
  return known;
}

async function read(file: string): Promise<readonly string[]> {
  const text = await readFile(path.join(root, file), 'utf8');
  return [...text.matchAll(STATIC)].map((match) => {
    const name = match[1] ?? '';
    if (!name.startsWith('.')) return name;
    return path.posix.join(path.posix.dirname(file), name).replace(/\.js$/, '.ts');
  });
}

/** The packages that files load, with the files in between. */
async function packagesOf(files: readonly string[]): Promise<Set<string>> {
  const packages = new Set<string>();
  const queue = [...files];
  const met = new Set(queue);
  for (let file = queue.pop(); file !== undefined; file = queue.pop()) {
    for (const found of await importsOf(file)) {
      if (!found.endsWith('.ts')) packages.add(found);
      else if (!met.has(found)) queue.push(found);
      met.add(found);
    }
  }
  return new Set([...packages].filter((name) => !name.startsWith('node:')));
}

const FRAME = ['cli/main.ts'];
/** Small, without native code, and in the programs' own files. */
const FRAME_PACKAGES = new Set(['commander', 'zod', 'fast-string-truncated-width']);

describe('loaded for a command', () => {
  it('is nothing but commander, zod and the width of text by the program itself', async () => {
    expect(await packagesOf(FRAME)).toEqual(FRAME_PACKAGES);
  });

  it.each(['status', 'runs', 'logs', 'explain', 'datasets', 'metrics', 'run', 'worker', 'find', 'sql', 'model-run'])(
    '%s are no more than these and zstd before it begins',
    async (name) => {
      const loaded = await packagesOf([...FRAME, `cli/commands/${name}.ts`]);
      loaded.delete('@bokuweb/zstd-wasm');
      expect(loaded).toEqual(FRAME_PACKAGES);
    },
  );

  it('are no Arrow, DuckDB, ONNX Runtime, S3 or Temporal by reading the examples of a feature', async () => {
    const loaded = await packagesOf([...FRAME, 'cli/commands/top.ts', 'reading/dictionary/top.ts']);
    expect(loaded).toEqual(new Set([...FRAME_PACKAGES, '@bokuweb/zstd-wasm']));
    expect(await packagesOf(['storage/objects/s3-store.ts'])).toContain('@aws-sdk/client-s3');
  });
});
