// Nominal speeds and sizes for estimates before anything ran; for planning, never for reports.
import os from 'node:os';

/** Of one core, per second. */
export const SPEED = { textBytes: 20e6, tokens: 150_000, flops: 3e10, postings: 2e6 } as const;
/** Bytes per row of tables whose rows vary. */
export const ROW_BYTES = { token: 9, activationKeys: 8, posting: 4, top: 10, profile: 600, label: 24 } as const;
/** Text bytes per stored byte of compressed sources, as English text compresses. */
export const COMPRESSION = 3.2;

export function cores(): number {
  return os.availableParallelism();
}
