// A Temporal dev server for the tests of one file: `beforeAll(start)`, `afterAll(stop)`. A missing program is a failure.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { startTemporalServer, type TemporalServer } from '../../servers/temporal.js';
import { killAtExit } from './kill-at-exit.js';

export interface TestTemporal {
  /** The server of this moment; another one after `restart`. */
  readonly server: TemporalServer;
  readonly address: string;
  readonly uiUrl: string;
  /** Starts it again on its file and ports, after `server.kill()` or `server.stop()`. */
  restart(): Promise<void>;
  /** Stops it and removes its folder. */
  stop(): Promise<void>;
}

/** A server on free ports with an empty database in a temporary folder. */
export async function startTestTemporal(): Promise<TestTemporal> {
  const folder = await mkdtemp(path.join(tmpdir(), 'assay-temporal-'));
  const dbFile = path.join(folder, 'temporal.db');
  // Tests kill the server, not the machine.
  let server = await startTemporalServer({ dbFile, durable: false });
  const port = Number(server.address.split(':')[1]);
  const uiPort = Number(new URL(server.uiUrl).port);
  const release = killAtExit(() => server.pid);
  return {
    get server() {
      return server;
    },
    address: server.address,
    uiUrl: server.uiUrl,
    async restart() {
      server = await startTemporalServer({ dbFile, port, uiPort, durable: false });
    },
    async stop() {
      await server.stop();
      release();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
