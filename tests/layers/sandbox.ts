// A small project of its own in a given folder, with the real project's rules: files planted there must be caught.
import { execFile } from 'node:child_process';
import { copyFile, mkdir, symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { packageRoot } from '../../runtime/package-root.js';

const CONFIGS = [
  'package.json',
  'tsconfig.json',
  'eslint.config.js',
  '.dependency-cruiser.cjs',
  '.prettierrc.json',
  'knip.json',
];

export interface Sandbox {
  /** Runs one of the project's tools there. */
  run(tool: readonly string[], args: readonly string[]): Promise<{ code: number; stdout: string }>;
}

/** The project's configuration around the given files (path → content), in an empty folder. */
export async function makeSandbox(folder: string, files: Readonly<Record<string, string>>): Promise<Sandbox> {
  const root = packageRoot();
  await Promise.all(CONFIGS.map((name) => copyFile(path.join(root, name), path.join(folder, name))));
  await symlink(path.join(root, 'node_modules'), path.join(folder, 'node_modules'));
  for (const [name, content] of Object.entries(files)) {
    const file = path.join(folder, name);
    await mkdir(path.dirname(file), { recursive: true });
    await writeFile(file, content);
  }
  return { run: (tool, args) => runTool(path.join(root, 'node_modules', ...tool), args, folder) };
}

function runTool(script: string, args: readonly string[], cwd: string): Promise<{ code: number; stdout: string }> {
  return new Promise((resolve) => {
    const options = { cwd, maxBuffer: 64 * 2 ** 20 };
    execFile(process.execPath, [script, ...args], options, (error, stdout, stderr) => {
      const code = typeof error?.code === 'number' ? error.code : error ? 1 : 0;
      resolve({ code, stdout: stdout === '' ? stderr : stdout });
    });
  });
}
