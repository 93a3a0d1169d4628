// Makes the AWS SDK client as this project needs it: time-outs that really end a request, five attempts, one pool of
// connections. Credentials come from the SDK's own chain.
import { Agent as HttpAgent } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';
import { S3Client, type S3ClientConfig } from '@aws-sdk/client-s3';
import { NodeHttpHandler } from '@smithy/node-http-handler';
import type { RunFile } from '../../schemas/run-file.js';

/** Connection settings of a run file; every field may be left out. */
export type StoreOptions = Partial<NonNullable<RunFile['storeOptions']>>;

/** Time limits and attempts; tests shorten them. */
export interface S3Limits {
  readonly connectionMs: number;
  /** Until the answer's head arrives, without the time that the body of a PUT takes. */
  readonly requestMs: number;
  /** Without a byte of an answer's body. */
  readonly stallMs: number;
  readonly attempts: number;
}

export const S3_LIMITS: S3Limits = {
  connectionMs: 3000,
  requestMs: 60_000,
  stallMs: 30_000,
  attempts: 5,
};

/** Slowest upload that is waited for, in bytes per millisecond. */
const SLOWEST_UPLOAD = 256;

export interface S3Connection {
  readonly client: S3Client;
  /** Where requests go; null for AWS itself. */
  readonly endpoint: string | null;
  readonly checksums: 'when_supported' | 'when_required';
}

/** A client for the options; region and endpoint come from the environment where the options have none. */
export async function connectS3(options: StoreOptions, limits: S3Limits): Promise<S3Connection> {
  const checksums = options.checksums ?? 'when_supported';
  const config: S3ClientConfig = {
    maxAttempts: limits.attempts,
    requestChecksumCalculation: checksums === 'when_supported' ? 'WHEN_SUPPORTED' : 'WHEN_REQUIRED',
    responseChecksumValidation: checksums === 'when_supported' ? 'WHEN_SUPPORTED' : 'WHEN_REQUIRED',
    followRegionRedirects: false,
    requestHandler: new NodeHttpHandler({
      connectionTimeout: limits.connectionMs,
      requestTimeout: limits.requestMs,
      throwOnRequestTimeout: true,
      socketTimeout: limits.stallMs,
      httpAgent: new HttpAgent({ keepAlive: true, maxSockets: 64 }),
      httpsAgent: new HttpsAgent({ keepAlive: true, maxSockets: 64 }),
    }),
  };
  const found = await fromEnvironment();
  const endpoint = options.endpoint ?? found.endpoint;
  const client = new S3Client({
    ...config,
    region: options.region ?? found.region,
    ...(endpoint === null ? {} : { endpoint }),
    forcePathStyle: options.pathStyle ?? endpoint !== null,
  });
  return { client, endpoint, checksums };
}

/** How long a PUT of that many bytes may take until its answer. */
export function uploadMs(bytes: number, limits: S3Limits): number {
  return limits.requestMs + bytes / SLOWEST_UPLOAD;
}

/** Region and endpoint as the SDK's chain finds them (environment, shared config), so that the store's id can name them. */
async function fromEnvironment(): Promise<{ region: string; endpoint: string | null }> {
  const bare = new S3Client({});
  try {
    const region = await bare.config.region().catch(() => 'us-east-1');
    const { serviceConfiguredEndpoint: find } = bare.config as {
      serviceConfiguredEndpoint?: () => Promise<unknown>;
    };
    const endpoint = await find?.();
    return { region, endpoint: typeof endpoint === 'string' ? endpoint : null };
  } finally {
    bare.destroy();
  }
}
