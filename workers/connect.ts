// The worker's connection to Temporal: retried with a deadline, because a worker often starts before the server.
import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { NativeConnection, type NativeConnectionOptions } from '@temporalio/worker';
import { TransientError } from '../schemas/errors.js';
import { temporalCredentials } from '../schemas/temporal-environment.js';

const CONNECT_DEADLINE_MS = 60_000;

export async function connectWorker(address: string): Promise<NativeConnection> {
  const options: NativeConnectionOptions = {
    address,
    ...(await temporalCredentials(process.env, (path) => readFile(path))),
  };
  const deadline = Date.now() + CONNECT_DEADLINE_MS;
  for (let pauseMs = 200; ; pauseMs = Math.min(5000, pauseMs * 2)) {
    try {
      return await NativeConnection.connect(options);
    } catch (error) {
      if (Date.now() + pauseMs > deadline) {
        throw new TransientError(
          `No Temporal server answered at ${address} for ${CONNECT_DEADLINE_MS / 1000} s. Start one with \`assay up\`, or set TEMPORAL_ADDRESS.`,
          { address },
          { cause: error },
        );
      }
      await sleep(pauseMs);
    }
  }
}
