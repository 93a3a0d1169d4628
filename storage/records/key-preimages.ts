// What each stage key was made of, for `explain`. The file's bytes are the canonical JSON whose digest is the key, so
// that a damaged or wrong pre-image cannot pass.
import { z } from 'zod';
import { canonicalJson } from '../../core/identity/canonical-json.js';
import { sha256Hex, stageKey, type KeyPreimage } from '../../core/identity/digest.js';
import { DataError } from '../../schemas/errors.js';
import { crashStep } from '../objects/crash-points.js';
import type { ObjectStore } from '../objects/object-store.js';
import { preimageKey } from './key-layout.js';
import { decodeRecord } from './record-io.js';

const preimageRecord = z.strictObject({
  stage: z.string(),
  stageVersion: z.number().int(),
  config: z.unknown(),
  inputs: z.unknown(),
});

/** The key of a pre-image, which is stored under it. */
export async function putKeyPreimage(store: ObjectStore, preimage: KeyPreimage): Promise<string> {
  const { stage, stageVersion, config, inputs } = preimage;
  const key = stageKey(preimage);
  const bytes = Buffer.from(canonicalJson({ stage, stageVersion, config, inputs }));
  await crashStep('key.put', () => store.putIfAbsent(preimageKey(stage, key), bytes));
  return key;
}

/** What the key was made of, or null where nobody stored it. @throws DataError unless its digest is the key */
export async function getKeyPreimage(store: ObjectStore, stage: string, key: string): Promise<KeyPreimage | null> {
  const at = preimageKey(stage, key);
  const bytes = await store.get(at);
  if (bytes === null) return null;
  const found = sha256Hex(bytes);
  if (found !== key) {
    throw new DataError(
      `Expected a pre-image with SHA-256 ${key} in ${at}, found ${found}; the record is damaged: delete it, the next plan stores it anew.`,
      { key: at, expected: key, found },
    );
  }
  const { stageVersion, config, inputs } = decodeRecord(at, bytes, preimageRecord);
  return { stage, stageVersion, config, inputs: inputs ?? null };
}
