// A MinIO server for the tests of one file: `beforeAll(start)`, `afterAll(stop)`. A missing program is a failure.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { type MinioServer, startMinioServer } from '../../servers/minio.js';
import { killAtExit } from './kill-at-exit.js';

export interface TestMinio {
  /** The server of this moment; another one after `restart`. */
  readonly server: MinioServer;
  readonly endpoint: string;
  readonly bucket: string;
  readonly user: string;
  readonly password: string;
  /** Starts it again on its folder and port, after `server.kill()` or `server.stop()`. */
  restart(): Promise<void>;
  /** Stops it and removes its folder. */
  stop(): Promise<void>;
}

/** What this process opens S3 stores with from now on. */
export function useCredentials({ user, password }: Pick<TestMinio, 'user' | 'password'>): void {
  process.env['AWS_ACCESS_KEY_ID'] = user;
  process.env['AWS_SECRET_ACCESS_KEY'] = password;
}

/** A server on a free port with one empty bucket in a temporary folder. */
export async function startTestMinio(): Promise<TestMinio> {
  const scratch = await mkdtemp(path.join(tmpdir(), 'assay-minio-'));
  const account = { user: 'assay-test', password: 'assay-test-secret', bucket: 'assay' };
  const folder = path.join(scratch, 'objects');
  let server = await startMinioServer({ ...account, folder });
  const port = Number(new URL(server.endpoint).port);
  const release = killAtExit(() => server.pid);
  return {
    get server() {
      return server;
    },
    ...account,
    endpoint: server.endpoint,
    async restart() {
      server = await startMinioServer({ ...account, folder, port });
    },
    async stop() {
      await server.stop();
      release();
      await rm(scratch, { recursive: true, force: true });
    },
  };
}
