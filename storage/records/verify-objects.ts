// Rehashes stored objects and says which are damaged. Reads everything it is given; changes nothing.
import { DataError } from '../../schemas/errors.js';
import type { ObjectRecord } from '../../schemas/records.js';
import type { CallOptions, ObjectStore } from '../objects/object-store.js';
import { streamData } from './data-stream.js';
import { mapParallel } from './parallel.js';

const OBJECTS_AT_ONCE = 2;

export interface DamagedObject {
  readonly key: string;
  readonly table: string;
  readonly shard: string;
  readonly problem: string;
}

export interface VerifyReport {
  readonly objects: number;
  readonly bytes: number;
  readonly damaged: readonly DamagedObject[];
}

export interface VerifyOptions extends CallOptions {
  readonly onProgress?: ((done: { objects: number; bytes: number }) => void) | undefined;
}

/** How many objects and bytes were rehashed, and which differ from their records. Each stored object is read once. */
export async function verifyObjects(
  store: ObjectStore,
  records: readonly ObjectRecord[],
  options: VerifyOptions = {},
): Promise<VerifyReport> {
  const unique = [...new Map(records.map((record) => [record.key, record])).values()];
  const done = { objects: 0, bytes: 0 };
  const damaged = await mapParallel(unique, OBJECTS_AT_ONCE, async (record) => {
    const { problem, bytes } = await verifyOne(store, record, options);
    done.objects += 1;
    done.bytes += bytes;
    options.onProgress?.({ ...done });
    const { key, table, shard } = record;
    return problem === null ? null : { key, table, shard, problem };
  });
  return { ...done, damaged: damaged.filter((object) => object !== null) };
}

async function verifyOne(
  store: ObjectStore,
  record: ObjectRecord,
  options: CallOptions,
): Promise<{ readonly problem: string | null; readonly bytes: number }> {
  let bytes = 0;
  try {
    for await (const piece of streamData(store, record, options)) bytes += piece.length;
    const wrong = `Expected ${record.bytes} bytes in ${record.key}, found ${bytes}.`;
    return { problem: bytes === record.bytes ? null : wrong, bytes };
  } catch (error) {
    // An unreachable store or missing rights say nothing about the object.
    if (!(error instanceof DataError)) throw error;
    return { problem: error.message, bytes };
  }
}
