// Links below the places that a run file names. A folder is read through its links, so that a worker has to be allowed what they lead
// to; what lies behind a link that is made later is refused, with the option that allows it.
import { readdir, realpath } from 'node:fs/promises';
import path from 'node:path';

/** The places, and every link below those that are folders here. */
export async function withLinks(places: readonly string[]): Promise<string[]> {
  const found = new Set(places);
  const entered = new Set<string>();
  // Links are added while the set is gone through: what lies below a linked folder has links too.
  for (const place of found) {
    const real = place.includes('://') ? null : await realpath(place).catch(() => null);
    if (real === null || entered.has(real)) continue;
    entered.add(real);
    // A file, or a folder that cannot be read: whoever reads it says so.
    const entries = await readdir(place, { withFileTypes: true, recursive: true }).catch(() => []);
    for (const entry of entries) if (entry.isSymbolicLink()) found.add(path.join(entry.parentPath, entry.name));
  }
  return [...found];
}
