// A Vulkan adapter for proofs of webgpu: the machine's own, or SwiftShader (a GPU in software) from Debian's package
// chromium-common, unpacked into the project's cache without installing anything.
import { execFile } from 'node:child_process';
import { mkdir, readdir, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);
const PACKAGES = ['chromium-common'];
/** Where the package has the library and its description. */
const INSIDE = path.join('root', 'usr', 'lib', 'chromium');

/**
 * Environment variables with which a fresh process finds SwiftShader, unpacked below `cache`; downloads it once with apt-get,
 * which needs no rights for that. Null with the reason where it cannot be had.
 */
export async function softwareAdapter(
  cache: string,
): Promise<{ readonly env: Readonly<Record<string, string>> } | { readonly reason: string }> {
  const folder = path.join(cache, 'vulkan');
  const library = path.join(folder, INSIDE);
  const description = path.join(library, 'vk_swiftshader_icd.json');
  try {
    if (!(await stat(description).catch(() => null))) await unpack(folder);
    await stat(description);
  } catch (error) {
    return { reason: (error as Error).message.split('\n')[0] ?? 'unknown' };
  }
  return { env: { LD_LIBRARY_PATH: library, VK_DRIVER_FILES: description } };
}

async function unpack(folder: string): Promise<void> {
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  await run('apt-get', ['download', ...PACKAGES], { cwd: folder, timeout: 300_000 });
  for (const name of await readdir(folder)) {
    if (!name.endsWith('.deb')) continue;
    await run('dpkg', ['-x', name, 'root'], { cwd: folder });
    await rm(path.join(folder, name));
  }
}
