// A configuration file's text from disk: whole, UTF-8, of bounded size. Knows nothing of its fields.
import { readFile, stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import { InputError } from '../../schemas/errors.js';
import { passMachineFault } from '../../schemas/system-errors.js';

/** Largest run file, in bytes; what is larger is something else given by mistake. */
export const MAX_RUN_FILE_BYTES = 2 ** 20;

/**
 * The text of the file, without a byte order mark. @param what how messages call such a file: run file, training file
 * @throws InputError where there is no such file, it is a folder, too large, or not UTF-8 (with the line).
 */
export async function readSourceText(path: string, what: string): Promise<string> {
  const bytes = await readBytes(path, what);
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    const line = firstBadLine(bytes);
    throw new InputError(
      `${path}:${String(line)}:1  expected UTF-8 text, found bytes that are not — save the file as UTF-8`,
      { file: path, line },
    );
  }
}

async function readBytes(path: string, what: string): Promise<Uint8Array> {
  const place = { file: path, resolved: resolve(path) };
  try {
    const info = await stat(path);
    if (!info.isFile()) {
      throw new InputError(`${path}: expected a ${what} (YAML or JSON), found a folder — name the file in it`, place);
    }
    if (info.size > MAX_RUN_FILE_BYTES) {
      const found = `${String(info.size)} bytes`;
      throw new InputError(
        `${path}: expected a ${what} of at most ${String(MAX_RUN_FILE_BYTES)} bytes, found ${found} — is this the corpus or the model?`,
        { ...place, bytes: info.size },
      );
    }
    return await readFile(path);
  } catch (error) {
    if (error instanceof InputError) throw error;
    passMachineFault(error);
    const code = (error as NodeJS.ErrnoException).code ?? 'unknown error';
    const found = code === 'ENOENT' ? 'no such file' : `a file that cannot be read (${code})`;
    const where = path === place.resolved ? 'correct the path' : `looked at ${place.resolved}`;
    throw new InputError(`${path}: expected a ${what} (YAML or JSON), found ${found} — ${where}`, {
      ...place,
      code,
    });
  }
}

/** Line, from 1, of the first bytes that are not UTF-8. */
function firstBadLine(bytes: Uint8Array): number {
  let line = 1;
  let start = 0;
  for (let i = 0; i <= bytes.length; i++) {
    if (i < bytes.length && bytes[i] !== 0x0a) continue;
    try {
      new TextDecoder('utf-8', { fatal: true }).decode(bytes.subarray(start, i));
    } catch {
      return line;
    }
    start = i + 1;
    line++;
  }
  return line;
}
