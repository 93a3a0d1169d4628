// Whether a place in a model's folder holds a file: what lies there and is none is named, not taken for missing. Reads no content.
import { lstat, readlink, stat } from 'node:fs/promises';
import { InputError } from '../../schemas/errors.js';

/**
 * True for a file, also behind links (as in Hugging Face's cache); false where nothing lies there.
 * @throws InputError for a link that leads nowhere, and for a folder or whatever else is no file
 */
export async function isPlainFile(place: string): Promise<boolean> {
  const own = await lstat(place).catch(() => null);
  if (own === null) return false;
  const reached = await stat(place).catch(() => null);
  if (reached?.isFile()) return true;
  const found = reached
    ? `${reached.isDirectory() ? 'a folder' : 'neither file nor folder'}. Put the file in its place`
    : `a link to "${await readlink(place).catch(() => '?')}", where no file can be reached. Download the file again, or copy it instead of linking it`;
  throw new InputError(`Expected a file at "${place}", found ${found}.`, { path: place });
}
