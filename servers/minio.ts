// A MinIO server of one's own over a folder: for local stacks and tests.
import { mkdir } from 'node:fs/promises';
import { Agent, get } from 'node:http';
import path from 'node:path';
import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3';
import { locateServer } from './locate.js';
import { type RunningServer, startServerProcess, withFreePorts } from './server-process.js';

export interface MinioServerOptions {
  /** Folder that holds the objects; starting again on it serves the same ones. */
  readonly folder: string;
  /** Root user of the server, at least 3 characters. */
  readonly user: string;
  /** Its password, at least 8 characters. */
  readonly password: string;
  /** Bucket that is there when the server is ready. */
  readonly bucket: string;
  /** A free one by default. */
  readonly port?: number | undefined;
  /** Default: beside the folder. */
  readonly logFile?: string | undefined;
  /** Runs detached and is recorded there. */
  readonly recordFile?: string | undefined;
  /** Path of the program; located by default. */
  readonly program?: string | undefined;
}

export interface MinioServer extends RunningServer {
  /** For `storeOptions.endpoint`: http://127.0.0.1:PORT */
  readonly endpoint: string;
}

/**
 * A server on 127.0.0.1 that has the bucket.
 * @throws ResourceError when the program is missing, or does not come up within 60 s
 */
export async function startMinioServer(options: MinioServerOptions): Promise<MinioServer> {
  const program = options.program ?? (await locateServer('minio'));
  const folder = path.resolve(options.folder);
  await mkdir(folder, { recursive: true });
  return withFreePorts([options.port], async ([port]) => {
    const address = `127.0.0.1:${port ?? 0}`;
    const endpoint = `http://${address}`;
    const server = await startServerProcess({
      name: 'MinIO',
      program,
      // Certificates would be looked for in the home folder otherwise.
      args: ['server', folder, '--address', address, '--certs-dir', `${folder}.certs`, '--quiet'],
      env: {
        ...process.env,
        MINIO_ROOT_USER: options.user,
        MINIO_ROOT_PASSWORD: options.password,
        // The web console would listen on a port of its own.
        MINIO_BROWSER: 'off',
        MINIO_UPDATE: 'off',
      },
      address,
      info: { endpoint, folder, bucket: options.bucket },
      logFile: options.logFile ?? `${folder}.log`,
      isReady: () => isReady(endpoint, options),
      readyMs: 60_000,
      recordFile: options.recordFile,
    });
    return { ...server, endpoint };
  });
}

async function isReady(endpoint: string, options: MinioServerOptions): Promise<boolean> {
  if (!(await answers(`${endpoint}/minio/health/ready`))) return false;
  const client = new S3Client({
    endpoint,
    region: 'us-east-1',
    forcePathStyle: true,
    maxAttempts: 1,
    credentials: { accessKeyId: options.user, secretAccessKey: options.password },
  });
  try {
    await client.send(new CreateBucketCommand({ Bucket: options.bucket }));
    return true;
  } catch (error) {
    return error instanceof Error && error.name === 'BucketAlreadyOwnedByYou';
  } finally {
    client.destroy();
  }
}

/** Asked over an agent of its own: `fetch` may take a proxy of the environment, also to this machine. */
function answers(url: string): Promise<boolean> {
  const agent = new Agent();
  return new Promise((resolve, reject) => {
    get(url, { agent, signal: AbortSignal.timeout(2000) }, (response) => {
      response.resume();
      resolve(response.statusCode === 200);
    }).on('error', reject);
  });
}
