// A little room that a folder store keeps back on its disk, so that what a run ends with can be written when the disk is full. Given
// away piece by piece; filled again by whoever finds room. Never a reason to fail.
import { randomFillSync } from 'node:crypto';
import { mkdir, open, stat, truncate } from 'node:fs/promises';
import { dirname } from 'node:path';

/** Room for some dozens of records. */
export const KEPT_BYTES = 512 * 1024;
/** Room that one record gets: a few blocks of the file and of its folder. */
const PIECE_BYTES = 32 * 1024;

export class KeptRoom {
  readonly #path: string;
  #kept: Promise<void> | null = null;

  constructor(path: string) {
    this.#path = path;
  }

  /** Takes the room where it is not there yet; looks until it is. */
  keep(): Promise<void> {
    return (this.#kept ??= this.#fill().catch(() => {
      this.#kept = null;
    }));
  }

  /** Gives a piece of it back to the disk. Returns whether there was one. */
  async give(): Promise<boolean> {
    const bytes = (await stat(this.#path).catch(() => null))?.size ?? 0;
    if (bytes === 0) return false;
    this.#kept = null;
    return truncate(this.#path, Math.max(0, bytes - PIECE_BYTES)).then(
      () => true,
      () => false,
    );
  }

  async #fill(): Promise<void> {
    const there = (await stat(this.#path).catch(() => null))?.size ?? 0;
    if (there >= KEPT_BYTES) return;
    await mkdir(dirname(this.#path), { recursive: true });
    const file = await open(this.#path, 'a');
    try {
      // Not zeros, which some file systems store as nothing.
      await file.appendFile(randomFillSync(Buffer.allocUnsafe(KEPT_BYTES - there)));
    } finally {
      await file.close();
    }
  }
}
